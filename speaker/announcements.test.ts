import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Announcements, type AnnouncementDelta } from './announcements.ts'
import { announced, bgpAd, bgpPeer, l2Ad, pool, service, world } from './test-world.ts'
import type { WireAddress, WireRoute } from './wire/protocol.ts'

const config = {
  pools: [pool('default', '10.20.30.0/24', 'fd00::/120')],
  l2Advertisements: [l2Ad('l2', ['default'])],
  bgpAdvertisements: [bgpAd('bgp', ['default']), bgpAd('sum', ['default'], { aggregationLength: 24 })],
  peers: ['router', 'r1', 'r2'].map((name) => bgpPeer(name, { dualStackAddressFamily: true })),
}
const here = world({ config, nodes: ['node1', 'node2'] })

function started() {
  const announcements = new Announcements(here)
  announcements.setWorld(here, ['router'])
  announcements.flush()
  return announcements
}

/** What the wire thread would hold after all deltas. */
class Receiver {
  readonly addresses = new Map<string, WireAddress>()
  readonly routes = new Map<string, WireRoute>()

  apply({ addresses, routes }: AnnouncementDelta): void {
    for (const text of addresses.remove) this.addresses.delete(text)
    for (const one of addresses.put) this.addresses.set(one.address, one)
    for (const { peer, prefix } of routes.remove) this.routes.delete(`${peer} ${prefix}`)
    for (const one of routes.put) this.routes.set(`${one.peer} ${one.prefix}`, one)
  }
}

describe('deltas', () => {
  test('a Service costs its own address and routes', () => {
    const announcements = started()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), ['node1']))
    const { addresses, routes } = announcements.flush()
    expect(addresses.put.map(({ address }) => address)).toEqual(['10.20.30.1'])
    expect(routes.put.map(({ prefix }) => prefix).sort()).toEqual(['10.20.30.0/24', '10.20.30.1/32'])
  })

  test('nothing changed, nothing sent', () => {
    const announcements = started()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), ['node1']))
    announcements.flush()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), ['node1']))
    announcements.setWorld(here, ['router'])
    expect(announcements.flush()).toMatchObject({
      addresses: { put: [], remove: [] },
      routes: { put: [], remove: [] },
    })
  })

  test('a shared address is one route, and stays until the last Service is gone (E8)', () => {
    const announcements = started()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), ['node1']))
    announcements.setService('default/b', announced(service('b', ['10.20.30.1']), ['node1']))
    const host = () =>
      announcements.flush().routes.put.filter(({ prefix }) => prefix === '10.20.30.1/32').length
    expect(host()).toBe(1)
    announcements.setService('default/a', undefined)
    expect(announcements.flush().routes).toEqual({ put: [], remove: [] })
    announcements.setService('default/b', undefined)
    expect(announcements.flush().routes.remove).toHaveLength(2)
  })

  test('endpoints that come weigh the route anew, without taking it away', () => {
    const bandwidth = { ...config, bgpAdvertisements: [bgpAd('bgp', ['default'], { linkBandwidth: 1000 })] }
    const weighed = world({ config: bandwidth, nodes: ['node1', 'node2'] })
    const announcements = new Announcements(weighed)
    announcements.setWorld(weighed, ['router'])
    announcements.flush()
    const endpointsOn = (...nodes: string[]) => {
      announcements.setService('default/a', announced(service('a', ['10.20.30.1']), nodes))
      return announcements.flush().routes
    }
    expect(endpointsOn('node1')).toMatchObject({ put: [{ linkBandwidth: 1000 }], remove: [] })
    expect(endpointsOn('node1', 'node2')).toEqual({ put: [], remove: [] })
    expect(endpointsOn('node1', 'node1')).toMatchObject({ put: [{ linkBandwidth: 2000 }], remove: [] })
  })

  test('an aggregate stays until the last Service in it is gone (E14)', () => {
    const announcements = started()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), ['node1']))
    announcements.setService('default/b', announced(service('b', ['10.20.30.2']), ['node1']))
    announcements.flush()
    announcements.setService('default/a', undefined)
    expect(announcements.flush().routes.remove).toEqual([{ peer: 'router', prefix: '10.20.30.1/32' }])
    announcements.setService('default/b', undefined)
    expect(
      announcements
        .flush()
        .routes.remove.map(({ prefix }) => prefix)
        .sort(),
    ).toEqual(['10.20.30.0/24', '10.20.30.2/32'])
  })

  test('losing the last endpoint withdraws the routes and leaves no candidate', () => {
    const announcements = started()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), ['node1']))
    announcements.flush()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), []))
    const { addresses, routes } = announcements.flush()
    expect(addresses.put[0].candidates.every(({ eligible }) => !eligible)).toBe(true)
    expect(routes.remove).toHaveLength(2)
  })

  test('an ingress that is a host name or says ipMode Proxy is not announced', () => {
    const announcements = started()
    const target = service('a', [])
    announcements.setService('default/a', {
      ...announced(target, ['node1']),
      service: { ...target, ingress: [{ hostname: 'x.example' }, { ip: '10.20.30.9', ipMode: 'Proxy' }] },
    })
    expect(announcements.flush().addresses.put).toEqual([])
  })

  test('a peer that goes takes its routes along', () => {
    const announcements = started()
    announcements.setService('default/a', announced(service('a', ['10.20.30.1']), ['node1']))
    announcements.flush()
    announcements.setWorld(here, [])
    expect(announcements.flush().routes.remove).toHaveLength(2)
  })
})

test('after any history the deltas add up to what a fresh start gives', () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    ips: fc.option(
      fc.uniqueArray(fc.constantFrom('10.20.30.1', '10.20.30.2', 'fd00::1', '9.9.9.9'), { maxLength: 2 }),
    ),
    on: fc.subarray(['node1', 'node2']),
    local: fc.boolean(),
    programmed: fc.boolean(),
    peers: fc.option(fc.subarray(['r1', 'r2'])),
    flush: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const announcements = new Announcements(here)
      const receiver = new Receiver()
      const final = new Map<string, ReturnType<typeof announced>>()
      let peers: readonly string[] = []
      for (const { name, ips, on, local, programmed, peers: next, flush } of steps) {
        const key = `default/${name}`
        const policy = { externalTrafficPolicy: local ? 'Local' : 'Cluster' }
        const target = ips === null ? undefined : announced(service(name, ips, policy), on, programmed)
        announcements.setService(key, target)
        if (target === undefined) final.delete(key)
        else final.set(key, target)
        if (next !== null) announcements.setWorld(here, (peers = next))
        if (flush) receiver.apply(announcements.flush())
      }
      receiver.apply(announcements.flush())

      const fresh = new Announcements(here)
      fresh.setWorld(here, peers)
      for (const [key, target] of final) fresh.setService(key, target)
      const expected = new Receiver()
      expected.apply(fresh.flush())
      expect(new Map([...receiver.addresses].sort())).toEqual(new Map([...expected.addresses].sort()))
      expect(new Map([...receiver.routes].sort())).toEqual(new Map([...expected.routes].sort()))
    }),
    { numRuns: 200 },
  )
})
