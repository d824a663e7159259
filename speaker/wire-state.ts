import type { SessionStatus } from '#bgp-ts/status.ts'
import type { Logger } from '#kube/logger.ts'
import { diagnosticWords } from './bfd/errors.ts'
import { registerBfdMetrics } from './bfd/metrics.ts'
import type { BfdSessionStatus } from './bfd/status.ts'
import type { SpeakerMetrics } from './metrics.ts'
import type { SpeakerStatusBody } from './status/speaker-status.ts'
import type { AddressCounters, WireHolder, WireInterface, WireObserved, WirePeer } from './wire/protocol.ts'

export interface WireStateOptions {
  readonly log: Logger
  readonly metrics: SpeakerMetrics
  readonly onHolders: (addresses: readonly string[]) => void
  readonly onInterfaces: () => void
  readonly onSessions: () => void
}

/** What the wire thread has last said, kept on the main thread for status, metrics and the admin API. */
export class WireState {
  readonly #options: WireStateOptions
  readonly #holders = new Map<string, WireHolder>()
  readonly #counters = new Map<string, AddressCounters>()
  readonly #sessions = new Map<string, SessionStatus>()
  /** peer -> epoch milliseconds since it is Established, or since it is not */
  readonly #turned = new Map<string, number>()
  /** by their own key */
  readonly #bfd = new Map<string, BfdSessionStatus>()
  #bfdDrops: Readonly<Record<string, number>> = {}
  readonly #wanted = new Set<string>()
  #peers: ReadonlySet<string> = new Set()
  #interfaces: readonly WireInterface[] = []

  constructor(options: WireStateOptions) {
    this.#options = options
    registerBfdMetrics(options.metrics.registry, {
      sessions: () => this.#bfd.values(),
      drops: () => this.#bfdDrops,
    })
  }

  observe(observed: WireObserved): void {
    const { log, metrics } = this.#options
    switch (observed.kind) {
      case 'interfaces':
        return this.#interfacesSeen(observed.interfaces)
      case 'holders': {
        // What was on its way when an address or a peer was given up would stay for ever: only what is wanted counts.
        const wanted = observed.holders.filter(({ address }) => this.#wanted.has(address))
        for (const holder of wanted) this.#holders.set(holder.address, holder)
        return this.#options.onHolders(wanted.map(({ address }) => address))
      }
      case 'sessions':
        for (const session of observed.sessions) if (this.#peers.has(session.peer)) this.#session(session)
        return this.#options.onSessions()
      case 'bfd':
        return this.#bfdSeen(observed)
      case 'counters': {
        const wanted = observed.addresses.filter(({ address }) => this.#wanted.has(address))
        for (const counters of wanted) this.#counters.set(counters.address, counters)
        return metrics.addresses(wanted)
      }
      case 'conflict':
        return log.warn({ ...observed }, 'another machine claims an address held here')
      case 'log':
        return log[observed.level](observed.fields, observed.message)
      case 'stopped':
        return undefined
    }
  }

  /** Every pod brings a link of its own; only the node's own ones matter to anybody else. */
  #interfacesSeen(interfaces: readonly WireInterface[]): void {
    const before = this.#relevant()
    this.#interfaces = interfaces
    if (this.#relevant() !== before) this.#options.onInterfaces()
  }

  #relevant(): string {
    return JSON.stringify([this.#interfaces.filter(isOwn), this.localAddresses()])
  }

  /** Sessions of peers that are no longer configured are forgotten. */
  peers(peers: readonly WirePeer[]): void {
    this.#peers = new Set(peers.map(({ name }) => name))
    for (const [name, session] of this.#sessions) {
      if (this.#peers.has(name)) continue
      this.#sessions.delete(name)
      this.#turned.delete(name)
      this.#options.metrics.forgetSession(session.endpoint)
    }
  }

  /** Addresses that the wire thread was told of, and those it was told to give up. */
  want(put: readonly string[], remove: readonly string[]): void {
    for (const address of put) this.#wanted.add(address)
    for (const address of remove) {
      this.#wanted.delete(address)
      this.#holders.delete(address)
      this.#counters.delete(address)
      this.#options.metrics.forgetAddress(address)
    }
  }

  /** Addresses of this node's interfaces, without loopback and link-local ones. */
  localAddresses(): string[] {
    return this.#interfaces
      .filter(({ reason }) => reason !== 'loopback')
      .flatMap(({ prefixes }) =>
        prefixes.filter((prefix) => !isLinkLocal(prefix)).map((prefix) => prefix.split('/')[0]),
      )
  }

  get interfaces(): readonly WireInterface[] {
    return this.#interfaces
  }

  holder(address: string): WireHolder | undefined {
    return this.#holders.get(address)
  }

  counters(address: string): AddressCounters | undefined {
    return this.#counters.get(address)
  }

  session(peer: string): SessionStatus | undefined {
    return this.#sessions.get(peer)
  }

  /** The BFD session that watches the path to a BGP peer. */
  bfdOf(peer: string): BfdSessionStatus | undefined {
    return [...this.#bfd.values()].find(({ clients }) => clients.includes(`bgp/${peer}`))
  }

  get bfd(): readonly BfdSessionStatus[] {
    return [...this.#bfd.values()]
  }

  /** This part of a SpeakerStatus. */
  status(): Pick<SpeakerStatusBody, 'interfaces' | 'sessions' | 'heldAddresses'> {
    return {
      interfaces: this.#interfaces.filter(isOwn).map(({ name, mac, up, usable, prefixes }) => ({
        name,
        mac,
        up,
        usable,
        prefixes,
      })),
      sessions: [...this.#sessions.values()].map(({ peer, endpoint, state, since, lastError }) => ({
        peer,
        address: endpoint,
        // Between attempts a session goes back and forth; whoever reads this wants to know whether it is up.
        state: state === 'Established' ? state : 'Active',
        since: new Date(this.#turned.get(peer) ?? since).toISOString(),
        ...(lastError === undefined || state === 'Established' ? {} : { lastError: lastError.text }),
        ...bfdPart(this.bfdOf(peer)),
      })),
      heldAddresses: [...this.#holders.values()].filter(({ held }) => held).length,
    }
  }

  #bfdSeen({ sessions, closed, drops }: Extract<WireObserved, { kind: 'bfd' }>): void {
    let changed = closed.length > 0
    for (const key of closed) this.#bfd.delete(key)
    for (const session of sessions) {
      const before = this.#bfd.get(session.key)
      this.#bfd.set(session.key, session)
      if (before?.clients.join() !== session.clients.join()) changed = true
      if ((before?.state ?? 'Down') === session.state) continue
      changed = true
      const { local, remote, clients, state, diagnostic, remoteState } = session
      this.#options.log.info(
        { local, remote, clients, state, remoteState, diagnostic: diagnosticWords(diagnostic) },
        'BFD session',
      )
    }
    if (drops !== undefined) this.#bfdDrops = drops
    if (changed) this.#options.onSessions()
  }

  #session(session: SessionStatus): void {
    const before = this.#sessions.get(session.peer)
    this.#sessions.set(session.peer, session)
    this.#options.metrics.session(session)
    if (before !== undefined && before.endpoint !== session.endpoint) {
      this.#options.metrics.forgetSession(before.endpoint)
    }
    if (before === undefined || (before.state === 'Established') !== (session.state === 'Established')) {
      this.#turned.set(session.peer, session.since)
    }
    if (before?.state === session.state) return
    const { peer, endpoint, state, lastError } = session
    this.#options.log.info(
      { peer, endpoint, state, ...(lastError ? { lastError: lastError.text } : {}) },
      'BGP session',
    )
  }
}

/** An interface a person would name: not a pod's end of a link, not a port of a bridge, not the loopback. */
const isOwn = ({ reason, prefixes }: WireInterface): boolean =>
  reason === '' || (!foreignReasons.has(reason) && prefixes.some((prefix) => !isLinkLocal(prefix)))

const foreignReasons = new Set(['loopback', 'excluded', 'enslaved'])

/** fe80::/10: every link has one, also a pod's. */
const isLinkLocal = (prefix: string): boolean => /^fe[89ab]/i.test(prefix)

/** On its way Up a session is in other states for a moment; whoever reads this wants to know whether it is up. */
const bfdPart = (session: BfdSessionStatus | undefined): { bfd?: 'Up' | 'Down' } =>
  session === undefined ? {} : { bfd: session.state === 'Up' ? 'Up' : 'Down' }
