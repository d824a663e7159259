import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import { formatPrefix, parsePrefix } from '#inet/prefix.ts'
import { exportRoute, isNextHopOf, type ExportContext } from './export.ts'
import type { Route } from './route.ts'
import { RoutePool } from './route-pool.ts'
import { bothFamilies, ReadableRib } from './testing.ts'
import type { PathAttributes } from './wire/attributes.ts'
import { formatCommunity } from './wire/communities.ts'
import { addressFamilies, familyOfPrefix } from './wire/families.ts'

const ebgp: ExportContext = {
  ...bothFamilies,
  localAS: 64500,
  nextHops: { 4: parseAddress('192.0.2.2'), 6: parseAddress('2001:db8::2') },
  peerAddress: parseAddress('192.0.2.1'),
}
/** Two that are alike but for the peer itself, and others. */
const contexts: ExportContext[] = [
  ebgp,
  { ...ebgp, peerAddress: parseAddress('192.0.2.9') },
  { ...ebgp, internal: true },
  { ...ebgp, families: ['ipv4-unicast'], fourOctetAS: false },
]

const words = ({ asPath, med, localPref, communities }: PathAttributes, hop: string): string =>
  JSON.stringify([hop, asPath?.flatMap(({ as }) => as), med, localPref, communities.map(formatCommunity)])

/** A session of several over one pool, and a router that believes everything. */
class Peer {
  readonly rib: ReadableRib
  readonly wanted = new Map<string, Route>()
  table = new Map<string, string>()
  context: ExportContext
  shutdown = false
  up = false

  constructor(pool: RoutePool, context: ExportContext) {
    this.rib = new ReadableRib(pool)
    this.context = context
  }

  open(): void {
    this.rib.open(this.context)
    this.up = true
    this.table = new Map()
  }

  close(): void {
    this.rib.close()
    this.up = false
    this.table = new Map()
  }

  take(most: number): void {
    for (const { withdrawn, unreach, attributes, nlri, reach } of this.rib.updates(most)) {
      for (const prefix of [...withdrawn, ...(unreach?.prefixes ?? [])])
        this.table.delete(formatPrefix(prefix))
      const hop = reach?.nextHop ?? attributes.nextHop
      const value = words(attributes, hop === undefined ? '' : formatAddress(hop))
      for (const prefix of [...nlri, ...(reach?.prefixes ?? [])]) this.table.set(formatPrefix(prefix), value)
    }
  }

  expected(): Map<string, string> {
    const context = { ...this.context, gracefulShutdown: this.shutdown }
    const sent = [...this.wanted].flatMap(([key, route]) => {
      const exported = exportRoute(route, familyOfPrefix(route.prefix), context)
      if (typeof exported === 'string' || isNextHopOf(exported, context)) return []
      return [[key, words(exported.attributes, formatAddress(exported.nextHop))] as const]
    })
    return new Map(sent)
  }
}

const prefixes = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.0/8', '2001:db8:1::1/128', '2001:db8:1::/64']
const route = fc.record({
  prefix: fc.constantFrom(...prefixes),
  med: fc.option(fc.nat(1), { nil: undefined }),
  localPref: fc.option(fc.nat(1), { nil: undefined }),
  nextHop: fc.option(fc.constantFrom('192.0.2.1', '192.0.2.9'), { nil: undefined, freq: 4 }),
  community: fc.nat(1),
})

const command: fc.Arbitrary<(peer: Peer) => void> = fc.oneof(
  {
    weight: 8,
    arbitrary: route.map(({ prefix, nextHop, community, ...rest }) => (peer: Peer) => {
      const value: Route = {
        prefix: parsePrefix(prefix),
        ...rest,
        ...(nextHop !== undefined && { nextHop: parseAddress(nextHop) }),
        communities: [{ kind: 'standard', value: [64500, community] }],
      }
      peer.wanted.set(prefix, value)
      peer.rib.put(value)
    }),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(...prefixes).map((prefix) => (peer: Peer) => {
      peer.wanted.delete(prefix)
      peer.rib.withdraw(parsePrefix(prefix))
    }),
  },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }).map((most) => (peer: Peer) => peer.take(most)) },
  { weight: 2, arbitrary: fc.constant((peer: Peer) => peer.open()) },
  { weight: 2, arbitrary: fc.constant((peer: Peer) => peer.close()) },
  {
    weight: 2,
    arbitrary: fc.boolean().map((on) => (peer: Peer) => {
      peer.shutdown = on
      peer.rib.gracefulShutdown(on)
    }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('192.0.2.2', '192.0.2.3').map((hop) => (peer: Peer) => {
      peer.context = { ...peer.context, nextHops: { ...peer.context.nextHops, 4: parseAddress(hop) } }
      if (peer.up) peer.rib.update(peer.context)
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...addressFamilies)
      .map((family) => (peer: Peer) => peer.rib.resendAll(family)),
  },
)

test('after any history every peer of a pool has what it should, and at the end the pool keeps nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(contexts.length - 1), command), { minLength: 10, maxLength: 80 }),
      (commands) => {
        const pool = new RoutePool()
        const peers = contexts.map((context) => new Peer(pool, context))
        for (const [index, run] of commands) run(peers[index])
        for (const peer of peers) {
          if (!peer.up) peer.open()
          peer.take(1000)
          expect(new Map([...peer.table].sort())).toEqual(new Map([...peer.expected()].sort()))
          const { announced } = peer.rib
          expect(announced['ipv4-unicast'] + announced['ipv6-unicast']).toBe(peer.table.size)
        }
        for (const peer of peers) {
          for (const prefix of prefixes) peer.rib.withdraw(parsePrefix(prefix))
          peer.take(1000)
          expect([peer.table.size, peer.rib.size]).toEqual([0, 0])
          peer.close()
        }
        expect([pool.destinations.size, pool.sets.size, pool.groups.size]).toEqual([0, 0, 0])
      },
    ),
    { numRuns: 60 },
  )
})
