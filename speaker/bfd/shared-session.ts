import type { Clock, TimerHandle } from '#bgp-ts/clock.ts'
import { mergeSettings, notesOn, type BfdNote, type BfdSettings } from './config.ts'
import type { DropReason } from './errors.ts'
import { sourcePorts, type BfdChannel, type BfdPath, type BfdPort } from './port.ts'
import type { RecordingSink } from './recording.ts'
import { BfdSession } from './session.ts'
import type { BfdSessionStatus, BfdSign } from './status.ts'
import type { ControlPacket } from './wire.ts'

/** Somebody who wants a session, and how. */
export interface BfdClient {
  readonly name: string
  settings: BfdSettings
  readonly onChange: (status: BfdSessionStatus) => void
  readonly onSign?: (sign: BfdSign) => void
}

export interface SharedSessionOptions {
  readonly key: string
  readonly path: Omit<BfdPath, 'minimumTtl'>
  readonly discriminator: number
  readonly clock: Clock
  readonly random: () => number
  readonly port: BfdPort
  readonly settings: BfdSettings
  /** its last client has gone and the peer knows, or it was stopped */
  readonly onClosed: () => void
  readonly onProblem: (problem: BfdNote) => void
  readonly onChange: (status: BfdSessionStatus) => void
}

/** After the kernel refused a socket, or one that was open fails. */
const retryDelay = 1000
/** Source ports tried at one opening: others may be in use by programs of the node. */
const portsTried = 32
/** How often a peer is told AdminDown: one packet may be lost. */
const farewells = 3
/** Milliseconds between them, within which the peer's own wish counts. */
const farewellInterval = { least: 10, most: 300 } as const
/** RFC 5881 5. */
const singleHopTtl = 255

/**
 * A session for all who want one to the same peer: it begins with the first, runs as the most demanding of them wants
 * it and, when the last has gone, says AdminDown before it ends.
 */
export class SharedSession {
  readonly key: string
  readonly session: BfdSession
  readonly clients = new Set<BfdClient>()
  readonly #options: SharedSessionOptions
  #path: SharedSessionOptions['path']
  #settings: BfdSettings
  #channel: BfdChannel | undefined
  #sourcePort: number
  #sendErrors = 0
  #problem: BfdNote | undefined
  #retry: TimerHandle | undefined
  #farewell: TimerHandle | undefined
  #closed = false

  constructor(options: SharedSessionOptions) {
    const { clock, random, port, settings, discriminator } = options
    this.key = options.key
    this.#options = options
    this.#path = options.path
    this.#settings = settings
    const { first, last } = sourcePorts
    this.#sourcePort = first + Math.floor(random() * (last - first + 1))
    this.session = new BfdSession(settings, discriminator, {
      clock,
      random,
      send: (payload) => this.#channel?.send(payload),
      afterArrivals: (run) => port.afterArrivals(run),
      onChange: () => this.#tell(),
      onSign: (sign) => this.#sign(sign),
    })
  }

  get path(): SharedSessionOptions['path'] {
    return this.#path
  }

  start(): void {
    this.#open()
    this.session.start()
  }

  /** A client that names an interface binds the session to it, unless it is bound to one. */
  add(client: BfdClient, device: string | undefined): void {
    this.clients.add(client)
    if (device !== undefined && this.path.interface === undefined) {
      this.#path = { ...this.#path, interface: device }
      this.#reopen()
    }
    this.#farewell?.cancel()
    this.#farewell = undefined
    this.session.enable()
    this.settle()
  }

  /** The last one to go ends the session. */
  remove(client: BfdClient, reason: number): void {
    if (!this.clients.delete(client)) return
    if (this.clients.size === 0) this.leave(reason)
    else this.settle()
  }

  /** Says AdminDown a few times, then closes. */
  leave(reason: number): void {
    if (this.#closed || this.#farewell !== undefined) return
    this.session.disable(reason)
    this.#sayFarewell(farewells - 1)
  }

  /** Applies what the clients want by now. */
  settle(): void {
    const settings = mergeSettings([...this.clients].map((client) => client.settings))
    const before = this.#settings
    this.#settings = settings
    if (JSON.stringify(settings) === JSON.stringify(before)) return
    if (settings.minimumTtl !== before.minimumTtl && this.path.multihop) this.#reopen()
    this.session.update(settings)
  }

  /** Everything that was heard on its addresses: checked there, and handed to the session when it is good. */
  receive(packet: ControlPacket, authenticated: boolean): DropReason | undefined {
    if (authenticated) {
      this.session.drop('authentication')
      return 'authentication'
    }
    this.session.receive(packet)
    return undefined
  }

  status(): BfdSessionStatus {
    const { key, clients } = this
    const { local, remote, interface: device, multihop } = this.path
    const counters = this.session.counters()
    const ttl = this.#channel?.kernelDrops() ?? 0
    return {
      key,
      local,
      remote,
      ...(device !== undefined && { interface: device }),
      multihop,
      clients: [...clients].map(({ name }) => name).sort(),
      ...this.session.status(),
      counters: {
        ...counters,
        sendErrors: this.#sendErrors,
        drops: { ...counters.drops, ...(ttl > 0 && { ttl }) },
      },
      notes: notesOn(this.#settings),
      ...(this.#problem && { problem: this.#problem }),
    }
  }

  record(sink: RecordingSink | undefined): void {
    this.session.record(sink)
  }

  #sayFarewell(times: number): void {
    // Nobody to tell, or nobody who listens.
    const takes = this.session.peerTakes
    if (times === 0 || takes === undefined || this.#channel === undefined) return this.#close()
    const wait = Math.min(farewellInterval.most, Math.max(farewellInterval.least, takes))
    this.#farewell = this.#options.clock.setTimeout(() => {
      this.session.repeat()
      this.#sayFarewell(times - 1)
    }, wait)
  }

  #close(): void {
    this.#closed = true
    this.#farewell?.cancel()
    this.#retry?.cancel()
    this.session.stop()
    this.#channel?.close()
    this.#channel = undefined
    this.#options.onClosed()
  }

  #tell(): void {
    if (this.#closed) return
    const status = this.status()
    this.#options.onChange(status)
    for (const client of this.clients) client.onChange(status)
  }

  #sign(sign: BfdSign): void {
    if (this.#closed) return
    for (const client of this.clients) client.onSign?.(sign)
  }

  #reopen(): void {
    this.#channel?.close()
    this.#channel = undefined
    this.#open()
  }

  #open(): void {
    const { path } = this
    try {
      this.#channel = this.#openChannel({
        ...path,
        minimumTtl: path.multihop ? this.#settings.minimumTtl : singleHopTtl,
      })
      this.#problem = undefined
    } catch (error) {
      const said = this.#problem !== undefined
      this.#problem = { code: 'FL_BFD_SOCKET', text: socketWords(error, path) }
      if (!said) this.#options.onProblem(this.#problem)
      this.#openAgain()
    }
  }

  /** The port of the session; another when it is in use. */
  #openChannel(path: BfdPath): BfdChannel {
    const { first, last } = sourcePorts
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#options.port.open(
          path,
          this.#sourcePort,
          (error) => this.#sendFailed(error),
          () => this.#sign('refused'),
        )
      } catch (error) {
        if (attempt === portsTried || !isSourcePortInUse(error, this.#sourcePort)) throw error
        this.#sourcePort = this.#sourcePort === last ? first : this.#sourcePort + 1
      }
    }
  }

  #openAgain(): void {
    this.#retry ??= this.#options.clock.setTimeout(() => {
      this.#retry = undefined
      if (!this.#closed) this.#reopen()
    }, retryDelay)
  }

  /** An interface or an address that has gone: sockets of its successor have to be opened anew. */
  #sendFailed(error: Error): void {
    this.#sendErrors++
    if (lostErrors.has((error as NodeJS.ErrnoException).code ?? '')) this.#openAgain()
  }
}

const lostErrors = new Set(['EADDRNOTAVAIL', 'EINVAL', 'ENODEV', 'ENXIO'])

const errnoOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'errnoName' in error ? String(error.errnoName) : ''

const isSourcePortInUse = (error: unknown, port: number): boolean =>
  errnoOf(error) === 'EADDRINUSE' && String(error).includes(`port ${port}`)

function socketWords(
  error: unknown,
  { local, interface: device, multihop }: SharedSessionOptions['path'],
): string {
  switch (errnoOf(error)) {
    case 'EADDRINUSE':
      return `another BFD daemon on this node has UDP port ${multihop ? 4784 : 3784} of ${local}`
    case 'EADDRNOTAVAIL':
      return `${local} is not an address of this node, or not usable yet`
    case 'ENODEV':
      return `there is no interface ${device ?? ''}`
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
