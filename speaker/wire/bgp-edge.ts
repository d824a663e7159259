import { changeEffects } from '#bgp-ts/config-change.ts'
import type { Connector } from '#bgp-ts/connection.ts'
import type { RibRoute } from '#bgp-ts/rib-list.ts'
import { Session } from '#bgp-ts/session.ts'
import type { StopReason } from '#bgp-ts/session-ports.ts'
import type { SessionState, SessionStatus } from '#bgp-ts/status.ts'
import { parseAddress, type Address } from '#inet/address.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import type { BfdSessions } from '../bfd/sessions.ts'
import { TokenBucket } from '../layer2/rate.ts'
import type { AcceptingPeer } from './bgp-listener.ts'
import { PeerRoutes } from './bgp-routes.ts'
import { essence, keepsRoutes, toldStatus } from './bgp-status.ts'
import type { WireErrorCode } from './errors.ts'
import type { WireLog } from './logger.ts'
import { md5Words, type Md5Counters } from './md5-counters.ts'
import { PeerBfd } from './peer-bfd.ts'
import type { WireAnswer, WireObserved, WirePeer, WireQuestion, WireRoute, WireRouteKey } from './protocol.ts'
import type { Routers } from './router-discovery-edge.ts'

/** Where connections of peers come in. */
export interface PeerListener {
  /** all peers there are */
  update(peers: readonly AcceptingPeer[]): void
  stop(): void
}

export interface BgpEdgeOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly connect: Connector
  readonly listener: PeerListener
  /** finds the routers of unnumbered peers; `inUse` and `onChange` as in `RouterDiscoveryOptions` */
  readonly routers: (hooks: { inUse: (interfaceName: string) => boolean; onChange: () => void }) => Routers
  readonly bfd: Pick<BfdSessions, 'acquire'>
  /** the address is in a subnet of one of this node's interfaces */
  readonly onLink: (address: Address) => boolean
  /** segments that the kernel has dropped for their signature so far */
  readonly md5: () => Md5Counters
  readonly post: (observed: WireObserved) => void
  readonly log: WireLog
}

interface Peer {
  readonly session: Session
  readonly bfd: PeerBfd
  /** as it is run: an unnumbered peer has the address of its router */
  config: WirePeer
  /** why and since when it must not connect */
  blocked: Blocked | undefined
  /** as read when the last attempt to connect ran out of time, or before the first */
  md5: Md5Counters
  /** what the difference to the reading before says about that attempt */
  signatures: { readonly at: number; readonly words: string } | undefined
  /** what main was told last */
  told: { readonly status: string; readonly counters: string; readonly state?: SessionState }
  /** what is told at once without a change of state: a peer that connects and leaves causes as much as it likes */
  readonly tellings: TokenBucket
}

interface Blocked {
  readonly at: number
  readonly code: WireErrorCode
  readonly text: string
}

const countersInterval = 1000
const tellingsPerSecond = 10
/** In one answer. */
const mostRoutes = 20_000

/** RFC 4486 */
const cease = {
  shutdown: { subcode: 2, text: 'the speaker is being stopped' },
  blocked: { subcode: 2, text: '' },
  deconfigured: { subcode: 3, text: '' },
} as const satisfies Record<string, StopReason>

/**
 * The BGP sessions of this node. The wanted peers and routes are compared with what is there, and each session gets
 * the difference; a session itself knows the mildest way to apply a changed configuration.
 */
export class BgpEdge {
  readonly #options: BgpEdgeOptions
  readonly #routers: Routers
  readonly #peers = new Map<string, Peer>()
  readonly #routes: PeerRoutes
  #wanted: readonly WirePeer[] = []
  #complete = false
  #gracefulShutdown = false
  #timer: Timer | undefined
  #again: Timer | undefined
  #stopped = false

  constructor(options: BgpEdgeOptions) {
    this.#options = options
    this.#routes = new PeerRoutes((peer) => this.#peers.get(peer)?.session, options.log)
    this.#routers = options.routers({
      inUse: (name) => this.#inUse(name),
      onChange: () => {
        this.#again ??= options.clock.setTimeout(() => {
          this.#again = undefined
          this.#apply()
        }, 0)
      },
    })
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#tell([...this.#peers.values()], 'counters')
      this.start()
    }, countersInterval)
  }

  /** All peers that there should be. */
  peers(wanted: readonly WirePeer[]): void {
    this.#wanted = wanted
    this.#apply()
  }

  routes(put: readonly WireRoute[], remove: readonly WireRouteKey[]): void {
    this.#routes.change(put, remove)
  }

  /** The routes that were put are all there are: until now no peer was told so (End-of-RIB, RFC 4724). */
  routesComplete(): void {
    this.#complete = true
    for (const { session } of this.#peers.values()) session.endOfRib(true)
  }

  /**
   * All routes carry GRACEFUL_SHUTDOWN from now on (RFC 8326), or no more.
   * @param sparing not those that their peer keeps over a restart
   */
  gracefulShutdown(on: boolean, sparing = false): void {
    this.#gracefulShutdown = on
    for (const { session } of this.#peers.values()) {
      if (!sparing || !keepsRoutes(session.status())) session.gracefulShutdown(on)
    }
  }

  /** What a person asked for: of very many routes the first ones, and how many there are. */
  answer({ about, peer }: WireQuestion): WireAnswer {
    const session = this.#peers.get(peer)?.session
    if (session === undefined) return { about: 'nobody' }
    if (about === 'messages') return { about, messages: session.messages() }
    const routes: RibRoute[] = [...session.routes()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
    return { about, routes: routes.slice(0, mostRoutes), total: routes.length }
  }

  /**
   * Ends every session: with Cease 6/2, by which the peer drops our routes at once, or without a word where graceful
   * restart was agreed on and routes are still announced: what comes next may be the next version of this speaker.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#again?.cancel()
    this.#options.listener.stop()
    this.#routers.stop()
    const peers = [...this.#peers.values()]
    await Promise.all(
      peers.map(({ session }) =>
        keepsRoutes(session.status()) ? session.abandon() : session.stop(cease.shutdown),
      ),
    )
    for (const { bfd } of peers) bfd.stop()
  }

  #apply(): void {
    if (this.#stopped) return
    const unnumbered = this.#wanted.filter((peer) => peer.unnumbered && peer.blocked === undefined)
    this.#routers.want(new Set(unnumbered.flatMap(({ device }) => device ?? [])))
    const names = new Set(this.#wanted.map((peer) => peer.name))
    for (const [name, peer] of this.#peers) {
      if (names.has(name)) continue
      this.#peers.delete(name)
      void peer.session.stop(cease.deconfigured)
      peer.bfd.stop()
      this.#routes.release(name)
    }
    for (const wanted of this.#wanted) {
      const { config, refusal } = this.#resolve(wanted)
      const peer = this.#peers.get(config.name)
      if (peer === undefined) this.#add(config, refusal)
      else this.#change(peer, config, refusal)
    }
    this.#options.listener.update(
      [...this.#peers.values()].map(({ session, config, blocked }) => ({
        config,
        wanted: config.listen === true && blocked === undefined,
        accept: (connection) => session.accept(connection),
      })),
    )
  }

  /** With the address of the router, where the peer is whoever is at the other end of an interface. */
  #resolve(wanted: WirePeer): { config: WirePeer; refusal?: Omit<Blocked, 'at'> } {
    const { blocked, device = '' } = wanted
    if (blocked !== undefined)
      return { config: wanted, refusal: { code: 'FL_WIRE_PEER_BLOCKED', text: blocked } }
    if (!wanted.unnumbered) return { config: wanted }
    const router = this.#routers.router(device)
    if ('address' in router) return { config: { ...wanted, address: parseAddress(router.address) } }
    return {
      config: { ...wanted, blocked: router.problem },
      refusal: { code: 'FL_WIRE_NO_ROUTER', text: router.problem },
    }
  }

  #inUse(interfaceName: string): boolean {
    return [...this.#peers.values()].some(
      ({ config, session }) =>
        config.unnumbered && config.device === interfaceName && session.status().state === 'Established',
    )
  }

  #add(config: WirePeer, refusal: Omit<Blocked, 'at'> | undefined): void {
    const { clock, random, connect, bfd: sessions, onLink, log } = this.#options
    const session = new Session(config, { clock, random, connect, rib: this.#routes.of(config.name) })
    session.endOfRib(this.#complete)
    session.gracefulShutdown(this.#gracefulShutdown)
    const bfd = new PeerBfd({
      sessions,
      onLink,
      log,
      onDown: (text) => session.bfdDown(text),
      onUp: () => session.bfdUp(),
    })
    const blocked = refusal && { at: clock.now(), ...refusal }
    const peer: Peer = {
      session,
      bfd,
      config,
      blocked,
      md5: this.#options.md5(),
      signatures: undefined,
      told: { status: '', counters: '' },
      tellings: new TokenBucket(tellingsPerSecond, tellingsPerSecond),
    }
    this.#peers.set(config.name, peer)
    session.onChange(() => {
      if (this.#peers.get(config.name) === peer) bfd.update(peer.config, session.status())
      this.#readSignatures(peer)
      this.#tell([peer], 'status')
    })
    if (blocked === undefined) session.start()
    this.#tell([peer], 'status')
  }

  #change(peer: Peer, config: WirePeer, refusal: Omit<Blocked, 'at'> | undefined): void {
    const { clock, log } = this.#options
    const { config: before, blocked: was } = peer
    const same = was !== undefined && refusal !== undefined && was.text === refusal.text
    peer.config = config
    peer.blocked = same ? was : refusal && { at: clock.now(), ...refusal }
    if (was === undefined && refusal !== undefined) void peer.session.stop(cease.blocked)
    if (was === undefined && refusal === undefined && changeEffects(before, config).has('reset')) {
      log('info', 'the changed configuration resets the BGP session', { peer: config.name })
    }
    peer.session.updateConfig(config)
    peer.bfd.update(config, peer.session.status())
    if (was !== undefined && refusal === undefined) peer.session.start()
    this.#tell([peer], 'status')
  }

  /** A wrong password shows as a peer that does not answer; what the kernel dropped meanwhile may tell it apart. */
  #readSignatures(peer: Peer): void {
    const { lastError } = peer.session.status()
    if (lastError?.code !== 'FL_BGP_CONNECT_TIMEOUT' || lastError.at === peer.signatures?.at) return
    const now = this.#options.md5()
    peer.signatures = { at: lastError.at, words: md5Words(peer.md5, now) }
    peer.md5 = now
  }

  /** Posts the peers of which something is new: what matters at once, or counters as well. */
  #tell(peers: readonly Peer[], what: 'status' | 'counters'): void {
    const sessions: SessionStatus[] = []
    for (const peer of peers) {
      if (this.#peers.get(peer.config.name) !== peer) continue
      const status = toldStatus(peer.session.status(), peer)
      const { state } = status
      const told = { status: essence(status), counters: JSON.stringify(status), state }
      if (told[what] === peer.told[what]) continue
      const urgent = what === 'counters' || state !== peer.told.state
      // What is left out comes with the counters.
      if (!urgent && !peer.tellings.take(1, this.#options.clock.now())) continue
      peer.told = told
      sessions.push(status)
    }
    if (sessions.length > 0) this.#options.post({ kind: 'sessions', sessions })
  }
}
