import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { connectTcp, listenTcp } from '#raw-socket/tcp.ts'
import { until, type Netns } from '../netns.ts'

const marker = 'ff'.repeat(16)
const headerLength = 19

export const keepalive = Buffer.from(`${marker}001304`, 'hex')
/** For IPv4 unicast (RFC 2918). */
export const routeRefresh = Buffer.from(`${marker}00170500010001`, 'hex')

/**
 * A good OPEN of AS 64512 with identifier 10.0.0.1: IPv4 and IPv6 unicast, route refresh, 4-octet AS.
 * @param holdTime seconds
 */
export function openMessage(holdTime: number): Buffer {
  const capabilities = ['010400010001', '010400020001', '0200', '41040000fc00'].join('')
  const size = capabilities.length / 2
  const hex = (value: number, octets: number): string => value.toString(16).padStart(octets * 2, '0')
  const parameter = `02${hex(size, 1)}${capabilities}`
  const body = `04fc00${hex(holdTime, 2)}0a000001${hex(size + 2, 1)}${parameter}`
  return Buffer.from(`${marker}${hex(headerLength + body.length / 2, 2)}01${body}`, 'hex')
}

/** The type octet of a message in hex. */
export const typeOf = (message: string): number => Number.parseInt(message.slice(36, 38), 16)

export const messageType = { open: 1, update: 2, notification: 3, keepalive: 4 } as const

/** A connection with the speaker in the hands of a test. */
export class ScriptedConnection {
  /** whole messages of the speaker, as hex, in order */
  readonly messages: string[] = []
  /** octets that the speaker has sent */
  received = 0
  ended = false
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('end', () => (this.ended = true))
    socket.on('close', () => (this.ended = true))
  }

  write(octets: Uint8Array): void {
    this.#socket.write(octets)
  }

  /** Resolves when the kernel has taken it, or the connection is gone. */
  async pour(octets: Uint8Array): Promise<void> {
    if (this.ended || this.#socket.write(octets)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done)
        resolve()
      }
      this.#socket.on('drain', done).on('close', done)
    })
  }

  /** Reads no more, so that the kernel's buffers fill and the window closes. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** The peer ends its side. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Messages of one type. */
  of(type: keyof typeof messageType): string[] {
    return this.messages.filter((message) => typeOf(message) === messageType[type])
  }

  /** Resolves with the next octets that arrive. */
  async next(): Promise<void> {
    await once(this.#socket, 'data')
  }

  /** Waits for so many messages of the type. */
  async has(type: keyof typeof messageType, count = 1): Promise<void> {
    await until(`${count} ${type} messages`, () => this.of(type).length >= count, patience)
  }

  async closed(): Promise<void> {
    await until('closed', () => this.ended, patience)
  }

  #read(chunk: Buffer): void {
    this.received += chunk.length
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= headerLength && this.#rest.length >= this.#rest.readUInt16BE(16)) {
      const length = this.#rest.readUInt16BE(16)
      this.messages.push(this.#rest.subarray(0, length).toString('hex'))
      this.#rest = this.#rest.subarray(length)
    }
  }
}

/** The machine may be busy. */
const patience = 20_000

/** A BGP port in a namespace behind which nothing happens by itself. */
export class ScriptedPeer {
  readonly #ns: Netns
  readonly #address: string
  readonly #server: Server
  readonly #waiting: ScriptedConnection[] = []

  constructor(ns: Netns, address: string) {
    this.#ns = ns
    this.#address = address
    this.#server = inNetworkNamespace(ns.path, () =>
      listenTcp({ family: 4, local: { address, port: 179 }, ttl: 1 }, (socket) =>
        this.#waiting.push(new ScriptedConnection(socket)),
      ),
    )
  }

  /** The next connection of the speaker that is still open. */
  accept(): Promise<ScriptedConnection> {
    return until(
      'a connection of the speaker',
      () => {
        const next = this.#waiting.shift()
        return next !== undefined && !next.ended && next
      },
      patience,
    )
  }

  /** A connection to the speaker. */
  async connect(address: string): Promise<ScriptedConnection> {
    const socket = inNetworkNamespace(this.#ns.path, () =>
      connectTcp({
        family: 4,
        local: { address: this.#address },
        remote: { address, port: 179 },
        ttl: 1,
      }),
    )
    await once(socket, 'connect')
    return new ScriptedConnection(socket)
  }

  close(): void {
    this.#server.close()
    for (const connection of this.#waiting) connection.destroy()
  }
}
