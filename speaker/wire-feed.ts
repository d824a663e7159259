import { uptime } from 'node:os'
import type { Logger } from '#kube/logger.ts'
import type { AnnouncementDelta } from './announcements.ts'
import { planPeers, RESTART_TIME } from './bgp/peers.ts'
import { forwardingPreserved } from './bgp/restart.ts'
import type { Forwarder } from './forwarding/forwarder.ts'
import type { Sources } from './sources.ts'
import { hasForwarded } from './status/node-state.ts'
import type { WireState } from './wire-state.ts'
import type { WireHost } from './wire/wire-host.ts'
import type { WirePeer } from './wire/protocol.ts'
import type { World } from './world.ts'

export interface WireFeedOptions {
  readonly log: Logger
  readonly wire: Pick<WireHost, 'send'>
  readonly state: WireState
  readonly forwarder: Pick<Forwarder, 'view'>
  readonly sources: Pick<Sources, 'passwords' | 'exclusions'>
}

/** What the wire thread is told of what is planned: differences only. */
export class WireFeed {
  readonly #options: WireFeedOptions
  #peers: readonly WirePeer[] = []
  #peersText = ''
  #exclusionsText = ''
  #routesComplete = false

  constructor(options: WireFeedOptions) {
    this.#options = options
  }

  /** the BGP peers that this node has */
  get peers(): readonly WirePeer[] {
    return this.#peers
  }

  /** Every route of the first complete lists was told. */
  get routesComplete(): boolean {
    return this.#routesComplete
  }

  tellPeers(world: World): void {
    const { wire, state, forwarder, sources } = this.#options
    const preserved =
      this.#routesComplete || forwardingPreserved(forwarder.view(), uptime() * 1000, RESTART_TIME)
    this.#peers = planPeers(world, sources.passwords.lookup, preserved)
    const text = JSON.stringify(this.#peers, (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    )
    if (text === this.#peersText) return
    this.#peersText = text
    state.bgp.peers(this.#peers)
    wire.send({ kind: 'peers', peers: this.#peers })
  }

  tellExclusions(): void {
    const { log, wire, sources } = this.#options
    const { patterns, problems } = sources.exclusions
    const text = JSON.stringify([patterns, problems])
    if (text === this.#exclusionsText) return
    this.#exclusionsText = text
    for (const { name, message } of problems)
      log.warn({ configMap: name, problem: message }, 'the list that was in force stays')
    wire.send({ kind: 'excludeInterfaces', patterns })
  }

  tell({ addresses, routes }: AnnouncementDelta): void {
    const { wire, state } = this.#options
    state.layer2.want(
      addresses.put.map(({ address }) => address),
      addresses.remove,
    )
    if (addresses.put.length + addresses.remove.length > 0) wire.send({ kind: 'addresses', ...addresses })
    if (routes.put.length + routes.remove.length > 0) wire.send({ kind: 'routes', ...routes })
    this.#tellComplete()
  }

  /** All Services of the first lists are planned, and those programmed that can be: peers may drop what is missing. */
  #tellComplete(): void {
    if (this.#routesComplete || !hasForwarded(this.#options.forwarder)) return
    this.#routesComplete = true
    this.#options.wire.send({ kind: 'routesComplete' })
  }
}
