import type { Clock } from '#bgp-ts/clock.ts'
import { tryParseAddress } from '#inet/address.ts'
import type { BfdNote, BfdSettings } from './config.ts'
import { BfdError, diagnostic, type DropReason } from './errors.ts'
import { isLinkLocal, type BfdDatagram, type BfdPort } from './port.ts'
import type { RecordingSink } from './recording.ts'
import { SharedSession, type BfdClient } from './shared-session.ts'
import type { BfdSessionStatus, BfdSign } from './status.ts'
import { decodeControl } from './wire.ts'

export interface BfdSessionsOptions {
  readonly clock: Clock
  /** 0 <= n < 1, for the jitter */
  random(): number
  /** 1 to 2^32-1, not to be guessed: whoever knows it can speak for the peer */
  discriminator(): number
  readonly port: BfdPort
  /** a packet that had no effect; may come as often as the network likes */
  onDrop?(reason: DropReason, datagram: BfdDatagram): void
  /** something in a session's status is another: its state, the peer's, its clients, a problem */
  onChange?(status: BfdSessionStatus): void
  onClosed?(key: string): void
  onProblem?(status: BfdSessionStatus, problem: BfdNote): void
}

/** A wish for a session. Addresses are canonical text without a zone. */
export interface BfdRequest {
  readonly local: string
  readonly remote: string
  /** needed with link-local addresses; packets of others then leave by it, too */
  readonly interface?: string
  readonly multihop: boolean
  readonly settings: BfdSettings
  /** who asks, for people: `bgp/tor-1` */
  readonly client: string
}

/** A share in a session. */
export interface BfdHandle {
  readonly key: string
  status(): BfdSessionStatus
  /** agreed, milliseconds from one of our packets to the next, at most */
  transmitInterval(): number
  update(settings: BfdSettings): void
  /**
   * Once; after that `onChange` is not called any more.
   * @param reason the diagnostic that the peer gets with AdminDown; `adminDown` when absent
   */
  release(reason?: number): void
}

/** More neighbours than a node with sessions to every other of 64 nodes over some LANs, and to its routers, has. */
export const maxSessions = 512

/**
 * The BFD sessions of a node, shared by all who want one between the same addresses, and the way from a datagram to
 * its session.
 */
export class BfdSessions {
  readonly #options: BfdSessionsOptions
  readonly #byKey = new Map<string, SharedSession>()
  readonly #byDiscriminator = new Map<number, SharedSession>()
  readonly #drops: Partial<Record<DropReason, number>> = {}
  #stopped: (() => void) | undefined

  constructor(options: BfdSessionsOptions) {
    this.#options = options
  }

  /**
   * Begins a session, or takes a share in the one that is there. `onChange` is called after the state here or at the
   * peer has changed, with what `status()` says then; `onSign` at each packet and where one is missed.
   * @throws BfdError FL_BFD_ADDRESS, FL_BFD_TOO_MANY
   */
  acquire(
    request: BfdRequest,
    onChange: (status: BfdSessionStatus) => void,
    onSign?: (sign: BfdSign) => void,
  ): BfdHandle {
    const key = keyOf(request)
    const shared = this.#byKey.get(key) ?? this.#create(key, request)
    const { client: name, settings } = request
    const client: BfdClient = { name, settings, onChange, ...(onSign && { onSign }) }
    shared.add(client, request.interface)
    this.#options.onChange?.(shared.status())
    return {
      key,
      status: () => shared.status(),
      transmitInterval: () => shared.session.transmitInterval,
      update: (settings) => {
        client.settings = settings
        if (shared.clients.has(client)) shared.settle()
      },
      release: (reason = diagnostic.adminDown) => {
        if (!shared.clients.has(client)) return
        shared.remove(client, reason)
        if (this.#byKey.get(key) === shared) this.#options.onChange?.(shared.status())
      },
    }
  }

  /** A datagram that was heard on one of the ports. */
  receive(datagram: BfdDatagram): void {
    const reason = this.#receive(datagram)
    if (reason === undefined) return
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1
    this.#options.onDrop?.(reason, datagram)
  }

  statuses(): BfdSessionStatus[] {
    return [...this.#byKey.values()].map((shared) => shared.status())
  }

  /** Packets without effect, by reason, of all sessions and of none. */
  get drops(): Readonly<Partial<Record<DropReason, number>>> {
    return this.#drops
  }

  /** Writes what the session's state machine sees and does; undefined ends that. False: there is no such session. */
  record(key: string, sink: RecordingSink | undefined): boolean {
    const shared = this.#byKey.get(key)
    shared?.record(sink)
    return shared !== undefined
  }

  /** Tells every peer AdminDown; resolves when all are told, within a second. Nothing may be acquired after it. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopped = resolve
      for (const shared of this.#byKey.values()) shared.leave(diagnostic.adminDown)
      this.#resolveWhenEmpty()
    })
  }

  /** RFC 5880 6.3, 6.8.6. */
  #receive({ payload, ...where }: BfdDatagram): DropReason | undefined {
    const decoded = decodeControl(payload)
    if ('drop' in decoded) return decoded.drop
    const { packet, authenticated } = decoded
    const { yourDiscriminator, state } = packet
    if (yourDiscriminator !== 0) {
      // Only by the discriminator; but the two ports have TTL checks of different strength.
      const shared = this.#byDiscriminator.get(yourDiscriminator)
      if (shared?.path.multihop !== where.multihop) return 'unknownSession'
      return shared.receive(packet, authenticated)
    }
    if (state === 'Init' || state === 'Up') return 'stateWithoutSession'
    const shared = this.#byKey.get(keyText(where))
    return shared === undefined ? 'noSession' : shared.receive(packet, authenticated)
  }

  #create(key: string, request: BfdRequest): SharedSession {
    if (this.#byKey.size >= maxSessions) {
      throw new BfdError('FL_BFD_TOO_MANY', `there are ${maxSessions} BFD sessions already`)
    }
    const { clock, random, port, onClosed, onProblem } = this.#options
    const { local, remote, multihop, settings } = request
    const discriminator = this.#freeDiscriminator()
    const shared = new SharedSession({
      key,
      path: {
        family: remote.includes(':') ? 6 : 4,
        local,
        remote,
        ...(request.interface !== undefined && { interface: request.interface }),
        multihop,
      },
      discriminator,
      clock,
      random,
      port,
      settings,
      onClosed: () => {
        this.#byKey.delete(key)
        this.#byDiscriminator.delete(discriminator)
        onClosed?.(key)
        this.#resolveWhenEmpty()
      },
      onProblem: (problem) => onProblem?.(shared.status(), problem),
      onChange: (status) => this.#options.onChange?.(status),
    })
    this.#byKey.set(key, shared)
    this.#byDiscriminator.set(discriminator, shared)
    shared.start()
    return shared
  }

  #freeDiscriminator(): number {
    for (;;) {
      const candidate = this.#options.discriminator()
      if (candidate !== 0 && !this.#byDiscriminator.has(candidate)) return candidate
    }
  }

  #resolveWhenEmpty(): void {
    if (this.#byKey.size === 0) this.#stopped?.()
  }
}

/** @throws BfdError FL_BFD_ADDRESS */
function keyOf(request: BfdRequest): string {
  const { local, remote, multihop } = request
  const families = [local, remote].map((text) => tryParseAddress(text)?.family)
  const refuse = (why: string): never => {
    throw new BfdError('FL_BFD_ADDRESS', `no BFD session from ${local} to ${remote}: ${why}`)
  }
  if (families.includes(undefined)) refuse('not an address')
  if (families[0] !== families[1]) refuse('two address families')
  if (local === remote) refuse('that is this node itself')
  if (isLinkLocal(remote) && multihop) refuse('a link-local address is never more than a hop away')
  if (isLinkLocal(remote) && request.interface === undefined)
    refuse('a link-local address needs an interface')
  return keyText(request)
}

/** Between two addresses there is one session a port; link-local addresses mean something on one link only. */
function keyText(where: Pick<BfdRequest, 'local' | 'remote' | 'interface' | 'multihop'>): string {
  const zone = isLinkLocal(where.remote) ? `%${where.interface}` : ''
  return `${where.multihop ? 'multihop' : 'single-hop'} ${where.local} ${where.remote}${zone}`
}
