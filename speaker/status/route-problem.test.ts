import { expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { announced, bgpAd, bgpPeer, node, pool, service, world } from '../test-world.ts'
import type { World } from '../world.ts'
import { routeRefusals } from './route-problem.ts'

const v4 = '192.0.2.1'
const v6 = '2001:db8::1'
const dual = service('web', [v4, v6])
const local = service('web', [v4, v6], { externalTrafficPolicy: 'Local' })
const config = {
  pools: [pool('p', '192.0.2.0/24', '2001:db8::/64')],
  bgpAdvertisements: [bgpAd('ad', ['p'])],
  peers: [bgpPeer('tor')],
}
const labelled = (name: string, labels: Record<string, string>) => node(name, { labels })
const excluded = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }

const refusals = (options: Parameters<typeof world>[0], target = announced(dual, ['b']), address = v4) =>
  reasons(address, [target], world(options))

function reasons(address: string, services: ReturnType<typeof announced>[], there: World) {
  const found = routeRefusals(address, { services, poolOf: () => 'p' }, there)
  return Object.fromEntries(
    found.map(({ node: name, reason, about }) => [name, about ? `${reason} ${about}` : reason]),
  )
}

test('nothing is said of what some node announces, whichever asks', () => {
  const nodes = [labelled('a', excluded), 'b']
  expect(refusals({ config, nodes })).toEqual({})
  expect(refusals({ config, nodes, self: 'b' })).toEqual({})
  expect(refusals({ config, nodes }, announced(dual, ['b'], false))).toEqual({})
})

test('what keeps every node from it', () => {
  const nodes = ['a', 'b']
  const both = (reason: string) => ({ a: reason, b: reason })
  expect(refusals({ config, nodes }, announced(dual, []))).toEqual(both('noEndpoints'))
  expect(refusals({ config, nodes }, announced(local, []))).toEqual(both('noEndpoints'))
  expect(refusals({ config, nodes }, announced(local, ['elsewhere']))).toEqual(both('noLocalEndpoints'))
  expect(refusals({ config: { ...config, peers: [] }, nodes })).toEqual(both('noPeers'))
  expect(refusals({ config: { ...config, bgpAdvertisements: [] }, nodes })).toEqual(
    both('noMatchingAdvertisement'),
  )
  const unknown = [bgpAd('ad', ['p'], { peers: ['nobody'] })]
  expect(refusals({ config: { ...config, bgpAdvertisements: unknown }, nodes })).toEqual(
    both('noPeers there is no BGPPeer nobody'),
  )
  const two = [bgpAd('one', ['p'], { localPref: 1 }), bgpAd('two', ['p'], { localPref: 2 })]
  expect(refusals({ config: { ...config, bgpAdvertisements: two }, nodes })).toEqual(
    both('conflictingAdvertisements'),
  )
})

test('each node has its own reason', () => {
  const nodes = [labelled('a', excluded), node('b', { networkUnavailable: true }), 'c', 'd', 'e']
  const speakers = {
    a: { ready: true },
    b: { ready: true },
    c: { ready: false },
    d: { ready: true, apiReachable: false },
    e: { ready: true },
  }
  expect(refusals({ config, nodes, speakers }, announced(local, ['a', 'b', 'c', 'd']))).toEqual({
    a: 'nodeLabeledExcludeBalancers',
    b: 'nodeNetworkUnavailable',
    c: 'speakerLeaving',
    d: 'speakerUnreachable',
    e: 'noLocalEndpoints',
  })
})

test('the family that no session has, and only that', () => {
  const nodes = ['a', 'b']
  expect(refusals({ config, nodes }, undefined, v4)).toEqual({})
  expect(refusals({ config, nodes }, undefined, v6)).toEqual({ a: 'familyNotOffered', b: 'familyNotOffered' })
  const six = bgpPeer('six', { peerAddress: parseAddress('2001:db8:1::1') })
  expect(refusals({ config: { ...config, peers: [bgpPeer('tor'), six] }, nodes }, undefined, v6)).toEqual({})
})

test('of Services that share an address one that is announced is enough', () => {
  const web = announced(service('web', [v4]), [])
  const other = announced(service('other', [v4]), ['a'])
  expect(reasons(v4, [web, other], world({ config, nodes: ['a'] }))).toEqual({})
  expect(reasons(v4, [web], world({ config, nodes: ['a'] }))).toEqual({ a: 'noEndpoints' })
})
