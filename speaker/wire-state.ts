import type { SessionStatus } from '#bgp-ts/status.ts'
import type { Logger } from '#kube/logger.ts'
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
  #interfaces: readonly WireInterface[] = []

  constructor(options: WireStateOptions) {
    this.#options = options
  }

  observe(observed: WireObserved): void {
    const { log, metrics } = this.#options
    switch (observed.kind) {
      case 'interfaces':
        return this.#interfacesSeen(observed.interfaces)
      case 'holders':
        for (const holder of observed.holders) this.#holders.set(holder.address, holder)
        return this.#options.onHolders(observed.holders.map(({ address }) => address))
      case 'sessions':
        for (const session of observed.sessions) this.#session(session)
        return this.#options.onSessions()
      case 'counters':
        for (const counters of observed.addresses) this.#counters.set(counters.address, counters)
        return metrics.addresses(observed.addresses)
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
    const before = JSON.stringify(this.#interfaces.filter(isOwn))
    this.#interfaces = interfaces
    if (JSON.stringify(interfaces.filter(isOwn)) !== before) this.#options.onInterfaces()
  }

  /** Sessions of peers that are no longer configured are forgotten. */
  peers(peers: readonly WirePeer[]): void {
    const names = new Set(peers.map(({ name }) => name))
    for (const [name, session] of this.#sessions) {
      if (names.has(name)) continue
      this.#sessions.delete(name)
      this.#options.metrics.forgetSession(session.endpoint)
    }
  }

  /** Addresses that are no longer wanted. */
  forget(addresses: readonly string[]): void {
    for (const address of addresses) {
      this.#holders.delete(address)
      this.#counters.delete(address)
    }
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
        state,
        since: new Date(since).toISOString(),
        ...(lastError === undefined || state === 'Established' ? {} : { lastError: lastError.text }),
      })),
      heldAddresses: [...this.#holders.values()].filter(({ held }) => held).length,
    }
  }

  #session(session: SessionStatus): void {
    const before = this.#sessions.get(session.peer)
    this.#sessions.set(session.peer, session)
    this.#options.metrics.session(session)
    if (before?.state === session.state) return
    const { peer, endpoint, state, lastError } = session
    this.#options.log.info(
      { peer, endpoint, state, ...(lastError ? { lastError: lastError.text } : {}) },
      'BGP session',
    )
  }
}

/** Not a pod's end of a link and not the loopback: an interface a person would name. */
const isOwn = ({ reason, prefixes }: WireInterface): boolean =>
  reason === '' || (prefixes.length > 0 && reason !== 'loopback')
