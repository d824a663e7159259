import { describe, expect, test } from 'vitest'
import { announced, l2Ad, node, pool, service, world } from '../test-world.ts'
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
  ])('%s: the other node holds it', (_what, more, reason) => {
    const at = world({ config, self: 'iris2', nodes: ['iris1', node('iris2', more)] })
    expect(holder(plan([target], at))).toBe('iris1')
    expect(plan([target], at).reason).toBe(reason)
  })

  test('the exclude label is ignored on request', () => {
    const excluded = node('iris1', {
      labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' },
    })
    expect(holder(plan([target], world({ config, nodes: [excluded], ignoreExcludeLabel: true })))).toBe(
      'iris1',
    )
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

  test('no endpoint anywhere: nobody', () => {
    expect(holder(plan([announced(service('web', ['10.20.30.1']), [])]))).toBeUndefined()
  })

  test('externalTrafficPolicy Local: only nodes with an endpoint, preferred or not', () => {
    const local = announced(service('web', ['10.20.30.1'], { externalTrafficPolicy: 'Local' }), ['iris1'])
    const preferred = l2Ad('l2', ['production'], {
      preferredNodes: [{ weight: 100, preference: { matchLabels: { 'kubernetes.io/hostname': 'iris2' } } }],
    })
    const at = world({ config: { ...config, l2Advertisements: [preferred] }, nodes: ['iris1', 'iris2'] })
    expect(holder(plan([local], at))).toBe('iris1')
    expect(holder(plan([target], at))).toBe('iris2')
  })

  test('Services that share an address: the node must serve each of them', () => {
    const a = announced(service('a', ['10.20.30.1'], { externalTrafficPolicy: 'Local' }), ['iris1', 'iris2'])
    const b = announced(service('b', ['10.20.30.1'], { externalTrafficPolicy: 'Local' }), ['iris1'])
    expect(holder(plan([a, b]))).toBe('iris1')
    const unprogrammed = { ...b, programmed: false }
    expect(plan([a, unprogrammed]).wire?.served).toBe(false)
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

  test('the union of what the advertisements name; one that names none means all', () => {
    expect(plan([target], at([['eth1'], ['eth0']])).wire?.interfaces).toEqual(['eth0', 'eth1'])
    expect(plan([target], at([['eth1'], []])).wire?.interfaces).toEqual([])
  })

  test('a node that has none of them is no candidate', () => {
    const speakers = {
      iris1: { ready: true, interfaces: new Set(['eth0']) },
      iris2: { ready: true, interfaces: new Set(['eth9']) },
    }
    expect(holder(plan([target], at([['eth0']], speakers)))).toBe('iris1')
  })
})
