import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Announcements } from './announcements.ts'
import { announced, bgpAd, bgpPeer, node, pool, service, world } from './test-world.ts'
import type { WireRoute } from './wire/protocol.ts'
import type { AnnouncedService, World } from './world.ts'

/** One time in so many. */
const seldom = (times: number) => fc.integer({ min: 1, max: times }).map((number) => number === times)
/** All of them, as a rule. */
const mostly = <T>(all: T[]) => fc.oneof({ weight: 4, arbitrary: fc.constant(all) }, fc.subarray(all))

const key = ({ peer, prefix }: { peer: string; prefix: string }): string => `${peer} ${prefix}`

const advertisement = fc
  .record(
    {
      pools: fc.subarray(['one', 'two'], { minLength: 1 }),
      aggregationLength: fc.constantFrom(24, 32),
      linkBandwidth: fc.constantFrom(1000, 2000),
      localPref: fc.nat(1),
      communities: fc.subarray([
        { kind: 'standard' as const, value: [64500, 1] as const },
        { kind: 'standard' as const, value: [64500, 2] as const },
      ]),
      peers: fc.subarray(['r1', 'r2']),
      serviceSelectors: fc.constantFrom([], [], [{ matchLabels: { app: 'web' } }]),
      nodeSelectors: fc.constantFrom([], [], [{ matchLabels: { rack: 'a' } }]),
    },
    { requiredKeys: ['pools'] },
  )
  .map(({ pools, ...more }) => bgpAd('ad', pools, more))

/** Nodes, pools, advertisements and peers in a state each. */
const place = fc
  .record({
    ads: fc.array(advertisement, { minLength: 1, maxLength: 3 }),
    pools: mostly([pool('one', '10.20.30.0/25'), pool('two', '10.20.30.128/25')]),
    rack: fc.constantFrom('a', 'b'),
    excluded: seldom(12),
    unavailable: seldom(12),
    peers: mostly(['r1', 'r2']),
    drains: fc.oneof(
      { weight: 8, arbitrary: fc.constant('no' as const) },
      fc.constantFrom('yes' as const, 'routes stay' as const),
    ),
  })
  .map(({ ads, pools, rack, excluded, unavailable, peers, drains }) => {
    const here = node('node1', {
      labels: { rack, ...(excluded && { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }) },
      networkUnavailable: unavailable,
      unschedulable: drains !== 'no',
    })
    const config = {
      pools,
      bgpAdvertisements: ads.map((ad, index) => ({ ...ad, name: `ad${index}` })),
      peers: ['r1', 'r2'].map((name) => bgpPeer(name)),
    }
    const all: World = { ...world({ config, nodes: [here, 'node2'] }), drainOnCordon: true }
    return { all, peers, routes: drains === 'routes stay' ? { ...all, ignoreDrain: true } : all }
  })

type Place = typeof place extends fc.Arbitrary<infer One> ? One : never

const target = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    ips: fc.uniqueArray(fc.constantFrom('10.20.30.1', '10.20.30.2', '10.20.30.129'), {
      minLength: 1,
      maxLength: 2,
    }),
    on: fc.array(fc.constantFrom('node1', 'node2'), { maxLength: 3 }),
    local: seldom(4),
    unprogrammed: seldom(5),
    app: fc.constantFrom('web', 'db'),
    gone: seldom(5),
  })
  .map(({ name, ips, on, local, unprogrammed, app, gone }): [string, AnnouncedService | undefined] => {
    const policy = { externalTrafficPolicy: local ? 'Local' : 'Cluster' }
    const one = service(name, ips, policy, { app })
    return [`default/${name}`, gone ? undefined : announced(one, on, !unprogrammed)]
  })

const step = fc.oneof(
  { weight: 5, arbitrary: target.map((one) => ({ service: one })) },
  { weight: 2, arbitrary: place.map((one) => ({ place: one })) },
  { weight: 3, arbitrary: fc.constant({ flush: true as const }) },
)

test('routes after any history of Services, pools, advertisements, peers and nodes are those of a fresh start', () => {
  fc.assert(
    fc.property(place, fc.array(step, { minLength: 10, maxLength: 40 }), (first, steps) => {
      const announcements = new Announcements(first.all)
      const received = new Map<string, WireRoute>()
      const services = new Map<string, AnnouncedService>()
      let now: Place = first
      const flush = () => {
        const { put, remove } = announcements.flush().routes
        for (const one of remove) expect(received.delete(key(one))).toBe(true)
        for (const one of put) {
          expect(received.get(key(one))).not.toEqual(one)
          received.set(key(one), one)
        }
        // Nothing is announced that cannot be served.
        for (const { prefix } of received.values()) {
          const behind = [...services.values()].filter(
            ({ service: { ingress }, programmed, endpoints }) =>
              programmed &&
              endpoints.total > 0 &&
              ingress.some(({ ip = '' }) => prefix.endsWith('/24') || prefix === `${ip}/32`),
          )
          expect(behind).not.toEqual([])
        }
      }
      announcements.setWorld(first.all, first.peers, first.routes)
      for (const one of steps) {
        if ('service' in one) {
          const [name, next] = one.service
          announcements.setService(name, next)
          if (next === undefined) services.delete(name)
          else services.set(name, next)
        } else if ('place' in one) {
          now = one.place
          announcements.setWorld(now.all, now.peers, now.routes)
        } else flush()
      }
      flush()
      const fresh = new Announcements(now.all)
      fresh.setWorld(now.all, now.peers, now.routes)
      for (const [name, one] of services) fresh.setService(name, one)
      const expected = new Map(fresh.flush().routes.put.map((one) => [key(one), one]))
      expect([...received].sort()).toEqual([...expected].sort())
      for (const peer of ['r1', 'r2']) {
        const wanted = [...expected.values()].filter((one) => one.peer === peer)
        expect(announcements.routesTo(peer)).toEqual(wanted.sort((a, b) => (a.prefix < b.prefix ? -1 : 1)))
      }
    }),
    { numRuns: 60 },
  )
})
