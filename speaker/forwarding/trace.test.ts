import { describe, expect, test } from 'vitest'
import { keyOf } from '#kube/api.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { checkReferences } from './check.ts'
import type { ForwardingConfig, LocalDetector } from './config.ts'
import { applyTo } from './diff.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { emptyElements, type MutableElements } from './model.ts'
import { Planner } from './planner.ts'
import { trace, type TracePacket } from './trace.ts'

/** What is not in the table of packet flows (`cases/`). */

const POD = '10.0.0.2'
const NODE = '192.168.0.2'
const OUTSIDE = '203.0.113.2'

type Objects = readonly (readonly [Service, ...EndpointSlice[]])[]

function elementsFor(objects: Objects, config: ForwardingConfig = testConfig): MutableElements {
  const planner = new Planner(config)
  planner.setNode(testNode)
  for (const [one, ...slices] of objects) planner.setService(keyOf(one), one, slices)
  const elements = emptyElements()
  applyTo(elements, planner.operations(elements, true).operations)
  checkReferences(elements)
  return elements
}

const isLocal = (address: string) => testNode.localAddresses.includes(address)
const packet = (
  source: string,
  destination: string,
  port = 80,
  more: Partial<TracePacket> = {},
): TracePacket => ({
  source,
  destination,
  protocol: 'TCP',
  port,
  ...more,
})

const reachable = {
  ports: [{ port: 80, nodePort: 3001 }],
  externalIPs: ['192.168.99.11'],
  ingress: [{ ip: '1.2.3.4' }],
}
const localAndRemote = [
  { address: '10.180.0.1', node: 'other' },
  { address: '10.180.2.1', node: 'node-1' },
]

describe('pods that are known by their interface', () => {
  const flow = (
    detector: LocalDetector,
    change: Partial<ForwardingConfig>,
    one: TracePacket,
    external: 'Local' | 'Cluster',
  ) => {
    const elements = elementsFor([[service('s', { ...reachable, external }), slice('s', localAndRemote)]], {
      ...testConfig,
      detector,
      ...change,
    })
    const { endpoints } = trace(elements, one, isLocal, detector)
    return endpoints.map(({ endpoint, masquerade }) => (masquerade ? `${endpoint} m` : endpoint)).join(', ')
  }
  const bridge: LocalDetector = { by: 'bridge', name: 'br0' }
  const prefix: LocalDetector = { by: 'interface-prefix', prefix: 'veth' }
  const both = '10.180.0.1:80, 10.180.2.1:80'
  const bothM = '10.180.0.1:80 m, 10.180.2.1:80 m'
  const all = { masqueradeAll: true }
  test.each([
    ['pod by its bridge', bridge, {}, packet(POD, '172.30.0.41', 80, { interface: 'br0' }), 'Cluster', both],
    ['another bridge', bridge, {}, packet(POD, '172.30.0.41', 80, { interface: 'br01' }), 'Cluster', bothM],
    ['outside', bridge, {}, packet(OUTSIDE, '172.30.0.41', 80, { interface: 'eth0' }), 'Cluster', bothM],
    ['node', bridge, {}, packet(NODE, '172.30.0.41'), 'Cluster', bothM],
    ['pod by its veth', prefix, {}, packet(POD, '172.30.0.41', 80, { interface: 'veth12' }), 'Cluster', both],
    ['another name', prefix, {}, packet(POD, '172.30.0.41', 80, { interface: 'eth0' }), 'Cluster', bothM],
    ['node', prefix, {}, packet(NODE, '172.30.0.41'), 'Cluster', bothM],
    ['masqueradeAll', prefix, all, packet(POD, '172.30.0.41', 80, { interface: 'veth12' }), 'Cluster', bothM],
    ['pod, policy Local', prefix, {}, packet(POD, '1.2.3.4', 80, { interface: 'veth12' }), 'Local', both],
    ['pod, NodePort, policy Local', bridge, {}, packet(POD, NODE, 3001, { interface: 'br0' }), 'Local', both],
    [
      'outside, policy Local',
      prefix,
      {},
      packet(OUTSIDE, '1.2.3.4', 80, { interface: 'eth0' }),
      'Local',
      '10.180.2.1:80',
    ],
    ['node, policy Local', prefix, {}, packet(NODE, '1.2.3.4'), 'Local', bothM],
    [
      'nobody said how',
      { by: 'nothing' },
      {},
      packet(POD, '1.2.3.4', 80, { interface: 'veth12' }),
      'Local',
      '10.180.2.1:80',
    ],
    [
      'nobody said how',
      { by: 'nothing' },
      {},
      packet(OUTSIDE, '172.30.0.41', 80, { interface: 'eth0' }),
      'Cluster',
      both,
    ],
  ] as const)('%s (%j)', (_, detector, change, one, external, expected) => {
    expect(flow(detector, change, one, external)).toBe(expected)
  })
})

describe('session affinity', () => {
  const elements = elementsFor([
    [service('s', { ...reachable, affinity: 600, external: 'Local' }), slice('s', localAndRemote)],
  ])
  const result = (source: string, destination: string, port = 80) =>
    trace(elements, packet(source, destination, port), isLocal)

  test('a new client may get any endpoint; how long it keeps it, and by which rules', () => {
    const { endpoints, affinity, steps } = result(POD, '172.30.0.41')
    expect(endpoints.map(({ endpoint }) => endpoint)).toEqual(['10.180.0.1:80', '10.180.2.1:80'])
    expect(affinity).toBe(600)
    expect(steps.map(({ chain, text }) => `${chain}: ${text}`)).toEqual([
      'services: a client that is known keeps its endpoint, goto affinity-to-endpoints',
      'affinity-refresh: list with a timeout: keep the endpoint of this client',
      'affinity-to-endpoints: transport: send to the endpoint of the list',
    ])
  })

  test('policy Local has a list of its own', () => {
    expect(result(OUTSIDE, '1.2.3.4')).toMatchObject({
      affinity: 600,
      endpoints: [{ endpoint: '10.180.2.1:80' }],
    })
    expect(result(OUTSIDE, NODE, 3001)).toMatchObject({
      affinity: 600,
      endpoints: [{ endpoint: '10.180.2.1:80' }],
    })
    const lists = elements[4]
    const cluster = lists['affinity-frontends'].get('172.30.0.41 . tcp . 80')
    expect(lists['affinity-frontends'].get('1.2.3.4 . tcp . 80')).toBe(cluster)
    expect(lists['affinity-nodeports'].get('tcp . 3001')).toBe(cluster)
    const local = lists['affinity-local-frontends'].get('1.2.3.4 . tcp . 80')
    expect(local).not.toBe(cluster)
    expect(lists['affinity-local-nodeports'].get('tcp . 3001')).toBe(local)
  })

  test('each port and family has a list of its own; what has no affinity has none', () => {
    const several = elementsFor([
      [
        service('s', {
          clusterIPs: ['172.30.0.41', 'fd00:172:30::41'],
          ports: [
            { name: 'a', port: 80 },
            { name: 'b', port: 80, protocol: 'UDP' },
          ],
          affinity: 60,
        }),
        slice(
          's',
          ['10.0.0.1'],
          [
            { name: 'a', port: 80 },
            { name: 'b', port: 80, protocol: 'UDP' },
          ],
        ),
        slice('s', ['fd00:10::1'], [{ name: 'a', port: 80 }]),
      ],
      [service('t', { clusterIPs: ['172.30.0.42'] }), slice('t', ['10.0.0.1'])],
    ])
    expect([...several[4]['affinity-frontends'].values()]).toEqual(['1', '2'])
    expect([...several[6]['affinity-frontends'].values()]).toEqual(['1'])
    expect(trace(several, packet(POD, '172.30.0.42'), isLocal)).not.toHaveProperty('affinity')
  })

  test('an internal policy Local uses the list of this node', () => {
    const internal = elementsFor([
      [service('s', { ...reachable, affinity: 60, internal: 'Local' }), slice('s', localAndRemote)],
    ])
    const lists = internal[4]['affinity-frontends']
    expect(lists.get('172.30.0.41 . tcp . 80')).not.toBe(lists.get('1.2.3.4 . tcp . 80'))
    expect(trace(internal, packet(POD, '172.30.0.41'), isLocal).endpoints).toMatchObject([
      { endpoint: '10.180.2.1:80' },
    ])
  })
})

describe('balance', () => {
  const four = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']
  const balanced = (balance: string, order = four, more = {}) =>
    elementsFor([
      [
        service('s', { ...reachable, ...more, annotations: { 'fairlead.io/balance': balance } }),
        slice('s', order),
      ],
    ])
  const to = (elements: MutableElements, source: string) =>
    trace(elements, packet(source, '172.30.0.41'), isLocal).endpoints.map(({ endpoint }) => endpoint)

  test.each(['random', 'round-robin', 'no such thing'])('%s: any endpoint', (balance) => {
    expect(to(balanced(balance), POD)).toEqual(four.map((address) => `${address}:80`))
  })

  test('source-hash: one endpoint for a client, whatever the order and history; all of them for many', () => {
    const elements = balanced('source-hash')
    const again = balanced('source-hash', four.toReversed())
    const sources = Array.from({ length: 64 }, (_, index) => `10.0.1.${index}`)
    for (const source of sources) {
      expect(to(elements, source)).toHaveLength(1)
      expect(to(again, source)).toEqual(to(elements, source))
    }
    expect(new Set(sources.flatMap((source) => to(elements, source))).size).toBe(4)
    expect(elements[4].frontends.get('172.30.0.41 . tcp . 80')).toBe('251@source-hash')
  })

  test('by another address of the Service it is the same endpoint', () => {
    const elements = balanced('source-hash')
    for (const [destination, port] of [
      ['1.2.3.4', 80],
      [NODE, 3001],
    ] as const) {
      const { endpoints } = trace(elements, packet(OUTSIDE, destination, port), isLocal)
      expect(endpoints.map(({ endpoint }) => endpoint)).toEqual(to(elements, OUTSIDE))
    }
  })

  test('with session affinity it chooses for clients that are new', () => {
    const plain = balanced('source-hash')
    const sticky = balanced('source-hash', four, { affinity: 60 })
    expect(to(sticky, POD)).toEqual(to(plain, POD))
    expect(sticky[4]['affinity-slots'].size).toBe(3 * 251)
    expect(sticky[4]['affinity-endpoints'].size).toBe(4)
  })

  test('frontends take their turns by different counters', () => {
    const shards = new Set(balanced('round-robin')[4].frontends.values())
    expect([...shards].every((count) => /^4@round-robin-\d+$/.test(count))).toBe(true)
  })
})

describe('what slips through', () => {
  const elements = elementsFor([[service('s', { ...reachable, affinity: 60 }), slice('s', localAndRemote)]])
  // A state that no transaction leaves behind: only a packet in the middle of one can see it.
  for (const name of ['endpoints', 'nodeport-endpoints', 'affinity-endpoints'] as const)
    elements[4][name].clear()
  test.each([
    [OUTSIDE, '1.2.3.4', 80],
    [POD, '172.30.0.41', 80],
    [NODE, '172.30.0.41', 80],
    [OUTSIDE, NODE, 3001],
  ] as const)('%s to %s:%i is dropped', (source, destination, port) => {
    const { verdict, steps } = trace(elements, packet(source, destination, port), isLocal)
    expect(verdict).toBe('drop')
    expect(steps.at(-1)?.text).toContain('and not translated: drop (slipped through a change)')
  })
})
