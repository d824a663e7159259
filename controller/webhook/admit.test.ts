import { expect, test } from 'vitest'
import { allCases } from '#crds/cases/all.ts'
import { raw } from '#crds/test-objects.ts'
import type { Simulation } from '../simulate.ts'
import { admissionPaths, admit } from './admit.ts'
import { namespace, requestOf, worldOf } from './test-requests.ts'

const pool = (name: string, ...addresses: string[]) => raw(name, { addresses })

test.each(allCases)('%s', (_title, { before, section, object, problem }) => {
  const { denied, warnings } = admit(section, requestOf(section, object), worldOf(before))
  const all = [denied, ...warnings].join('\n')
  if (problem !== undefined) expect(all).toMatch(problem.message)
  const mayComeLater = problem !== undefined && /no Community object defines it/.test(all)
  expect(denied !== '').toBe(problem?.severity === 'error' && !mayComeLater)
})

test('there is a path for every kind, with the names of MetalLB', () => {
  expect([...admissionPaths.values()].sort()).toEqual(Object.keys(worldOf({}).objects).sort())
  expect(
    [...admissionPaths.keys()].every((path) => /^\/validate-metallb-io-v1beta[12]-[a-z2]+$/.test(path)),
  ).toBe(true)
})

test.each([...admissionPaths.values()])('C31: %s in another namespace is denied on creation', (section) => {
  const request = { ...requestOf(section, pool('p', '10.0.0.0/24')), namespace: 'default' }
  expect(admit(section, request, worldOf({})).denied).toBe(
    'resource must be created in metallb-system namespace',
  )
  const update = admit(section, { ...request, operation: 'UPDATE' }, worldOf({}))
  expect(update).toMatchObject({ denied: '', warnings: [expect.stringContaining(namespace)] })
})

test('a BFDProfile in use is not deleted, and another one is', () => {
  const peer = raw('router', { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', bfdProfile: 'used' })
  const world = worldOf({ peers: [peer], bfdProfiles: [raw('used', {}), raw('free', {})] })
  const remove = (name: string) =>
    admit(
      'bfdProfiles',
      { uid: 'u', operation: 'DELETE', kind: 'BFDProfile', namespace, name, oldObject: {} },
      world,
    )
  expect(remove('used').denied).toBe('failed to delete BFDProfile used, used by BGPPeer router')
  expect(remove('free')).toEqual({ denied: '', warnings: [] })
})

test('9.3: disableMP is warned of in the words of MetalLB, and everything else is validated all the same', () => {
  const peer = (more: object) =>
    admit(
      'peers',
      requestOf(
        'peers',
        raw('p', { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', disableMP: true, ...more }),
      ),
      worldOf({}),
    )
  expect(peer({})).toEqual({
    denied: '',
    warnings: ["disable mp is deprecated and has no effect since it's the default behavior now"],
  })
  expect(peer({ myASN: 0 }).denied).toContain('missing local ASN')
})

test('an edit that runs into a younger object is denied, as the newcomer would be', () => {
  const old = pool('old', '10.0.0.0/24')
  const world = worldOf({ pools: [old, pool('young', '10.0.1.0/24')] })
  const grown = { ...old, spec: { addresses: ['10.0.0.0/16'] } }
  const request = {
    ...requestOf('pools', grown, { operation: 'UPDATE' }),
    oldObject: requestOf('pools', old).object!,
  }
  expect(admit('pools', request, world).denied).toContain('overlaps with already defined CIDR "10.0.1.0/24"')

  const ads = [
    raw('a', { localPref: 100, ipAddressPools: ['old'] }),
    raw('b', { localPref: 200, peers: ['x'] }),
  ]
  const other = worldOf({ pools: [old], bgpAdvertisements: ads })
  const changed = requestOf(
    'bgpAdvertisements',
    { ...ads[1], spec: { localPref: 200 } },
    { operation: 'UPDATE' },
  )
  expect(admit('bgpAdvertisements', changed, other).denied).toContain('invalid local preference')
})

test('what a change of a pool breaks elsewhere is a warning', () => {
  const before = pool('p', '10.0.0.0/24')
  const world = worldOf({ pools: [before], bgpAdvertisements: [raw('wide', { aggregationLength: 24 })] })
  const narrow = requestOf(
    'pools',
    { ...before, spec: { addresses: ['10.0.0.0/28'] } },
    { operation: 'UPDATE' },
  )
  expect(admit('pools', narrow, world)).toMatchObject({
    denied: '',
    warnings: [
      expect.stringContaining('BGPAdvertisement wide: spec.aggregationLength: invalid aggregation length'),
    ],
  })
})

test('errors of others that were there before deny nothing', () => {
  const world = worldOf({ pools: [pool('broken', 'x')] })
  expect(admit('pools', requestOf('pools', pool('p', '10.0.0.0/24')), world)).toEqual({
    denied: '',
    warnings: [],
  })
})

test('labels and finalizers of an object that was let in before can change', () => {
  const broken = pool('broken', 'x')
  const world = worldOf({ pools: [broken] })
  const { object } = requestOf('pools', broken)
  const update = requestOf('pools', broken, { operation: 'UPDATE', oldObject: object! })
  expect(admit('pools', update, world)).toMatchObject({
    denied: '',
    warnings: [expect.stringContaining('invalid CIDR')],
  })
  const worse = requestOf('pools', pool('broken', 'y'), { operation: 'UPDATE', oldObject: object! })
  expect(admit('pools', worse, world).denied).toContain('invalid CIDR "y"')
  const going = {
    ...worse,
    object: { ...worse.object, metadata: { name: 'broken', deletionTimestamp: 'now' } },
  }
  expect(admit('pools', going, world).denied).toBe('')
})

test('a pool over addresses of the cluster is warned of', () => {
  const nodes = [{ name: 'node1', internalIPs: ['192.0.2.11'], podCIDRs: [] }]
  const world = worldOf({}, { cluster: { nodes, serviceCIDRs: [] } })
  expect(admit('pools', requestOf('pools', pool('p', '192.0.2.0/24')), world)).toEqual({
    denied: '',
    warnings: ['pool p overlaps with addresses of nodes: 192.0.2.11 of node node1'],
  })
  const { cluster: _unknown, ...blind } = world
  expect(admit('pools', requestOf('pools', pool('p', '192.0.2.0/24')), blind).warnings).toEqual([
    'the addresses of nodes and pods could not be compared with the pool',
  ])
})

test('what a change does to Services is warned of, also when a pool is deleted', () => {
  const change = (service: string): Simulation['moves'][number] => ({
    service,
    from: ['10.0.0.1'],
    fromPool: 'p',
    to: [],
    toPool: '',
    why: '',
  })
  const before = pool('p', '10.0.0.0/24')
  const simulate = () => ({ loses: ['a/a', 'a/b', 'a/c', 'a/d'].map(change), moves: [change('b/a')] })
  const world = worldOf({ pools: [before] }, { simulate })
  const warnings = [
    'Services that would lose their address: a/a (10.0.0.1), a/b (10.0.0.1), a/c (10.0.0.1) and 1 more',
    'Services that would get another address: b/a (10.0.0.1)',
  ]
  const edited = requestOf(
    'pools',
    { ...before, spec: { addresses: ['10.0.1.0/24'] } },
    { operation: 'UPDATE' },
  )
  expect(admit('pools', edited, world)).toEqual({ denied: '', warnings })
  const { object: oldObject, ...rest } = requestOf('pools', before, { operation: 'DELETE' })
  expect(admit('pools', { ...rest, oldObject: oldObject! }, world)).toEqual({ denied: '', warnings })
  // Nothing changes, so nothing is tried out.
  expect(admit('pools', requestOf('pools', before, { operation: 'UPDATE' }), world).warnings).toEqual([])
})

test('an object of another kind is not taken for a valid one', () => {
  expect(admit('pools', requestOf('peers', raw('p', {})), worldOf({})).denied).toContain(
    'is not validated here',
  )
})

test('no password is in an answer', () => {
  const spec = { myASN: 0, password: 'open sesame', passwordSecret: { name: 's' }, peerAddress: 5 }
  const verdict = admit('peers', requestOf('peers', raw('p', spec)), worldOf({}))
  expect(verdict.denied).toContain('can not have both password and secret ref')
  expect(JSON.stringify(verdict)).not.toContain('sesame')
})
