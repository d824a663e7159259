import type { Connector } from '#bgp-ts/connection.ts'
import type { Route } from '#bgp-ts/route.ts'
import { Session, type StopReason } from '#bgp-ts/session.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import type { Address } from '#inet/address.ts'
import type { BfdSessions } from '../bfd/sessions.ts'
import type { WireErrorCode } from './errors.ts'
import type { WireLog } from './logger.ts'
import { PeerBfd } from './peer-bfd.ts'
import type { WireObserved, WirePeer, WireRoute, WireRouteKey } from './protocol.ts'

export interface BgpEdgeOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly connect: Connector
  readonly bfd: Pick<BfdSessions, 'acquire'>
  /** the address is in a subnet of one of this node's interfaces */
  readonly onLink: (address: Address) => boolean
  readonly post: (observed: WireObserved) => void
  readonly log: WireLog
}

interface Peer {
  readonly session: Session
  readonly bfd: PeerBfd
  config: WirePeer
  /** since when it has been blocked */
  blockedAt: number | undefined
  /** what main was told last */
  told: { readonly status: string; readonly counters: string }
}

const countersInterval = 1000

/** RFC 4486 */
const cease = {
  shutdown: { subcode: 2, text: 'the speaker is being stopped' },
  deconfigured: { subcode: 3, text: '' },
} as const satisfies Record<string, StopReason>

/**
 * The BGP sessions of this node. The wanted peers and routes are compared with what is there, and each session gets
 * the difference; a session itself knows the mildest way to apply a changed configuration.
 */
export class BgpEdge {
  readonly #options: BgpEdgeOptions
  readonly #peers = new Map<string, Peer>()
  /** by peer and prefix, also of peers that are not there (yet) */
  readonly #routes = new Map<string, Map<string, WireRoute>>()
  #timer: Timer | undefined
  #stopped = false

  constructor(options: BgpEdgeOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#tell([...this.#peers.values()], 'counters')
      this.start()
    }, countersInterval)
  }

  /** All peers that there should be. */
  peers(wanted: readonly WirePeer[]): void {
    if (this.#stopped) return
    const names = new Set(wanted.map((peer) => peer.name))
    for (const [name, peer] of this.#peers) {
      if (names.has(name)) continue
      this.#peers.delete(name)
      void peer.session.stop(cease.deconfigured)
      peer.bfd.stop()
    }
    for (const config of wanted) {
      const peer = this.#peers.get(config.name)
      if (peer === undefined) this.#add(config)
      else this.#change(peer, config)
    }
  }

  routes(put: readonly WireRoute[], remove: readonly WireRouteKey[]): void {
    for (const { peer, prefix } of remove) {
      const routes = this.#routes.get(peer)
      if (!routes?.delete(prefix)) continue
      if (routes.size === 0) this.#routes.delete(peer)
      const parsed = tryParsePrefix(prefix)
      if (parsed !== undefined) this.#peers.get(peer)?.session.withdraw(parsed)
    }
    for (const route of put) {
      const parsed = toRoute(route)
      if (parsed === undefined) {
        this.#options.log('error', 'not a prefix; the route is not announced', { ...route })
        continue
      }
      let routes = this.#routes.get(route.peer)
      if (routes === undefined) this.#routes.set(route.peer, (routes = new Map()))
      routes.set(route.prefix, route)
      this.#peers.get(route.peer)?.session.put(parsed)
    }
  }

  /** Ends every session with Cease 6/2, by which the peers drop our routes at once. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    const sessions = [...this.#peers.values()].map(({ session }) => session)
    await Promise.all(sessions.map((session) => session.stop(cease.shutdown)))
    for (const { bfd } of this.#peers.values()) bfd.stop()
  }

  #add(config: WirePeer): void {
    const { clock, random, connect, bfd: sessions, onLink, log } = this.#options
    const session = new Session(config, { clock, random, connect })
    const bfd = new PeerBfd({
      sessions,
      onLink,
      log,
      onDown: (text) => session.bfdDown(text),
      onUp: () => session.bfdUp(),
    })
    const peer: Peer = { session, bfd, config, blockedAt: undefined, told: { status: '', counters: '' } }
    this.#peers.set(config.name, peer)
    for (const route of this.#routes.get(config.name)?.values() ?? []) {
      const parsed = toRoute(route)
      if (parsed !== undefined) session.put(parsed)
    }
    session.onChange(() => {
      if (this.#peers.get(config.name) === peer) bfd.update(peer.config, session.status())
      this.#tell([peer], 'status')
    })
    if (config.blocked === undefined) session.start()
    else peer.blockedAt = clock.now()
    this.#tell([peer], 'status')
  }

  #change(peer: Peer, config: WirePeer): void {
    const before = peer.config
    peer.config = config
    if (config.blocked !== undefined) {
      if (config.blocked !== before.blocked) peer.blockedAt = this.#options.clock.now()
      if (before.blocked === undefined) void peer.session.stop(cease.shutdown)
    }
    peer.session.updateConfig(config)
    peer.bfd.update(config, peer.session.status())
    if (config.blocked === undefined && before.blocked !== undefined) {
      peer.blockedAt = undefined
      peer.session.start()
    }
    this.#tell([peer], 'status')
  }

  /** Posts the peers of which something is new: what matters at once, or counters as well. */
  #tell(peers: readonly Peer[], what: 'status' | 'counters'): void {
    const sessions: SessionStatus[] = []
    for (const peer of peers) {
      if (this.#peers.get(peer.config.name) !== peer) continue
      const status = this.#statusOf(peer)
      const told = { status: essence(status), counters: JSON.stringify(status) }
      if (told[what] === peer.told[what]) continue
      peer.told = told
      sessions.push(status)
    }
    if (sessions.length > 0) this.#options.post({ kind: 'sessions', sessions })
  }

  #statusOf({ session, config, blockedAt }: Peer): SessionStatus {
    const status = session.status()
    if (config.blocked === undefined || blockedAt === undefined) return status
    const code: WireErrorCode = 'FL_WIRE_PEER_BLOCKED'
    return { ...status, lastError: { at: blockedAt, code, text: config.blocked } }
  }
}

/** What a change of is told at once: everything but counts, which may move many times a second. */
const essence = ({
  counters: _counters,
  announced: _announced,
  pending: _pending,
  ...rest
}: SessionStatus): string => JSON.stringify(rest)

function toRoute({ prefix, localPref, communities }: WireRoute): Route | undefined {
  const parsed = tryParsePrefix(prefix)
  if (parsed === undefined) return undefined
  return { prefix: parsed, communities, ...(localPref !== undefined && { localPref }) }
}
