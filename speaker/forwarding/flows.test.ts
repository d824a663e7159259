import { describe, expect, test } from 'vitest'
import { parsePrefix } from '#inet/prefix.ts'
import { keyOf } from '#kube/api.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Protocol, Service } from '#kube/objects/service.ts'
import type { ForwardingConfig } from './config.ts'
import { checkReferences } from './check.ts'
import { applyTo } from './diff.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { emptyElements, type Elements } from './model.ts'
import { Planner } from './planner.ts'
import { trace } from './trace.ts'

/**
 * The packet flows that kube-proxy's nftables mode is tested with (pkg/proxy/nftables/proxier_test.go), followed
 * through our program. Pods are 10.0.0.0/8, ClusterIPs 172.30.0.0/16; `m` marks masqueraded endpoints.
 */

const POD = '10.0.0.2'
const NODE = '192.168.0.2'
const OUTSIDE = '203.0.113.2'
const BLOCKED = '203.0.113.130'

const isLocal = (address: string) => testNode.localAddresses.includes(address)

type Objects = readonly (readonly [Service, ...EndpointSlice[]])[]

function elementsFor(objects: Objects, config: ForwardingConfig = testConfig): Elements {
  const planner = new Planner(config)
  planner.setNode(testNode)
  for (const [one, ...slices] of objects) {
    planner.setService(keyOf({ namespace: one.namespace, name: one.name }), one, slices)
  }
  const elements = emptyElements()
  applyTo(elements, planner.operations(elements, true).operations)
  checkReferences(elements)
  return elements
}

/** `10.180.0.1:80 m, 10.180.0.2:80`, or the verdict. */
function flow(
  elements: Elements,
  from: string,
  to: string,
  port: number,
  protocol: Protocol = 'TCP',
): string {
  const result = trace(elements, { source: from, destination: to, protocol, port }, isLocal)
  if (result.verdict !== 'forward') return result.verdict
  return result.endpoints
    .map(({ endpoint, masquerade }) => (masquerade ? `${endpoint} m` : endpoint))
    .sort()
    .join(', ')
}

describe('A: no endpoints', () => {
  const elements = elementsFor([
    [
      service('s', {
        ports: [{ port: 80, nodePort: 3001 }],
        externalIPs: ['192.168.99.11'],
        ingress: [{ ip: '1.2.3.4' }],
      }),
    ],
  ])
  test.each([
    ['pod to ClusterIP', POD, '172.30.0.41', 80],
    ['outside to external address', OUTSIDE, '192.168.99.11', 80],
    ['outside to NodePort', OUTSIDE, NODE, 3001],
    ['node to NodePort', NODE, NODE, 3001],
    ['pod to load balancer address', POD, '1.2.3.4', 80],
  ] as const)('%s is refused', (_, from, to, port) => {
    expect(flow(elements, from, to, port)).toBe('reject')
  })
})

describe('B: ClusterIP', () => {
  const elements = elementsFor([
    [service('svc1'), slice('svc1', [{ address: '10.180.0.1', node: 'node-1' }])],
    [
      service('svc2', {
        clusterIPs: ['172.30.0.42'],
        ports: [
          { name: 'http', port: 80 },
          { name: 'https', port: 443 },
          { name: 'dns-udp', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
          { name: 'dns-sctp', port: 53, protocol: 'SCTP' },
        ],
      }),
      slice(
        'svc2',
        [{ address: '10.180.0.1', node: 'node-1' }, '10.180.2.1'],
        [
          { name: 'http', port: 80 },
          { name: 'https', port: 8443 },
          { name: 'dns-udp', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 5353, protocol: 'TCP' },
          { name: 'dns-sctp', port: 53, protocol: 'SCTP' },
        ],
      ),
    ],
  ])
  test.each([
    ['one endpoint', '10.180.0.2', '172.30.0.41', 80, 'TCP', '10.180.0.1:80'],
    ['hairpin', '10.180.0.1', '172.30.0.41', 80, 'TCP', '10.180.0.1:80 m'],
    ['hairpin among two', '10.180.0.1', '172.30.0.42', 80, 'TCP', '10.180.0.1:80 m, 10.180.2.1:80'],
    ['target port', POD, '172.30.0.42', 443, 'TCP', '10.180.0.1:8443, 10.180.2.1:8443'],
    ['same number, TCP', POD, '172.30.0.42', 53, 'TCP', '10.180.0.1:5353, 10.180.2.1:5353'],
    ['same number, UDP', POD, '172.30.0.42', 53, 'UDP', '10.180.0.1:53, 10.180.2.1:53'],
    ['same number, SCTP', POD, '172.30.0.42', 53, 'SCTP', '10.180.0.1:53, 10.180.2.1:53'],
    ['unknown protocol', POD, '172.30.0.42', 80, 'UDP', 'reject'],
    ['unknown port', POD, '172.30.0.42', 90, 'TCP', 'reject'],
    ['unknown port, from the node', NODE, '172.30.0.42', 90, 'TCP', 'reject'],
    ['unallocated ClusterIP', POD, '172.30.0.50', 80, 'TCP', 'drop'],
    ['something else', POD, '198.51.100.1', 80, 'TCP', 'untouched'],
  ] as const)('%s', (_, from, to, port, protocol, expected) => {
    expect(flow(elements, from, to, port, protocol)).toBe(expected)
  })
})

describe('C: load balancer with source ranges', () => {
  const elements = elementsFor([
    [
      service('svc1', {
        ports: [{ port: 80, nodePort: 3001 }],
        externalIPs: ['192.168.99.22'],
        ingress: [{ ip: '1.2.3.4' }, { ip: '5.6.7.8' }],
        ranges: [' 192.168.0.0/24', '203.0.113.0/25', '2001:db8::/32'],
      }),
      slice('svc1', ['10.180.0.1']),
    ],
  ])
  test.each([
    ['pod to ClusterIP', POD, '172.30.0.41', 80, '10.180.0.1:80'],
    ['outside to NodePort', OUTSIDE, NODE, 3001, '10.180.0.1:80 m'],
    ['blocked to NodePort', BLOCKED, NODE, 3001, '10.180.0.1:80 m'],
    ['blocked to external address', BLOCKED, '192.168.99.22', 80, '10.180.0.1:80 m'],
    ['outside to the first', OUTSIDE, '1.2.3.4', 80, '10.180.0.1:80 m'],
    ['blocked to the first', BLOCKED, '1.2.3.4', 80, 'drop'],
    ['blocked to the second', BLOCKED, '5.6.7.8', 80, 'drop'],
    ['pod to the second', POD, '5.6.7.8', 80, 'drop'],
    ['node to the first', NODE, '1.2.3.4', 80, '10.180.0.1:80 m'],
    ['the address itself to the first', '1.2.3.4', '1.2.3.4', 80, '10.180.0.1:80 m'],
    ['the address itself to the second', '5.6.7.8', '5.6.7.8', 80, '10.180.0.1:80 m'],
  ] as const)('%s', (_, from, to, port, expected) => {
    expect(flow(elements, from, to, port)).toBe(expected)
  })

  test('a range of everything, or none of the family, restricts nobody', () => {
    for (const ranges of [['0.0.0.0/0', '203.0.113.0/25'], ['2001:db8::/32']]) {
      const open = elementsFor([
        [service('svc1', { ingress: [{ ip: '1.2.3.4' }], ranges }), slice('svc1', ['10.180.0.1'])],
      ])
      expect(flow(open, BLOCKED, '1.2.3.4', 80)).toBe('10.180.0.1:80 m')
    }
  })
})

const nodePortsIn = (...prefixes: string[]): ForwardingConfig => ({
  ...testConfig,
  nodePortAddresses: prefixes.map((text) => parsePrefix(text)),
})

describe('D: NodePort addresses', () => {
  const objects: Objects = [
    [
      service('svc1', {
        type: 'NodePort',
        clusterIPs: ['172.30.0.41', 'fd00:172:30::41'],
        ports: [{ port: 80, nodePort: 3001 }],
      }),
      slice('svc1', [{ address: '10.180.0.1', node: 'node-1' }, '10.180.2.1']),
      slice('svc1', ['fd00:10::1', 'fd00:10::2:1']),
    ],
  ]
  const both = '10.180.0.1:80 m, 10.180.2.1:80 m'
  test('primary: only the first address of a family', () => {
    const elements = elementsFor(objects)
    expect(flow(elements, OUTSIDE, NODE, 3001)).toBe(both)
    expect(flow(elements, NODE, NODE, 3001)).toBe(both)
    expect(flow(elements, OUTSIDE, '192.168.1.2', 3001)).toBe('untouched')
    expect(flow(elements, '2001:db8::9', 'fd00:aaaa::2', 3001)).toBe('[fd00:10::1]:80 m, [fd00:10::2:1]:80 m')
    expect(flow(elements, OUTSIDE, '192.168.0.9', 3001)).toBe('untouched')
  })
  test('ranges: every address of the node in them', () => {
    const elements = elementsFor(objects, nodePortsIn('192.168.0.0/24', '192.168.0.0/16'))
    expect(flow(elements, OUTSIDE, '192.168.1.2', 3001)).toBe(both)
    expect(flow(elementsFor(objects, nodePortsIn('192.168.0.0/24')), OUTSIDE, '192.168.1.2', 3001)).toBe(
      'untouched',
    )
  })
  test('a family without a range accepts everywhere but on loopback', () => {
    const elements = elementsFor(objects, nodePortsIn('192.168.0.0/24'))
    expect(flow(elements, '2001:db8::9', 'fd00:aaaa::2', 3001)).toMatch(/ m/)
    const all = elementsFor(objects, nodePortsIn('0.0.0.0/0'))
    expect(flow(all, OUTSIDE, '192.168.1.2', 3001)).toBe(both)
    expect(flow(all, '127.0.0.1', '127.0.0.1', 3001)).toBe('untouched')
    expect(flow(all, OUTSIDE, '198.51.100.1', 3001)).toBe('untouched')
  })
})

const localAndRemote = [
  { address: '10.180.0.1', node: 'other' },
  { address: '10.180.2.1', node: 'node-1' },
]
const reachable = {
  ports: [{ port: 80, nodePort: 3001 }],
  externalIPs: ['192.168.99.11'],
  ingress: [{ ip: '1.2.3.4' }],
}

describe('E: externalTrafficPolicy Local', () => {
  const elements = elementsFor([
    [service('svc1', { ...reachable, external: 'Local' }), slice('svc1', localAndRemote)],
  ])
  const both = '10.180.0.1:80, 10.180.2.1:80'
  test.each([
    ['pod to ClusterIP', POD, '172.30.0.41', 80, both],
    ['pod to external address', POD, '192.168.99.11', 80, both],
    ['outside to external address', OUTSIDE, '192.168.99.11', 80, '10.180.2.1:80'],
    ['pod to load balancer address', POD, '1.2.3.4', 80, both],
    ['outside to load balancer address', OUTSIDE, '1.2.3.4', 80, '10.180.2.1:80'],
    ['node to load balancer address', NODE, '1.2.3.4', 80, '10.180.0.1:80 m, 10.180.2.1:80 m'],
    ['pod to NodePort', POD, NODE, 3001, both],
    ['outside to NodePort', OUTSIDE, NODE, 3001, '10.180.2.1:80'],
  ] as const)('%s', (_, from, to, port, expected) => {
    expect(flow(elements, from, to, port)).toBe(expected)
  })

  test('without an endpoint on this node: outside is dropped, pods and node go on', () => {
    const none = elementsFor([
      [service('svc1', { ...reachable, external: 'Local' }), slice('svc1', localAndRemote.slice(0, 1))],
    ])
    expect(flow(none, OUTSIDE, '1.2.3.4', 80)).toBe('drop')
    expect(flow(none, OUTSIDE, '192.168.99.11', 80)).toBe('drop')
    expect(flow(none, OUTSIDE, NODE, 3001)).toBe('drop')
    expect(flow(none, POD, '1.2.3.4', 80)).toBe('10.180.0.1:80')
    expect(flow(none, NODE, '1.2.3.4', 80)).toBe('10.180.0.1:80 m')
    expect(flow(none, POD, '172.30.0.41', 80)).toBe('10.180.0.1:80')
  })
})

describe('F: externalTrafficPolicy Cluster', () => {
  const elements = elementsFor([[service('svc1', reachable), slice('svc1', localAndRemote)]])
  const masqueraded = '10.180.0.1:80 m, 10.180.2.1:80 m'
  test.each([
    ['pod to ClusterIP', POD, '172.30.0.41', 80, '10.180.0.1:80, 10.180.2.1:80'],
    ['pod to external address', POD, '192.168.99.11', 80, masqueraded],
    ['outside to external address', OUTSIDE, '192.168.99.11', 80, masqueraded],
    ['outside to load balancer address', OUTSIDE, '1.2.3.4', 80, masqueraded],
    ['pod to NodePort', POD, NODE, 3001, masqueraded],
    ['outside to NodePort', OUTSIDE, NODE, 3001, masqueraded],
  ] as const)('%s', (_, from, to, port, expected) => {
    expect(flow(elements, from, to, port)).toBe(expected)
  })
})

describe('G: internalTrafficPolicy', () => {
  const three = [
    { address: '10.0.1.1', node: 'node-1' },
    { address: '10.0.1.2', node: 'node-2' },
    { address: '10.0.1.3', node: 'node-3' },
  ]
  test.each([
    ['Cluster', three, '10.0.1.1:80, 10.0.1.2:80, 10.0.1.3:80'],
    ['Local', three, '10.0.1.1:80'],
    ['Local', three.slice(1), 'drop'],
    ['Local', [], 'reject'],
  ] as const)('%s, %j', (internal, endpoints, expected) => {
    const elements = elementsFor([[service('svc1', { internal }), slice('svc1', endpoints)]])
    expect(flow(elements, POD, '172.30.0.41', 80)).toBe(expected)
  })
})

const at = (address: string, node: string, state: 'ready' | 'serving' | 'gone') => ({
  address,
  node,
  state,
})

describe('H and I: endpoints that terminate', () => {
  const cases = [
    [
      'Local',
      [
        at('10.0.1.2', 'node-1', 'serving'),
        at('10.0.1.3', 'node-1', 'serving'),
        at('10.0.1.4', 'node-1', 'gone'),
        at('10.0.1.5', 'other', 'ready'),
      ],
      '10.0.1.5:80',
      '10.0.1.2:80, 10.0.1.3:80',
    ],
    ['Local', [at('10.0.1.5', 'other', 'serving')], '10.0.1.5:80', 'drop'],
    ['Local', [], 'reject', 'reject'],
    [
      'Cluster',
      [
        at('10.0.1.1', 'node-1', 'ready'),
        at('10.0.1.2', 'node-1', 'serving'),
        at('10.0.1.5', 'other', 'ready'),
      ],
      '10.0.1.1:80, 10.0.1.5:80',
      '10.0.1.1:80 m, 10.0.1.5:80 m',
    ],
    ['Cluster', [at('10.0.1.5', 'other', 'serving')], '10.0.1.5:80', '10.0.1.5:80 m'],
    ['Cluster', [at('10.0.1.5', 'other', 'gone')], 'reject', 'reject'],
  ] as const
  test.each(cases)('%s %j', (external, endpoints, inside, outside) => {
    const elements = elementsFor([
      [service('svc1', { external, ingress: [{ ip: '1.2.3.4' }] }), slice('svc1', endpoints)],
    ])
    expect(flow(elements, POD, '172.30.0.41', 80)).toBe(inside)
    expect(flow(elements, OUTSIDE, '1.2.3.4', 80)).toBe(outside)
  })
})

describe('J: who is masqueraded', () => {
  const objects: Objects = (['Cluster', 'Local', 'internal'] as const).map((policy, index) => {
    const name = `svc${index + 1}`
    const text = {
      clusterIPs: [`172.30.0.4${index + 1}`],
      ports: [{ port: 80, nodePort: 3001 + index }],
      ingress: [{ ip: ['1.2.3.4', '5.6.7.8', '9.10.11.12'][index] }],
      external: policy === 'Local' ? ('Local' as const) : ('Cluster' as const),
      internal: policy === 'internal' ? ('Local' as const) : ('Cluster' as const),
    }
    return [service(name, text), slice(name, localAndRemote)]
  })
  const both = '10.180.0.1:80, 10.180.2.1:80'
  const bothM = '10.180.0.1:80 m, 10.180.2.1:80 m'
  const local = '10.180.2.1:80'
  const localM = '10.180.2.1:80 m'
  type Row = readonly [what: string, from: string, to: string, port: number, expected: string]
  const rows: readonly Row[] = [
    ['pod C1', POD, '172.30.0.41', 80, both],
    ['pod NP1', POD, NODE, 3001, bothM],
    ['pod LB1', POD, '1.2.3.4', 80, bothM],
    ['node C1', NODE, '172.30.0.41', 80, bothM],
    ['node NP1', NODE, NODE, 3001, bothM],
    ['node LB1', NODE, '1.2.3.4', 80, bothM],
    ['outside C1', OUTSIDE, '172.30.0.41', 80, bothM],
    ['outside NP1', OUTSIDE, NODE, 3001, bothM],
    ['outside LB1', OUTSIDE, '1.2.3.4', 80, bothM],
    ['pod C2', POD, '172.30.0.42', 80, both],
    ['pod NP2', POD, NODE, 3002, both],
    ['pod LB2', POD, '5.6.7.8', 80, both],
    ['node C2', NODE, '172.30.0.42', 80, bothM],
    ['node LB2', NODE, '5.6.7.8', 80, bothM],
    ['outside C2', OUTSIDE, '172.30.0.42', 80, bothM],
    ['outside NP2', OUTSIDE, NODE, 3002, local],
    ['outside LB2', OUTSIDE, '5.6.7.8', 80, local],
    ['pod C3', POD, '172.30.0.43', 80, local],
    ['pod NP3', POD, NODE, 3003, bothM],
    ['pod LB3', POD, '9.10.11.12', 80, bothM],
    ['node C3', NODE, '172.30.0.43', 80, localM],
    ['outside C3', OUTSIDE, '172.30.0.43', 80, localM],
    ['outside NP3', OUTSIDE, NODE, 3003, bothM],
  ]
  const noDetector: Record<string, string> = {
    'node C1': both,
    'outside C1': both,
    'node C2': both,
    'outside C2': both,
    'node C3': local,
    'outside C3': local,
    'pod NP2': local,
    'pod LB2': local,
  }
  const everything: Record<string, string> = { 'pod C1': bothM, 'pod C2': bothM, 'pod C3': localM }
  const all: Record<string, string> = {
    ...Object.fromEntries(rows.map(([what, , , , expected]) => [what, expected])),
    ...everything,
    'pod NP2': local,
    'pod LB2': local,
  }
  const configs: readonly (readonly [string, Partial<ForwardingConfig>, Record<string, string>])[] = [
    ['as usual', {}, {}],
    ['no detector', { detector: { by: 'nothing' } }, noDetector],
    ['masquerade all', { masqueradeAll: true }, everything],
    ['masquerade all without a detector', { masqueradeAll: true, detector: { by: 'nothing' } }, all],
  ]
  describe.each(configs)('%s', (_, change, overrides) => {
    const elements = elementsFor(objects, { ...testConfig, ...change })
    test.each(rows)('%s', (what, from, to, port, expected) => {
      expect(flow(elements, from, to, port)).toBe(overrides[what] ?? expected)
    })
  })
})

const count = (objects: Objects) =>
  Object.entries(elementsFor(objects)[4])
    .filter(([name]) => !/sources|cidrs|addresses/.test(name))
    .reduce((sum, [, map]) => sum + map.size, 0)

describe('K: what is taken in', () => {
  test.each([
    ['headless', { clusterIPs: ['None'] }],
    ['no ClusterIP', { clusterIPs: [] }],
    ['ExternalName with a ClusterIP', { type: 'ExternalName' }],
    ['label service-proxy-name', { labels: { 'service.kubernetes.io/service-proxy-name': '' } }],
    ['label headless', { labels: { 'service.kubernetes.io/headless': '' } }],
  ] as const)('%s: nothing', (_, text) => {
    expect(count([[service('s', text as never), slice('s', ['10.0.0.1'])]])).toBe(0)
  })

  test('slices of one Service merge; an endpoint in two of them counts once', () => {
    const elements = elementsFor([
      [
        service('s', { ports: [{ name: 'p', port: 80 }] }),
        slice('s', ['10.0.0.1', '10.0.0.2'], [{ name: 'p', port: 8080 }]),
        slice('s', ['10.0.0.2', '10.0.0.3'], [{ name: 'p', port: 8080 }]),
        slice('s', ['10.0.0.4'], [{ name: 'p', port: 9090 }]),
        slice('s', ['10.0.0.5'], [{ name: 'q', port: 8080 }]),
        slice('s', ['10.0.0.6'], [{ name: 'p', port: 8080, protocol: 'UDP' }]),
        slice('s', ['10.0.0.7'], [{ name: 'p', port: 0 }]),
        slice('s', ['10.0.0.8'], [{ name: 'p', port: 1 }], {
          labels: { 'service.kubernetes.io/headless': '' },
        }),
        slice('s', ['fd00:10::9'], [{ name: 'p', port: 8080 }]),
      ],
    ])
    expect(flow(elements, POD, '172.30.0.41', 80)).toBe(
      '10.0.0.1:8080, 10.0.0.2:8080, 10.0.0.3:8080, 10.0.0.4:9090',
    )
  })

  test('an endpoint without a node is remote', () => {
    const elements = elementsFor([
      [service('s', { ...reachable, external: 'Local' }), slice('s', ['10.0.0.1'])],
    ])
    expect(flow(elements, OUTSIDE, '1.2.3.4', 80)).toBe('drop')
  })

  test('addresses with ipMode Proxy, host names and other families are left alone', () => {
    const ingress = [{ ip: '1.2.3.4', ipMode: 'Proxy' }, { hostname: 'a.example' }, { ip: '2001:db8::1' }]
    const elements = elementsFor([[service('s', { ingress }), slice('s', ['10.0.0.1'])]])
    expect(flow(elements, OUTSIDE, '1.2.3.4', 80)).toBe('untouched')
    expect(flow(elements, '2001:db8::2', '2001:db8::1', 80)).toBe('untouched')
  })

  test('an address that is both load balancer and external address keeps its source ranges', () => {
    const text = { ingress: [{ ip: '1.2.3.4' }], externalIPs: ['1.2.3.4'], ranges: ['203.0.113.0/25'] }
    const elements = elementsFor([[service('s', text), slice('s', ['10.0.0.1'])]])
    expect(flow(elements, BLOCKED, '1.2.3.4', 80)).toBe('drop')
  })
})

describe('ping', () => {
  const elements = elementsFor([
    [
      service('s', {
        clusterIPs: ['172.30.0.41', 'fd00:172:30::41'],
        ingress: [{ ip: '1.2.3.4' }],
        externalIPs: ['192.168.99.11'],
      }),
    ],
  ])
  test.each([
    [OUTSIDE, '1.2.3.4', 'answer'],
    [POD, '172.30.0.41', 'answer'],
    [NODE, '172.30.0.41', 'answer'],
    ['fd00:10::1', 'fd00:172:30::41', 'answer'],
    [OUTSIDE, '192.168.99.11', 'untouched'],
    [POD, '172.30.0.50', 'drop'],
  ] as const)('%s to %s: %s', (source, destination, verdict) => {
    expect(trace(elements, { source, destination, protocol: 'ICMP', port: 0 }, isLocal).verdict).toBe(verdict)
  })
})

test('a trace says by which rules', () => {
  const elements = elementsFor([[service('svc1', reachable), slice('svc1', localAndRemote)]])
  const packet = { source: OUTSIDE, destination: '1.2.3.4', protocol: 'TCP', port: 80 } as const
  const { steps } = trace(elements, packet, isLocal)
  expect(steps.map(({ chain, text }) => `${chain}: ${text}`)).toEqual([
    'services: destination, protocol, port in external-cluster: mark',
    'services: count frontends, goto to-endpoints',
    'to-endpoints: transport: send to a slot of endpoints',
    'masquerading: unmark, masquerade',
    'masquerading: unmark, masquerade',
  ])
})
