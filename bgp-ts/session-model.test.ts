import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import { formatPrefix, parsePrefix } from '#inet/prefix.ts'
import type { AddressFamily, PeerConfig } from './config.ts'
import { exportRoute, isNextHopOf, type ExportContext } from './export.ts'
import type { Community, Route } from './route.ts'
import { encodeOpenBytes, message, startSession, testConfig, type FakeConnection } from './testing.ts'
import type { PathAttributes } from './wire/attributes.ts'
import { formatCommunity } from './wire/communities.ts'
import { endOfRibOf } from './wire/end-of-rib.ts'
import { addressFamilies, familyOfPrefix } from './wire/families.ts'
import type { OpenMessage } from './wire/open.ts'
import type { UpdateMessage } from './wire/update.ts'

/** What the peer is like, from one session to the next. */
interface Peer {
  readonly families: readonly AddressFamily[]
  readonly extendedNextHop: boolean
  readonly fourOctetAS: boolean
}

interface Setup {
  readonly internal: boolean
  readonly provider: boolean
  readonly overIPv6: boolean
}

const peerAS = ({ internal }: Setup): number => (internal ? 64500 : 64512)

function openOf(setup: Setup, { families, extendedNextHop, fourOctetAS }: Peer): Partial<OpenMessage> {
  return {
    myAS: peerAS(setup),
    capabilities: [
      ...families.map((family) => ({
        kind: 'multiprotocol' as const,
        afi: family === 'ipv4-unicast' ? 1 : 2,
        safi: 1,
      })),
      { kind: 'routeRefresh' },
      ...(extendedNextHop
        ? [{ kind: 'extendedNextHop' as const, families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }]
        : []),
      ...(fourOctetAS ? [{ kind: 'fourOctetAS' as const, as: peerAS(setup) }] : []),
    ],
  }
}

const words = (attributes: PathAttributes, hops: readonly string[]): string =>
  JSON.stringify([
    hops,
    attributes.asPath?.flatMap(({ as }) => as),
    attributes.med,
    attributes.localPref,
    attributes.onlyToCustomer,
    attributes.communities.map(formatCommunity),
  ])

/** A router that keeps what it is told, and minds what no router should be told. */
class Router {
  readonly table = new Map<string, string>()
  readonly ended = new Set<AddressFamily>()
  /** how often a prefix may come again as it is */
  readonly again = new Map<string, number>()

  take(update: UpdateMessage): AddressFamily | undefined {
    const end = endOfRibOf(update)
    if (end !== undefined) {
      expect(this.ended.has(end)).toBe(false)
      this.ended.add(end)
      return end
    }
    for (const prefix of [...update.withdrawn, ...(update.unreach?.prefixes ?? [])]) {
      // Nothing is withdrawn that was not told.
      expect(this.table.delete(formatPrefix(prefix))).toBe(true)
    }
    const { attributes, reach, nlri } = update
    const hops = [attributes.nextHop, reach?.nextHop, reach?.linkLocal].flatMap((hop) => hop ?? [])
    const value = words(attributes, hops.map(formatAddress))
    for (const prefix of [...nlri, ...(reach?.prefixes ?? [])]) {
      const key = formatPrefix(prefix)
      if (this.table.get(key) === value) {
        // Nothing is told twice unless asked for.
        expect(this.again.get(key) ?? 0).toBeGreaterThan(0)
        this.again.set(key, this.again.get(key)! - 1)
      }
      this.table.set(key, value)
    }
    return undefined
  }
}

/** A session, the router at its other end and what the router should hold. */
class Model {
  readonly wanted = new Map<string, Route>()
  readonly setup: Setup
  readonly started: ReturnType<typeof startSession>
  router: Router | undefined
  peer: Peer | undefined
  #connection: FakeConnection | undefined
  config: Partial<PeerConfig>
  shutdown = false
  ready = true

  constructor(setup: Setup) {
    this.setup = setup
    this.config = {
      peerAS: peerAS(setup),
      extendedNextHop: true,
      ...(setup.provider && !setup.internal && { role: 'provider' as const }),
      ...(setup.overIPv6 && { address: parseAddress('2001:db8::1') }),
    }
    this.started = startSession(this.config)
  }

  get context(): ExportContext {
    const { internal, overIPv6, provider } = this.setup
    const { fourOctetAS, extendedNextHop } = this.peer!
    const own = overIPv6 ? { 6: parseAddress('2001:db8::2') } : { 4: parseAddress('192.0.2.2') }
    return {
      fourOctetAS,
      internal,
      families: addressFamilies.filter((family) => this.peer!.families.includes(family)),
      extendedNextHop,
      localAS: 64500,
      nextHops: { ...own, ...this.config.nextHops },
      ...(provider && !internal && { otc: 64500 }),
      gracefulShutdown: this.shutdown,
      peerAddress: parseAddress(overIPv6 ? '2001:db8::1' : '192.0.2.1'),
    }
  }

  /** What the router should hold now. */
  expected(): Map<string, string> {
    const all = [...this.wanted].flatMap(([key, route]) => {
      const exported = exportRoute(route, familyOfPrefix(route.prefix), this.context)
      if (typeof exported === 'string' || isNextHopOf(exported, this.context)) return []
      return [[key, words(exported.attributes, [formatAddress(exported.nextHop)])] as const]
    })
    return new Map(all)
  }

  up(peer: Peer): void {
    if (this.router !== undefined) return
    const { clock, connections, session } = this.started
    for (let tries = 0; tries < 20 && session.status().state !== 'Connect'; tries++) clock.advance(10_000)
    expect(session.status().state).toBe('Connect')
    const connection = connections.at(-1)!
    this.#connection = connection
    if (this.setup.overIPv6) connection.opened('2001:db8::2', '2001:db8::1')
    else connection.opened('192.0.2.2', '192.0.2.1')
    connection.receive(encodeOpenBytes(openOf(this.setup, peer)))
    connection.receive(message('001304'))
    expect(session.status().state).toBe('Established')
    this.peer = peer
    this.router = new Router()
  }

  down(how: 'closed' | 'notification' | 'bfd' | 'reset'): void {
    if (this.router === undefined) return
    this.read()
    const { session } = this.started
    if (how === 'closed') this.#connection!.ended()
    if (how === 'notification') this.#connection!.receive(message('0015030604'))
    if (how === 'bfd') session.bfdDown('the path failed')
    if (how === 'reset') {
      this.config = { ...this.config, holdTime: 200_000 - (this.config.holdTime ?? 90_000) }
      this.apply()
    }
    this.router = undefined
    this.peer = undefined
  }

  apply(): void {
    this.started.session.updateConfig({ ...testConfig, ...this.config })
  }

  refresh(family: AddressFamily): void {
    if (!this.peer?.families.includes(family)) return
    this.read()
    const { again } = this.router!
    for (const key of prefixes) {
      if (familyOfPrefix(parsePrefix(key)) === family) again.set(key, (again.get(key) ?? 0) + 1)
    }
    this.#connection!.receive(message(family === 'ipv4-unicast' ? '00170500010001' : '00170500020001'))
  }

  block(): void {
    if (this.#connection !== undefined && this.router !== undefined) this.#connection.accepts = false
  }
  drain(): void {
    if (this.router !== undefined) this.#connection!.drained()
  }

  advance(ms: number): void {
    this.started.clock.advance(ms)
    if (this.router !== undefined) this.#connection!.receive(message('001304'))
    this.read()
  }

  /** The router reads what has come. */
  read(): void {
    if (this.router === undefined) return
    for (const one of this.#connection!.take(this.context)) {
      if (one.type !== 'update') continue
      const end = this.router.take(one)
      if (end === undefined) continue
      expect(this.ready).toBe(true)
      expect(this.router.table).toEqual(this.expected())
    }
  }

  settle(): void {
    this.up({ families: addressFamilies, extendedNextHop: true, fourOctetAS: true })
    this.drain()
    if (!this.ready) this.started.session.endOfRib((this.ready = true))
    for (let round = 0; round < 5; round++) this.advance(200)
    expect([...this.router!.table].sort()).toEqual([...this.expected()].sort())
    expect([...this.router!.ended].sort()).toEqual([...this.context.families].sort())
    const { announced, pending } = this.started.session.status()
    expect(pending).toBe(0)
    expect(announced['ipv4-unicast'] + announced['ipv6-unicast']).toBe(this.router!.table.size)
  }
}

const standard = (value: number): Community => ({ kind: 'standard', value: [64500, value] })
const prefixes = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.0/8', '2001:db8:1::1/128', '2001:db8:1::/64']
const family = fc.constantFrom(...addressFamilies)
const peer = fc.record({
  families: fc.constantFrom<(readonly AddressFamily[])[]>(
    addressFamilies,
    ['ipv4-unicast'],
    ['ipv6-unicast'],
  ),
  extendedNextHop: fc.boolean(),
  fourOctetAS: fc.boolean(),
})
const nextHops = fc.constantFrom<NonNullable<PeerConfig['nextHops']>[]>(
  {},
  { 4: parseAddress('192.0.2.3') },
  { 6: parseAddress('2001:db8::3') },
  // The peer's own address cannot be a next hop.
  { 4: parseAddress('192.0.2.1') },
)

const command: fc.Arbitrary<(model: Model) => void> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        prefix: fc.constantFrom(...prefixes),
        med: fc.option(fc.nat(1), { nil: undefined }),
        asPathPrepend: fc.option(fc.nat(1), { nil: undefined }),
        localPref: fc.option(fc.nat(1), { nil: undefined }),
        linkBandwidth: fc.option(fc.nat(1), { nil: undefined }),
        community: fc.nat(1),
        shutdown: fc.nat(3).map((number) => number === 0),
      })
      .map(({ prefix, community, shutdown, ...rest }) => (model: Model) => {
        const communities = [
          standard(community),
          ...(shutdown ? [{ kind: 'standard', value: [65535, 0] } as const] : []),
        ]
        const route: Route = { prefix: parsePrefix(prefix), communities, ...rest }
        model.wanted.set(prefix, route)
        model.started.session.put(route)
      }),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...prefixes).map((prefix) => (model: Model) => {
      model.wanted.delete(prefix)
      model.started.session.withdraw(parsePrefix(prefix))
    }),
  },
  {
    weight: 8,
    arbitrary: fc.constantFrom(0, 1, 20, 50).map((ms) => (model: Model) => model.advance(ms)),
  },
  {
    weight: 2,
    arbitrary: fc.boolean().map((on) => (model: Model) => {
      model.shutdown = on
      model.started.session.gracefulShutdown(on)
    }),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((ready) => (model: Model) => {
      model.read()
      model.ready = ready
      model.started.session.endOfRib(ready)
    }),
  },
  {
    weight: 2,
    arbitrary: nextHops.map((hops) => (model: Model) => {
      model.config = { ...model.config, nextHops: hops }
      model.apply()
    }),
  },
  { weight: 2, arbitrary: family.map((one) => (model: Model) => model.refresh(one)) },
  { weight: 2, arbitrary: fc.constant((model: Model) => model.block()) },
  { weight: 2, arbitrary: fc.constant((model: Model) => model.drain()) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('closed' as const, 'notification' as const, 'bfd' as const, 'reset' as const)
      .map((how) => (model: Model) => model.down(how)),
  },
  { weight: 4, arbitrary: peer.map((one) => (model: Model) => model.up(one)) },
)

test('after any history the router holds what is wanted, was told nothing twice, and End-of-RIB came when all was there', () => {
  fc.assert(
    fc.property(
      fc.record({ internal: fc.boolean(), provider: fc.boolean(), overIPv6: fc.boolean() }),
      fc.array(command, { minLength: 10, maxLength: 60 }),
      (setup, commands) => {
        const model = new Model(setup)
        for (const run of commands) run(model)
        model.settle()
      },
    ),
    { numRuns: 60 },
  )
})
