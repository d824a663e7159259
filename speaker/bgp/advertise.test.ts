import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parseRange } from '#inet/range.ts'
import type { Community } from '#crds/config.ts'
import type { Node } from '#kube/objects/node.ts'
import { announced, bgpAd, bgpPeer, node, pool, service, world } from '../test-world.ts'
import { mergeServices, planBgp, routedPeers, type RoutedPeer } from './advertise.ts'

const standard = (a: number, b: number): Community => ({ kind: 'standard', value: [a, b] })
const config = { pools: [pool('default', '10.20.30.0/24')], bgpAdvertisements: [bgpAd('adv1', ['default'])] }
const addresses = [{ address: parseAddress('10.20.30.1'), pool: 'default' }]
const web = service('web', ['10.20.30.1'])
const speaksV4 = (name: string): RoutedPeer => ({ name, families: ['ipv4-unicast'] })
const peer1 = [speaksV4('peer1')]

const routes = (
  more: Partial<typeof config> = {},
  target = announced(web, ['iris']),
  nodes: Parameters<typeof world>[0]['nodes'] = ['pandora', 'iris'],
  peers = ['peer1'],
) => planBgp(target, addresses, peers.map(speaksV4), world({ config: { ...config, ...more }, nodes }))

describe('what a node announces (upstream’s cases E)', () => {
  test('E1: policy Cluster, endpoint elsewhere: announced here', () => {
    expect(routes()).toEqual({
      routes: [{ peer: 'peer1', prefix: '10.20.30.1/32', communities: [] }],
      reason: '',
      peers: ['peer1'],
    })
  })

  test('E2: policy Local needs an endpoint on this node', () => {
    const local = service('web', ['10.20.30.1'], { externalTrafficPolicy: 'Local' })
    expect(routes({}, announced(local, ['iris']))).toMatchObject({ routes: [], reason: 'noLocalEndpoints' })
    expect(routes({}, announced(local, ['iris', 'pandora'])).routes).toHaveLength(1)
  })

  test('E4: two advertisements with their own lengths, preferences and communities', () => {
    const plan = routes({
      bgpAdvertisements: [
        bgpAd('adv1', ['default'], { localPref: 100, communities: [standard(0, 1234), standard(0, 2345)] }),
        bgpAd('adv2', ['default'], { localPref: 1000, aggregationLength: 24 }),
      ],
    })
    expect(plan.routes).toEqual([
      {
        peer: 'peer1',
        prefix: '10.20.30.1/32',
        localPref: 100,
        communities: [standard(0, 1234), standard(0, 2345)],
      },
      { peer: 'peer1', prefix: '10.20.30.0/24', localPref: 1000, communities: [] },
    ])
  })

  test('E5: an advertisement for other nodes adds nothing', () => {
    const elsewhere = bgpAd('adv2', ['default'], {
      aggregationLength: 24,
      nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'iris' } }],
    })
    expect(routes({ bgpAdvertisements: [bgpAd('adv1', ['default']), elsewhere] }).routes).toHaveLength(1)
    expect(routes({ bgpAdvertisements: [elsewhere] }).reason).toBe('notOwner')
  })

  test('E7: the same route to two peers; a peer list narrows it', () => {
    expect(routes({}, undefined, undefined, ['a', 'b']).peers).toEqual(['a', 'b'])
    const narrow = { bgpAdvertisements: [bgpAd('adv1', ['default'], { peers: ['b'] })] }
    expect(routes(narrow, undefined, undefined, ['a', 'b']).peers).toEqual(['b'])
    expect(routes(narrow, undefined, undefined, ['a']).reason).toBe('noPeers')
  })

  test('E8: no ingress, no route', () => {
    const waiting = announced(service('web', []), ['iris'])
    const here = world({ config, nodes: ['pandora', 'iris'] })
    expect(planBgp(waiting, [], peer1, here).routes).toEqual([])
  })

  test('E11: exclude label, and the flag that ignores it', () => {
    const excluded = node('pandora', {
      labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': 'x' },
    })
    expect(routes({}, undefined, [excluded, 'iris']).reason).toBe('nodeLabeledExcludeBalancers')
    const ignored = world({ config, nodes: [excluded, 'iris'], ignoreExcludeLabel: true })
    expect(planBgp(announced(web, ['iris']), addresses, peer1, ignored).routes).toHaveLength(1)
  })

  test.each([
    ['matching', [{ matchLabels: { app: 'web' } }], 1],
    ['not matching', [{ matchLabels: { app: 'db' } }], 0],
    ['any of two', [{ matchLabels: { app: 'db' } }, { matchLabels: { app: 'web' } }], 1],
  ])('E13: service selectors, %s', (_name, serviceSelectors, count) => {
    const labelled = service('web', ['10.20.30.1'], {}, { app: 'web' })
    const plan = routes(
      { bgpAdvertisements: [bgpAd('adv1', ['default'], { serviceSelectors })] },
      announced(labelled, ['iris']),
    )
    expect(plan.routes).toHaveLength(count)
    expect(plan.reason).toBe(count === 0 ? 'noMatchingAdvertisement' : '')
  })

  test('E16: the peers of ServiceBGPStatus, sorted, as the advertisements name them', () => {
    expect(routes({}, undefined, undefined, ['b', 'a']).peers).toEqual(['a', 'b'])
    const named = [bgpAd('a', ['default'], { peers: ['b'] }), bgpAd('b', ['default'], { peers: ['c', 'b'] })]
    expect(routes({ bgpAdvertisements: named }, undefined, undefined, ['c', 'b', 'a']).peers).toEqual([
      'b',
      'c',
    ])
  })

  test('no endpoint anywhere, and not yet programmed: nothing', () => {
    expect(routes({}, announced(web, [])).reason).toBe('noEndpoints')
    expect(routes({}, announced(web, ['iris'], false)).reason).toBe('notProgrammed')
  })

  test('a node that drains announces nothing', () => {
    const draining = node('pandora', { unschedulable: true })
    const here = world({ config, nodes: [draining, 'iris'] })
    expect(planBgp(announced(web, ['iris']), addresses, peer1, here).reason).toBe('')
    const onCordon = { ...here, drainOnCordon: true }
    expect(planBgp(announced(web, ['iris']), addresses, peer1, onCordon).reason).toBe('nodeDraining')
  })
})

describe('several advertisements of one route', () => {
  test.each([
    ['localPref', { localPref: 1 }, { localPref: 2 }],
    ['MED', { med: 1 }, {}],
    ['AS_PATH prepending', { asPathPrepend: 1 }, {}],
    ['link bandwidth', { linkBandwidth: 1 }, { linkBandwidth: 2 }],
  ])('that differ in %s announce nothing', (_name, a, b) => {
    const here = announced(web, ['pandora'])
    const two = [bgpAd('a', ['default'], a), bgpAd('b', ['default'], b)]
    expect(routes({ bgpAdvertisements: two }, here).reason).toBe('conflictingAdvertisements')
    const apart = [
      bgpAd('a', ['default'], { ...a, peers: ['x'] }),
      bgpAd('b', ['default'], { ...b, peers: ['y'] }),
    ]
    expect(routes({ bgpAdvertisements: apart }, here, undefined, ['x', 'y']).routes).toHaveLength(2)
  })

  test('that agree: communities are united and sorted by number', () => {
    const two = [
      bgpAd('a', ['default'], { communities: [standard(10, 2)] }),
      bgpAd('b', ['default'], { communities: [standard(9, 1), standard(10, 2)] }),
    ]
    expect(routes({ bgpAdvertisements: two }).routes[0].communities).toEqual([
      standard(9, 1),
      standard(10, 2),
    ])
  })
})

test('MED, prepending and bandwidth by local endpoints go along', () => {
  const ad = bgpAd('a', ['default'], { med: 5, asPathPrepend: 2, linkBandwidth: 125e6 })
  const on = (...nodes: string[]) => routes({ bgpAdvertisements: [ad] }, announced(web, nodes)).routes[0]
  expect(on('pandora', 'iris', 'pandora')).toMatchObject({ med: 5, asPathPrepend: 2, linkBandwidth: 250e6 })
  // Without an endpoint here the node has nothing of its own to weigh.
  expect(on('iris')).not.toHaveProperty('linkBandwidth')
})

test('the reasons come in upstream’s order', () => {
  const local = service('web', ['10.20.30.1'], { externalTrafficPolicy: 'Local' }, { app: 'web' })
  const elsewhere = { nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'iris' } }] }
  const forOthers = { serviceSelectors: [{ matchLabels: { app: 'db' } }] }
  const sick = node('pandora', {
    networkUnavailable: true,
    labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' },
  })
  const excluded = node('pandora', { labels: sick.labels })
  const reason = (ads: object[], nodes: Node[], target = announced(local, [])): string => {
    const bgpAdvertisements = ads.map((more, index) => bgpAd(`ad${index}`, ['default'], more))
    return routes({ bgpAdvertisements }, target, nodes).reason
  }
  const well = node('pandora')
  expect(reason([], [sick])).toBe('noMatchingAdvertisement')
  expect(reason([{ ...elsewhere, ...forOthers }], [sick])).toBe('notOwner')
  expect(reason([forOthers], [sick])).toBe('noMatchingAdvertisement')
  expect(reason([{ localPref: 1 }, {}], [sick])).toBe('conflictingAdvertisements')
  expect(reason([{}], [sick])).toBe('nodeNetworkUnavailable')
  expect(reason([{}], [excluded])).toBe('nodeLabeledExcludeBalancers')
  expect(reason([{}], [well])).toBe('noLocalEndpoints')
  expect(reason([{}], [well], announced(web, [], false))).toBe('noEndpoints')
  expect(reason([{}], [well], announced(web, ['iris'], false))).toBe('notProgrammed')
})

describe('a session carries the families that its BGPPeer offers', () => {
  const v6 = parseAddress('2001:db8::1')
  const both = { ...config, pools: [pool('default', '10.20.30.0/24', '2001:db8::/64')] }
  const dual = [...addresses, { address: v6, pool: 'default' }]
  const target = announced(service('web', ['10.20.30.1', '2001:db8::1']), ['iris'])
  const r6 = bgpPeer('r6', { peerAddress: parseAddress('2001:db8:1::1') })
  const { peerAddress: _none, ...unnumbered } = bgpPeer('eth', { interface: 'eth0' })
  const peers = [bgpPeer('r4'), r6, bgpPeer('dual', { dualStackAddressFamily: true }), unnumbered]
  const planned = (names: string[], wanted = dual) => {
    const here = world({ config: { ...both, peers }, nodes: ['pandora', 'iris'] })
    const plan = planBgp(target, wanted, routedPeers(here.config, names), here)
    return { ...plan, routes: plan.routes.map(({ peer, prefix }) => `${peer} ${prefix}`).sort() }
  }

  test('its own one, or both with dualStackAddressFamily and on unnumbered links', () => {
    expect(planned(['r4']).routes).toEqual(['r4 10.20.30.1/32'])
    expect(planned(['r6', 'r4']).routes).toEqual(['r4 10.20.30.1/32', 'r6 2001:db8::1/128'])
    expect(planned(['dual']).routes).toEqual(['dual 10.20.30.1/32', 'dual 2001:db8::1/128'])
    expect(planned(['eth']).routes).toEqual(['eth 10.20.30.1/32', 'eth 2001:db8::1/128'])
  })

  test('and where none carries it, that is the reason', () => {
    const only = planned(['r4'], [{ address: v6, pool: 'default' }])
    expect(only).toMatchObject({ routes: [], reason: 'familyNotOffered', peers: [] })
    expect(planned([]).reason).toBe('noPeers')
  })
})

describe('a range that an advertisement in error leaves out', () => {
  const withheld = [parseRange('10.20.30.0/28')]

  test('has its name for a reason', () => {
    const plan = routes({ bgpAdvertisements: [bgpAd('adv1', ['default'], { withheld })] })
    expect(plan).toEqual({ routes: [], reason: 'invalidAdvertisement', peers: [], blockedBy: 'adv1' })
    const elsewhere = bgpAd('adv1', ['default'], { withheld: [parseRange('10.20.30.16/28')] })
    expect(routes({ bgpAdvertisements: [elsewhere] }).reason).toBe('')
  })

  test('is announced where another advertisement is for it', () => {
    const two = [bgpAd('adv1', ['default'], { withheld, aggregationLength: 24 }), bgpAd('adv2', ['default'])]
    expect(routes({ bgpAdvertisements: two }).routes.map(({ prefix }) => prefix)).toEqual(['10.20.30.1/32'])
  })
})

describe('several Services with one route', () => {
  const route = (more: object) => ({ peer: 'p', prefix: '10.20.30.0/24', communities: [], ...more })

  test('bandwidths add up, communities are united, the first decides the rest', () => {
    expect(
      mergeServices([
        route({ localPref: 1, linkBandwidth: 5, communities: [standard(2, 2)] }),
        route({ localPref: 2 }),
        route({ linkBandwidth: 7, communities: [standard(1, 1)] }),
      ]),
    ).toEqual(route({ localPref: 1, linkBandwidth: 12, communities: [standard(1, 1), standard(2, 2)] }))
  })

  test('of none there is none', () => {
    expect(mergeServices([])).toBeUndefined()
  })
})
