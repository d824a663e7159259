import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { Community } from '#crds/config.ts'
import { announced, bgpAd, node, pool, service, world } from '../test-world.ts'
import { planBgp } from './advertise.ts'

const standard = (a: number, b: number): Community => ({ kind: 'standard', value: [a, b] })
const config = { pools: [pool('default', '10.20.30.0/24')], bgpAdvertisements: [bgpAd('adv1', ['default'])] }
const addresses = [{ address: parseAddress('10.20.30.1'), pool: 'default' }]
const web = service('web', ['10.20.30.1'])

const routes = (
  more: Partial<typeof config> = {},
  target = announced(web, ['iris']),
  nodes: Parameters<typeof world>[0]['nodes'] = ['pandora', 'iris'],
  peers = ['peer1'],
) => planBgp(target, addresses, peers, world({ config: { ...config, ...more }, nodes }))

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

  test('E11: exclude label', () => {
    const excluded = node('pandora', {
      labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': 'x' },
    })
    expect(routes({}, undefined, [excluded, 'iris']).reason).toBe('nodeLabeledExcludeBalancers')
  })

  test('no endpoint anywhere, and not yet programmed: nothing', () => {
    expect(routes({}, announced(web, [])).reason).toBe('noEndpoints')
    expect(routes({}, announced(web, ['iris'], false)).reason).toBe('notProgrammed')
  })

  test('two advertisements that contradict each other announce nothing', () => {
    const conflicting = [bgpAd('a', ['default'], { localPref: 1 }), bgpAd('b', ['default'], { localPref: 2 })]
    expect(routes({ bgpAdvertisements: conflicting }).reason).toBe('conflictingAdvertisements')
  })

  test('two advertisements of one route: communities are united and sorted', () => {
    const two = [
      bgpAd('a', ['default'], { communities: [standard(2, 2)] }),
      bgpAd('b', ['default'], { communities: [standard(1, 1), standard(2, 2)] }),
    ]
    expect(routes({ bgpAdvertisements: two }).routes[0].communities).toEqual([standard(1, 1), standard(2, 2)])
  })
})
