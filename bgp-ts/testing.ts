/** Fakes and samples for the tests of this room. */
import { parseAddress, type Address } from '#inet/address.ts'
import type { Clock, TimerHandle } from './clock.ts'
import type { PeerConfig } from './config.ts'
import type { Connection, ConnectionError } from './connection.ts'
import { BgpError } from './errors.ts'
import type { ExportContext } from './export.ts'
import { Framer } from './framer.ts'
import { RibOut } from './rib-out.ts'
import { Session } from './session.ts'
import type { CodecContext } from './wire/context.ts'
import { frameOf, type Frame } from './wire/header.ts'
import { decodeMessage, encodeMessage, type Message } from './wire/message.ts'
import type { OpenMessage } from './wire/open.ts'
import { decodeUpdate, type UpdateMessage } from './wire/update.ts'

/** Time that moves when a test says so. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000
  #timers: { at: number; fn: () => void }[] = []

  now(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): TimerHandle {
    const timer = { at: this.#now + ms, fn }
    this.#timers.push(timer)
    return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) }
  }

  /** Timers that run. */
  get pending(): number {
    return this.#timers.length
  }

  /** Runs everything that is due in the next `ms` milliseconds, in order of time, then of start. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end)
      if (due.length === 0) break
      const next = due.reduce((first, timer) => (timer.at < first.at ? timer : first))
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = next.at
      next.fn()
    }
    this.#now = end
  }
}

/** The peer's end of a connection, in the hands of a test. */
export class FakeConnection implements Connection {
  localAddress: Address | undefined
  remoteAddress: Address | undefined
  /** `close()` was called */
  closed = false
  /** what `write` answers */
  accepts = true
  written: Uint8Array[] = []
  #open = () => {}
  #data = (_chunk: Uint8Array) => {}
  #close = (_error?: ConnectionError) => {}
  #drain = () => {}

  onOpen(listener: () => void): void {
    this.#open = listener
  }
  onData(listener: (chunk: Uint8Array) => void): void {
    this.#data = listener
  }
  onClose(listener: (error?: ConnectionError) => void): void {
    this.#close = listener
  }
  onDrain(listener: () => void): void {
    this.#drain = listener
  }
  write(bytes: Uint8Array): boolean {
    this.written.push(bytes)
    return this.accepts
  }
  async close(): Promise<void> {
    this.closed = true
  }

  opened(local: string, remote: string): void {
    this.localAddress = parseAddress(local)
    this.remoteAddress = parseAddress(remote)
    this.#open()
  }
  receive(bytes: Uint8Array): void {
    if (!this.closed) this.#data(bytes)
  }
  ended(error?: ConnectionError): void {
    if (!this.closed) this.#close(error)
  }
  drained(): void {
    this.accepts = true
    this.#drain()
  }

  /** What was written since the last call, as hex, a string a message. */
  takeHex(): string[] {
    return [...framesOf(this.#takeBytes())].map(({ whole }) => Buffer.from(whole).toString('hex'))
  }

  /** What was written since the last call, decoded. */
  take(context: CodecContext): Message[] {
    return framesOf(this.#takeBytes()).map(({ frame }) => decodeMessage(frame, context).message)
  }

  #takeBytes(): Uint8Array {
    const bytes = Buffer.concat(this.written)
    this.written = []
    return bytes
  }
}

/** The messages that a chunk completes; an error is the last element. */
export function cut(chunk: Uint8Array, framer = new Framer()): (Frame | BgpError)[] {
  const found: (Frame | BgpError)[] = []
  framer.feed(chunk)
  for (let type = framer.next(); type !== undefined; type = framer.next()) {
    found.push(type instanceof BgpError ? type : framer.frame(type))
  }
  return found
}

function framesOf(bytes: Uint8Array) {
  let offset = 0
  return cut(bytes).map((frame) => {
    if (frame instanceof BgpError) throw frame
    const whole = bytes.subarray(offset, offset + 19 + frame.body.length)
    offset += whole.length
    return { frame, whole }
  })
}

/** The octets of a hex text behind a marker of sixteen `ff`; spaces are ignored. */
export const message = (hex: string): Buffer => Buffer.from('ff'.repeat(16) + hex.replaceAll(' ', ''), 'hex')

export const bothFamilies: CodecContext = {
  fourOctetAS: true,
  internal: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  extendedNextHop: false,
}

/** An Adj-RIB-Out whose UPDATEs can be read. */
export class ReadableRib extends RibOut {
  #context: CodecContext = bothFamilies

  override update(context: ExportContext): void {
    this.#context = context
    super.update(context)
  }

  /** The next UPDATEs as they go over the wire. */
  messages(most: number): Uint8Array[] {
    const { octets, ends } = this.drain(most)
    return ends.map((end, index) => octets.subarray(index === 0 ? 0 : ends[index - 1], end))
  }

  /** The next UPDATEs, decoded. */
  updates(most: number): UpdateMessage[] {
    return this.messages(most).map((bytes) => {
      const { message, problem } = decodeUpdate(frameOf('update', bytes).body, this.#context)
      if (problem !== undefined) throw problem
      return message
    })
  }
}

/** A connection that the peer has opened to us. */
export function incomingConnection(): FakeConnection {
  const connection = new FakeConnection()
  connection.localAddress = parseAddress('192.0.2.2')
  connection.remoteAddress = parseAddress('192.0.2.1')
  return connection
}

/** A started session on a fake clock; each connection it opens is added to `connections`. */
export function startSession(change: Partial<PeerConfig> = {}): {
  session: Session
  clock: FakeClock
  connections: FakeConnection[]
  /** the newest */
  connection: () => FakeConnection
} {
  const clock = new FakeClock()
  const connections: FakeConnection[] = []
  const connect = () => {
    const connection = new FakeConnection()
    connections.push(connection)
    return connection
  }
  const session = new Session({ ...testConfig, ...change }, { clock, random: () => 0.5, connect })
  session.start()
  return { session, clock, connections, connection: () => connections[connections.length - 1] }
}

/** As `startSession`, brought to a state; what was written on the way is taken. */
export function sessionIn(
  state: 'OpenSent' | 'OpenConfirm' | 'Established',
  change: Partial<PeerConfig> = {},
  open: Partial<OpenMessage> = {},
) {
  const started = startSession(change)
  const connection = started.connection()
  connection.opened('192.0.2.2', '192.0.2.1')
  if (state !== 'OpenSent') connection.receive(encodeOpenBytes(open))
  if (state === 'Established') {
    connection.receive(message('001304'))
    // End-of-RIB of both families
    started.clock.advance(0)
  }
  connection.takeHex()
  return { ...started, peer: connection }
}

/** We are AS 64500 with identifier 10.0.0.2, the peer is AS 64512 with 10.0.0.1. */
export const testConfig: PeerConfig = {
  name: 'tor',
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress('192.0.2.1'),
  port: 179,
  routerId: '10.0.0.2',
  holdTime: 90_000,
  connectRetryTime: 5000,
  multihop: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
}

export const peerOpen = (change: Partial<OpenMessage> = {}): OpenMessage => ({
  type: 'open',
  myAS: 64512,
  holdTime: 90,
  routerId: '10.0.0.1',
  capabilities: [
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    { kind: 'multiprotocol', afi: 2, safi: 1 },
    { kind: 'routeRefresh' },
    { kind: 'fourOctetAS', as: 64512 },
  ],
  ...change,
})

export const encodeOpenBytes = (change: Partial<OpenMessage> = {}): Uint8Array =>
  encodeMessage(peerOpen(change), bothFamilies)
