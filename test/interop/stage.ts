import { isDeepStrictEqual } from 'node:util'
import { parseAddress } from '#inet/address.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import type { WirePeer, WireRoute, WireRouteKey } from '#speaker/wire/protocol.ts'
import { must, until, type Netns } from '../netns.ts'
import { neighbors } from './neighbors.ts'
import type { Neighbor, Peer, PeerKind, SeenRoute } from './peers/peer.ts'
import { Speaker } from './speaker.ts'
import type { Topology } from './topology.ts'

/** A route as a test wants it. */
export type Wanted = Omit<WireRoute, 'peer' | 'communities'> & Partial<Pick<WireRoute, 'communities'>>

/** How long a condition may take: the machine may be busy. */
const patience = 20_000

/** Octets of an IPv4 packet with the options of a TCP handshake; one with an OPEN is longer. */
const longestHandshake = 76

/** A session that is configured on the speaker. */
interface Configured {
  readonly peer: WirePeer
  readonly change: Partial<WirePeer>
}

/**
 * One router and one speaker, and what tests do with them. Sessions stay from one test to the next, as some routers
 * take seconds before they let one come up again.
 */
export class Stage {
  readonly kind: PeerKind
  readonly router: Peer
  readonly #topology: Topology
  readonly #configured = new Map<string, Configured>()
  readonly #routes = new Map<string, WireRouteKey>()
  #speaker: Speaker
  #neighbor: Neighbor = neighbors.plain
  #count = 0

  constructor(kind: PeerKind, router: Peer, topology: Topology, speaker: Speaker) {
    this.kind = kind
    this.router = router
    this.#topology = topology
    this.#speaker = speaker
  }

  get speaker(): Speaker {
    return this.#speaker
  }

  /** The one that was configured or asked for last; all else is about it. */
  get neighbor(): Neighbor {
    return this.#neighbor
  }

  /** What the speaker says of the session. */
  get status(): SessionStatus | undefined {
    return this.#speaker.session(this.#peer)
  }

  get #peer(): string {
    return this.#configured.get(this.#neighbor.name)?.peer.name ?? ''
  }

  /** Configures a new session on the speaker, beside those to other neighbors. */
  configure(name: string, change: Partial<WirePeer> = {}): void {
    this.#neighbor = neighbors[name]
    // A new name each time, so that nothing of an old session is taken for this one.
    const peer = { ...peerOf(this.#neighbor), name: `${name}-${++this.#count}`, ...change }
    this.#configured.set(name, { peer, change })
    this.#sendPeers()
  }

  /** A session that is up on both sides: the one there is, or a new one. */
  async session(name: string, change: Partial<WirePeer> = {}): Promise<void> {
    this.#neighbor = neighbors[name]
    if (!isDeepStrictEqual(this.#configured.get(name)?.change, change)) this.configure(name, change)
    await this.up()
  }

  /** Removes the session from the speaker's configuration. */
  remove(): void {
    this.#configured.delete(this.#neighbor.name)
    this.#sendPeers()
  }

  async up(): Promise<void> {
    try {
      await until('Established', () => this.status?.state === 'Established', patience)
    } catch {
      const { lastError, state } = this.status ?? {}
      throw new Error(`not Established but ${state}: ${lastError?.text}`)
    }
    await until('the router says so', async () => (await this.router.session(this.#neighbor)).up, patience)
  }

  announce(...routes: Wanted[]): void {
    const peer = this.#peer
    const put = routes.map((route) => ({ peer, communities: [], ...route }))
    for (const { prefix } of put) this.#routes.set(`${peer} ${prefix}`, { peer, prefix })
    this.#speaker.send({ kind: 'routes', put, remove: [] })
  }

  withdraw(...prefixes: string[]): void {
    const peer = this.#peer
    this.#speaker.send({ kind: 'routes', put: [], remove: prefixes.map((prefix) => ({ peer, prefix })) })
  }

  /** What the router keeps for the prefix now. */
  async seen(prefix: string): Promise<SeenRoute | undefined> {
    return (await this.router.routes(this.#neighbor)).find((route) => route.prefix === prefix)
  }

  /** Waits until the router keeps the route with these properties. */
  async kept(prefix: string, like: Partial<SeenRoute> = {}): Promise<SeenRoute> {
    let last: SeenRoute | undefined
    const fits = (route: SeenRoute): boolean =>
      Object.entries(like).every(([key, value]) => isDeepStrictEqual(route[key as keyof SeenRoute], value))
    try {
      return await until(
        prefix,
        async () => {
          last = await this.seen(prefix)
          return last !== undefined && fits(last) && last
        },
        patience,
      )
    } catch {
      throw new Error(`${prefix} is ${JSON.stringify(last)}, not with ${JSON.stringify(like)}`)
    }
  }

  async gone(prefix: string): Promise<void> {
    await until(`${prefix} gone`, async () => (await this.seen(prefix)) === undefined, patience)
  }

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await until(what, condition, patience)
  }

  /**
   * What passes between the two: `all`; TCP connections, but nothing that the router says on them (`silent`), or on its
   * own ones (`ours`); or only those that the router opens, and those in silence (`router`).
   */
  async letPass(what: 'router' | 'silent' | 'ours' | 'all'): Promise<void> {
    const attempts = 'tcp dport 179 tcp flags & (syn | ack) == syn drop'
    const said = (end: 'sport' | 'dport'): string => `tcp ${end} 179 meta length > ${longestHandshake} drop`
    const held = {
      router: { input: [said('dport'), said('sport')], output: [attempts] },
      silent: { input: [said('dport'), said('sport')], output: [] },
      ours: { input: [said('dport')], output: [] },
      all: { input: [], output: [] },
    }[what]
    const chains = Object.entries(held).map(
      ([hook, rules]) => `chain ${hook} { type filter hook ${hook} priority 0; ${rules.join('; ')}; }`,
    )
    // One transaction: between two, whatever waits would slip through.
    const table = `table inet held {\n${chains.join('\n')}\n}\n`
    const rules = `table inet held\ndelete table inet held\n${table}`
    await must(this.#topology.node, 'nft', ['-f', '-'], rules)
  }

  /** TCP connections between the two ends that are open, as the speaker's side sees it. */
  async connections(): Promise<number> {
    const { remote, local } = this.#neighbor
    return openConnections(this.#topology.node, remote, local)
  }

  /** The same on the router's side. */
  async connectionsOfRouter(): Promise<number> {
    const { remote, local } = this.#neighbor
    return openConnections(this.#topology.router, local, remote)
  }

  /** The speaker's process dies; nothing is said to the router. */
  async kill(): Promise<void> {
    await this.#speaker.kill()
  }

  /** A planned stop. */
  async stop(): Promise<void> {
    await this.#speaker.stop()
  }

  /** A speaker that knows nothing, as after a start. */
  async startSpeaker(): Promise<void> {
    this.#configured.clear()
    this.#routes.clear()
    this.#speaker = await Speaker.start(this.#topology.node)
  }

  /** No routes, and a speaker that runs. For after a test. */
  async clear(): Promise<void> {
    if (!this.#speaker.running) return this.startSpeaker()
    this.#speaker.send({ kind: 'routes', put: [], remove: [...this.#routes.values()] })
    this.#routes.clear()
    await until('no routes', async () => (await this.router.routes(this.#neighbor)).length === 0, patience)
  }

  /** As `clear` after a test that failed: whatever it left is gone. */
  async reset(): Promise<void> {
    await this.#speaker.kill()
    await this.letPass('all')
    await this.startSpeaker()
  }

  #sendPeers(): void {
    this.#speaker.send({ kind: 'peers', peers: [...this.#configured.values()].map(({ peer }) => peer) })
  }
}

async function openConnections(ns: Netns, source: string, destination: string): Promise<number> {
  const filter = ['state', 'established', 'src', source, 'dst', destination]
  return (await must(ns, 'ss', ['-Htn', ...filter])).split('\n').filter(Boolean).length
}

/** The speaker's side of the configuration. */
function peerOf(neighbor: Neighbor): WirePeer {
  const { local, localAS, remote, remoteAS, families, password, multihop = false } = neighbor
  const v6 = local.includes(':')
  return {
    name: neighbor.name,
    localAS: remoteAS,
    peerAS: localAS,
    address: parseAddress(local),
    sourceAddress: parseAddress(remote),
    port: 179,
    routerId: '192.0.2.10',
    holdTime: 90_000,
    connectRetryTime: 100,
    multihop,
    families,
    // Of the family that the session itself does not have.
    nextHops: v6 ? { 4: parseAddress('192.0.2.10') } : { 6: parseAddress('2001:db8::10') },
    ...(password !== undefined && { password }),
  }
}
