import { describe, expect, test } from 'vitest'
import { announced, l2Ad, node, pool, service, usable, world } from '../test-world.ts'
import { planLayer2 } from './advertise.ts'
import { elect } from './elect.ts'

const production = pool('production', '10.20.30.0/24')
const config = { pools: [production], l2Advertisements: [l2Ad('l2', ['production'])] }
const target = announced(service('web', ['10.20.30.1']), ['iris1', 'iris2'])

const holder = (plan: ReturnType<typeof planLayer2>) =>
  plan.wire === undefined ? undefined : elect(plan.wire.address, plan.wire.candidates)

const plan = (services = [target], in_ = world({ config, nodes: ['iris1', 'iris2'] })) =>
  planLayer2('10.20.30.1', 'production', services, in_)

describe('who may hold an address', () => {
  test('every node with a speaker, and MetalLB’s hash decides', () => {
    expect(plan().wire).toMatchObject({ address: '10.20.30.1', interfaces: [], served: true })
    expect(holder(plan())).toBe('iris2')
    expect(plan().reason).toBe('')
  })

  test('nobody without an advertisement for its pool, or without a pool', () => {
    const none = world({ config: { pools: [production] }, nodes: ['iris1'] })
    expect(plan([target], none)).toEqual({ reason: 'noMatchingAdvertisement', advertisements: [] })
    expect(
      planLayer2('9.9.9.9', undefined, [target], world({ config, nodes: ['iris1'] })).wire,
    ).toBeUndefined()
  })

  test('an advertisement’s service selectors must match the labels', () => {
    const picky = {
      ...config,
      l2Advertisements: [l2Ad('l2', ['production'], { serviceSelectors: [{ matchLabels: { a: 'b' } }] })],
    }
    const at = world({ config: picky, nodes: ['iris1'] })
    expect(plan([target], at).reason).toBe('noMatchingAdvertisement')
    const labelled = announced(service('web', ['10.20.30.1'], {}, { a: 'b' }), ['iris1'])
    expect(plan([labelled], at).reason).toBe('')
  })

  test.each([
    [
      'exclude label',
      { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
      'nodeLabeledExcludeBalancers',
    ],
    ['NetworkUnavailable', { networkUnavailable: true }, 'nodeNetworkUnavailable'],
  ])('D16: %s: the other node holds it', (_what, more, reason) => {
    const at = world({ config, self: 'iris2', nodes: ['iris1', node('iris2', more)] })
    expect(holder(plan([target], at))).toBe('iris1')
    expect(plan([target], at).reason).toBe(reason)
  })

  test('D16: the exclude label is ignored on request', () => {
    const excluded = node('iris1', {
      labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' },
    })
    expect(holder(plan([target], world({ config, nodes: [excluded], ignoreExcludeLabel: true })))).toBe(
      'iris1',
    )
  })

  test.each([
    ['labelled', { labels: { 'fairlead.io/drain': 'kernel' } }, false, true],
    ['cordoned', { unschedulable: true }, false, false],
    ['cordoned, where that drains', { unschedulable: true }, true, true],
    ['about to be deleted', { taints: ['ToBeDeletedByClusterAutoscaler'] }, true, true],
    ['out of service', { taints: ['node.kubernetes.io/out-of-service'] }, true, true],
    ['tainted otherwise', { taints: ['node.kubernetes.io/not-ready'] }, true, false],
  ])('a node that is %s', (_what, more, drainOnCordon, drains) => {
    const at = { ...world({ config, self: 'iris2', nodes: ['iris1', node('iris2', more)] }), drainOnCordon }
    expect(holder(plan([target], at))).toBe(drains ? 'iris1' : 'iris2')
    expect(plan([target], at).reason).toBe(drains ? 'nodeDraining' : '')
    expect(plan([target], { ...at, ignoreDrain: true }).reason).toBe('')
  })

  test('a node that has lost the API goes behind those that have not, preferred or not', () => {
    const preferred = l2Ad('l2', ['production'], {
      preferredNodes: [{ weight: 100, preference: { matchLabels: { 'kubernetes.io/hostname': 'iris2' } } }],
    })
    const stale = { iris1: { ready: true }, iris2: { ready: true, apiReachable: false } }
    const options = { config: { ...config, l2Advertisements: [preferred] }, nodes: ['iris1', 'iris2'] }
    expect(holder(plan([target], world(options)))).toBe('iris2')
    expect(holder(plan([target], world({ ...options, speakers: stale })))).toBe('iris1')
    const all = Object.fromEntries(['iris1', 'iris2'].map((name) => [name, stale.iris2]))
    expect(holder(plan([target], world({ ...options, speakers: all })))).toBe('iris2')
  })

  test('D20: a shared address with service selectors is announced by nobody', () => {
    const selective = l2Ad('l2', ['production'], { serviceSelectors: [{ matchLabels: { a: 'b' } }] })
    const at = world({ config: { ...config, l2Advertisements: [selective] }, nodes: ['iris1', 'iris2'] })
    const labelled = service('web', ['10.20.30.1'], {}, { a: 'b' })
    const of = (annotations: Record<string, string>) => announced({ ...labelled, annotations }, ['iris1'])
    for (const prefix of ['metallb.io', 'metallb.universe.tf']) {
      const sharing = of({ [`${prefix}/allow-shared-ip`]: '' })
      expect(plan([sharing], at)).toEqual({
        reason: 'sharedIPWithServiceSelector',
        advertisements: ['l2'],
      })
      expect(plan([sharing]).reason).toBe('')
    }
    expect(plan([of({})], at).reason).toBe('')
  })

  test('an address that another machine uses is announced when the Service says so', () => {
    const forced = (value: string) =>
      announced(
        {
          ...service('web', ['10.20.30.1']),
          annotations: { 'fairlead.io/announce-despite-conflict': value },
        },
        ['iris1'],
      )
    expect(plan().wire).not.toHaveProperty('force')
    expect(plan([forced('false')]).wire).not.toHaveProperty('force')
    expect(plan([target, forced('true')]).wire?.force).toBe(true)
  })

  test('a speaker that leaves, and a node without a speaker, hold nothing', () => {
    const speakers = { iris1: { ready: true }, iris2: { ready: false } }
    const at = world({ config, nodes: ['iris1', 'iris2', 'iris3'], speakers })
    expect(holder(plan([target], at))).toBe('iris1')
    expect(plan([target], at).wire?.candidates.map(({ node, reason }) => [node, reason])).toEqual([
      ['iris1', ''],
      ['iris2', 'speakerLeaving'],
    ])
  })

  test('D17: no endpoint anywhere: nobody', () => {
    expect(holder(plan([announced(service('web', ['10.20.30.1']), [])]))).toBeUndefined()
  })

  test('D11: externalTrafficPolicy Local: only nodes with an endpoint, preferred or not', () => {
    const local = announced(service('web', ['10.20.30.1'], { externalTrafficPolicy: 'Local' }), ['iris1'])
    const preferred = l2Ad('l2', ['production'], {
      preferredNodes: [{ weight: 100, preference: { matchLabels: { 'kubernetes.io/hostname': 'iris2' } } }],
    })
    const at = world({ config: { ...config, l2Advertisements: [preferred] }, nodes: ['iris1', 'iris2'] })
    expect(holder(plan([local], at))).toBe('iris1')
    expect(holder(plan([target], at))).toBe('iris2')
  })

  const hostname = (name: string) => ({ matchLabels: { 'kubernetes.io/hostname': name } })
  const under = (ads: ReturnType<typeof l2Ad>[], nodes: (string | ReturnType<typeof node>)[]) =>
    world({ config: { ...config, l2Advertisements: ads }, nodes })

  test('D10, D13: weights add up over advertisements, an empty preference is everybody’s', () => {
    const everybody = l2Ad('a', ['production'], { preferredNodes: [{ weight: 10, preference: {} }] })
    const one = l2Ad('b', ['production'], { preferredNodes: [{ weight: 1, preference: hostname('iris1') }] })
    const scores = (at: ReturnType<typeof world>) =>
      plan([target], at).wire?.candidates.map(({ preference }) => preference)
    expect(scores(under([everybody], ['iris1', 'iris2']))).toEqual([10, 10])
    expect(scores(under([everybody, one], ['iris1', 'iris2']))).toEqual([11, 10])
    expect(holder(plan([target], under([everybody, one], ['iris1', 'iris2'])))).toBe('iris1')
    const away = node('iris1', { networkUnavailable: true })
    expect(holder(plan([target], under([everybody, one], [away, 'iris2'])))).toBe('iris2')
  })

  test('D14: only nodes that an advertisement selects', () => {
    const selective = l2Ad('l2', ['production'], { nodeSelectors: [hostname('iris1')] })
    const at = under([selective], ['iris1', 'iris2'])
    expect(holder(plan([target], at))).toBe('iris1')
    expect(plan([target], { ...at, self: 'iris2' }).reason).toBe('noMatchingAdvertisement')
  })

  test('Services that share an address: the node must serve each of them', () => {
    const a = announced(service('a', ['10.20.30.1'], { externalTrafficPolicy: 'Local' }), ['iris1', 'iris2'])
    const b = announced(service('b', ['10.20.30.1'], { externalTrafficPolicy: 'Local' }), ['iris1'])
    expect(holder(plan([a, b]))).toBe('iris1')
    const unprogrammed = { ...b, programmed: false }
    expect(plan([a, unprogrammed]).wire?.served).toBe(false)
    const at = world({ config, self: 'iris2', nodes: ['iris1', 'iris2'] })
    expect(plan([a, b], at)).toMatchObject({ reason: 'noLocalEndpoints', blockedBy: 'default/b' })
    expect(plan([b], at)).not.toHaveProperty('blockedBy')
  })

  test('Services that share an address and have endpoints on different nodes only: nobody', () => {
    const on = (name: string, where: string) =>
      announced(service(name, ['10.20.30.1'], { externalTrafficPolicy: 'Local' }), [where])
    expect(holder(plan([on('a', 'iris1'), on('b', 'iris2')]))).toBeUndefined()
    expect(plan([on('a', 'iris1'), on('b', 'iris2')]).blockedBy).toBe('default/b')
  })

  test('a Service without endpoints does not silence those that share its address', () => {
    const a = announced(service('a', ['10.20.30.1']), ['iris1'])
    const empty = announced(service('b', ['10.20.30.1']), [], false)
    expect(plan([a, empty]).wire?.served).toBe(true)
    expect(holder(plan([a, empty]))).toBe('iris2')
    expect(holder(plan([empty, empty]))).toBeUndefined()
  })
})

describe('interfaces', () => {
  const ads = (...names: string[][]) =>
    names.map((interfaces, index) => l2Ad(`l2-${index}`, ['production'], { interfaces }))
  const at = (names: string[][], speakers?: Parameters<typeof world>[0]['speakers']) =>
    world({
      config: { ...config, l2Advertisements: ads(...names) },
      nodes: ['iris1', 'iris2'],
      ...(speakers === undefined ? {} : { speakers }),
    })

  test('D22: the union of what the advertisements name; one that names none means all', () => {
    expect(plan([target], at([['eth1'], ['eth0']])).wire?.interfaces).toEqual(['eth0', 'eth1'])
    expect(plan([target], at([['eth1'], []])).wire?.interfaces).toEqual([])
  })

  test('a node that has none of them is no candidate', () => {
    const speakers = {
      iris1: { ready: true, interfaces: usable('eth0') },
      iris2: { ready: true, interfaces: usable('eth9') },
    }
    expect(holder(plan([target], at([['eth0']], speakers)))).toBe('iris1')
  })
})
