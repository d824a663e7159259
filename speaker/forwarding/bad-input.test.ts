import { beforeEach, describe, expect, test } from 'vitest'
import { keyOf } from '#kube/api.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { checkReferences } from './check.ts'
import { applyTo } from './diff.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { emptyElements, type MutableElements, type Operation } from './model.ts'
import { planService } from './plan.ts'
import { Planner } from './planner.ts'
import { serviceView } from './service-view.ts'
import { trace } from './trace.ts'

/** Objects that the API server lets through and nobody meant. What is right in them works, and the rest is told. */

const POD = '10.0.0.2'
const OUTSIDE = '203.0.113.2'
const NODE = '192.168.0.2'

let planner: Planner
let actual: MutableElements

beforeEach(() => {
  planner = new Planner(testConfig)
  planner.setNode(testNode)
  actual = emptyElements()
})

const set = (one: Service, ...slices: EndpointSlice[]): Operation[] => {
  planner.setService(keyOf(one), one, slices)
  const { operations } = planner.operations(actual, false)
  applyTo(actual, operations)
  checkReferences(actual)
  return operations
}
const flow = (source: string, destination: string, port = 80): string => {
  const isLocal = (address: string) => testNode.localAddresses.includes(address)
  const { verdict, endpoints } = trace(actual, { source, destination, protocol: 'TCP', port }, isLocal)
  return verdict === 'forward' ? endpoints.map(({ endpoint }) => endpoint).join(', ') : verdict
}
const errors = (key: string) => serviceView(planner, key, true)?.error

test('more endpoints than slots: as many as there are slots are used, and it is told', () => {
  const addresses = Array.from(
    { length: 65_540 },
    (_, at) => `10.${100 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`,
  )
  set(service('s'), slice('s', addresses))
  expect(actual[4].frontends.get('172.30.0.41 . tcp . 80')).toBe('65535')
  expect(errors('ns/s')).toBe('port 80 has 65540 endpoints: 65535 of them are used')
})

describe('numbers with zeros in front, as the API server takes them from old objects', () => {
  test('in source ranges: they restrict all the same', () => {
    const ingress = [{ ip: '1.2.3.4' }]
    set(service('s', { ingress, ranges: ['192.168.001.0/24'] }), slice('s', ['10.0.0.1']))
    expect(flow(OUTSIDE, '1.2.3.4')).toBe('drop')
    expect(flow('192.168.1.7', '1.2.3.4')).toBe('10.0.0.1:80')
  })

  test('in addresses', () => {
    set(service('s', { externalIPs: ['203.000.113.080'] }), slice('s', ['10.0.0.01']))
    expect(flow(OUTSIDE, '203.0.113.80')).toBe('10.0.0.1:80')
  })
})

describe('slices that name ports which do not exist', () => {
  test('a port name that the Service does not have leads nowhere', () => {
    const made = service('s', { ports: [{ name: 'http', port: 80 }] })
    set(made, slice('s', ['10.0.0.1'], [{ name: 'htpp', port: 80 }]))
    expect(flow(POD, '172.30.0.41')).toBe('reject')
    set(
      made,
      slice('s', ['10.0.0.1'], [{ name: 'htpp', port: 80 }]),
      slice('s', ['10.0.0.2'], [{ name: 'http', port: 8080 }]),
    )
    expect(flow(POD, '172.30.0.41')).toBe('10.0.0.2:8080')
  })

  test('a number that is no port is left out and told', () => {
    set(service('s'), slice('s', ['10.0.0.1'], [{ port: 80 }]), slice('s', ['10.0.0.2'], [{ port: 70_000 }]))
    expect(flow(POD, '172.30.0.41')).toBe('10.0.0.1:80')
    expect(errors('ns/s')).toBe('EndpointSlice s-abc: port 70000 is not a port and is left out')
  })

  test('the right number by another protocol is another port', () => {
    set(service('s'), slice('s', ['10.0.0.1'], [{ port: 80, protocol: 'UDP' }]))
    expect(flow(POD, '172.30.0.41')).toBe('reject')
  })
})

describe('duplicate endpoints', () => {
  test('one address several times, in one slice and in several, is one endpoint', () => {
    const twice = ['10.0.0.1', '10.0.0.1', '10.0.0.2']
    set(service('s', { affinity: 60 }), slice('s', twice), slice('s', twice, undefined, { name: 's-xyz' }))
    expect(flow(POD, '172.30.0.41')).toBe('10.0.0.1:80, 10.0.0.2:80')
    expect(actual[4].frontends.get('172.30.0.41 . tcp . 80')).toBe('2')
    expect(actual[4]['affinity-endpoints'].size).toBe(2)
  })

  test('ready in one slice and not in another: ready', () => {
    const states = (state: 'ready' | 'unready') => slice('s', [{ address: '10.0.0.1', state }])
    set(service('s'), states('unready'), states('ready'))
    expect(flow(POD, '172.30.0.41')).toBe('10.0.0.1:80')
  })

  test('one address in two ways of writing is one endpoint', () => {
    const made = service('s', { clusterIPs: ['fd00:172:30::41'] })
    set(made, slice('s', ['fd00:10::1', 'fd00:10:0:0::0001', 'FD00:10::1']))
    expect(flow('fd00:10::9', 'fd00:172:30::41')).toBe('[fd00:10::1]:80')
  })
})

describe('an endpoint that is a virtual address', () => {
  const other = service('other', { clusterIPs: ['172.30.0.42'], ingress: [{ ip: '1.2.3.4' }] })

  test.each([
    ['of its own Service', '172.30.0.41', 'reject'],
    ['of another Service, a ClusterIP', '172.30.0.42', 'reject'],
    ['of another Service, a load balancer address', '1.2.3.4', '1.2.3.4:80'],
  ])('%s: translated once and never in circles', (_, address, expected) => {
    set(other, slice('other', ['10.0.0.1']))
    set(service('s'), slice('s', [address]))
    expect(flow(POD, '172.30.0.41')).toBe(expected)
    expect(flow(POD, '1.2.3.4')).toBe('10.0.0.1:80')
  })

  test('a frontend whose endpoint is itself is left to routing, and not taken for one that slipped through', () => {
    for (const affinity of [undefined, 60]) {
      const text = { externalIPs: ['10.0.0.1'], ...(affinity === undefined ? {} : { affinity }) }
      set(service('s', text), slice('s', ['10.0.0.1']))
      expect(flow(OUTSIDE, '10.0.0.1')).toBe('10.0.0.1:80')
    }
  })
})

describe('a virtual address that is an address of this node', () => {
  test('the port of the Service is forwarded, the other ports stay those of the node', () => {
    set(
      service('s', {
        externalIPs: [NODE],
        ingress: [{ ip: '192.168.1.2' }],
        ports: [{ port: 80, nodePort: 30_080 }],
      }),
      slice('s', ['10.0.0.1']),
    )
    expect(flow(OUTSIDE, NODE)).toBe('10.0.0.1:80')
    expect(flow(OUTSIDE, '192.168.1.2')).toBe('10.0.0.1:80')
    expect(flow(OUTSIDE, NODE, 30_080)).toBe('10.0.0.1:80')
    expect(flow(OUTSIDE, NODE, 22)).toBe('untouched')
    expect(flow(NODE, '192.168.1.2', 22)).toBe('untouched')
    expect(actual[4].pingable.has('192.168.1.2')).toBe(false)
  })

  test('its own address wins over a NodePort with the same number', () => {
    set(service('np', { ports: [{ port: 80, nodePort: 30_080 }] }), slice('np', ['10.0.0.1']))
    const vip = service('vip', {
      clusterIPs: ['172.30.0.42'],
      externalIPs: [NODE],
      ports: [{ port: 30_080 }],
    })
    set(vip, slice('vip', ['10.0.0.2'], [{ port: 30_080 }]))
    expect(flow(OUTSIDE, NODE, 30_080)).toBe('10.0.0.2:30080')
  })
})

describe('5,000 endpoints in one Service', () => {
  const many = Array.from({ length: 5000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`)

  test.each([undefined, 60])(
    'all of them are used, and a change costs what it changes (affinity %s)',
    (affinity) => {
      const made = service('s', affinity === undefined ? {} : { affinity })
      set(made, slice('s', many))
      expect(actual[4].frontends.get('172.30.0.41 . tcp . 80')).toBe('5000')
      const operations = set(made, slice('s', many.with(77, '10.200.0.1')))
      expect(operations.length).toBe(affinity === undefined ? 1 : 4)
      expect(set(made, slice('s', many.slice(1))).length).toBeLessThan(12)
    },
  )

  test('by a hash of the client too', () => {
    const made = service('s', { annotations: { 'fairlead.io/balance': 'source-hash' } })
    set(made, slice('s', many))
    expect(actual[4].frontends.get('172.30.0.41 . tcp . 80')).toBe('65521@source-hash')
    expect(new Set(actual[4].endpoints.values()).size).toBe(5000)
  })

  test('session affinity has 8,191; with more the Service is forwarded without it, and says so', () => {
    const more = Array.from({ length: 8192 }, (_, at) => `10.9.${at >> 8}.${at & 255}`)
    const made = service('s', { affinity: 60 })
    set(made, slice('s', more))
    expect(actual[4].frontends.get('172.30.0.41 . tcp . 80')).toBe('8192')
    expect(actual[4]['affinity-frontends'].size).toBe(0)
    expect(errors('ns/s')).toBe('sessionAffinity is not kept: more than 8191 endpoints')
    set(made, slice('s', more.slice(1)))
    expect(actual[4]['affinity-endpoints'].size).toBe(8191)
    expect(errors('ns/s')).toBe('')
  })
})

describe('source ranges', () => {
  const ranged = (...ranges: string[]) => service('s', { ingress: [{ ip: '1.2.3.4' }], ranges })

  test('with white space around them hold', () => {
    set(ranged(' 203.0.113.0/24', '\t198.51.100.0/24\n'), slice('s', ['10.0.0.1']))
    expect(flow(OUTSIDE, '1.2.3.4')).toBe('10.0.0.1:80')
    expect(flow('198.51.100.9', '1.2.3.4')).toBe('10.0.0.1:80')
    expect(flow('192.0.2.1', '1.2.3.4')).toBe('drop')
  })

  test('of the other family restrict nobody of this one', () => {
    set(ranged('2001:db8::/32'), slice('s', ['10.0.0.1']))
    expect(flow(OUTSIDE, '1.2.3.4')).toBe('10.0.0.1:80')
  })

  test('of both families hold each for its own', () => {
    set(ranged('2001:db8::/32', '192.0.2.0/24'), slice('s', ['10.0.0.1']))
    expect(flow(OUTSIDE, '1.2.3.4')).toBe('drop')
    expect(flow('192.0.2.1', '1.2.3.4')).toBe('10.0.0.1:80')
  })

  test('with host bits set, several times, and inside one another', () => {
    set(ranged('192.0.2.77/24', '192.0.2.0/24', '192.0.2.0/28'), slice('s', ['10.0.0.1']))
    expect(flow('192.0.2.200', '1.2.3.4')).toBe('10.0.0.1:80')
    expect(flow(OUTSIDE, '1.2.3.4')).toBe('drop')
  })
})

describe('annotation fairlead.io/balance', () => {
  test.each(['', 'Random', 'least-connections'])('"%s" is told, and random is used', (text) => {
    set(service('s', { annotations: { 'fairlead.io/balance': text } }), slice('s', ['10.0.0.1', '10.0.0.2']))
    expect(actual[4].frontends.get('172.30.0.41 . tcp . 80')).toBe('2')
    expect(errors('ns/s')).toBe(
      `fairlead.io/balance "${text}" is none of random, round-robin, source-hash: random is used`,
    )
  })

  test.each(['random', 'round-robin', 'source-hash'])('"%s" is right', (text) => {
    set(service('s', { annotations: { 'fairlead.io/balance': text } }), slice('s', ['10.0.0.1', '10.0.0.2']))
    expect(errors('ns/s')).toBe('')
  })
})

test.each([undefined, 10])(
  'a port that is there twice (affinity %s): the first one has it, others go on',
  (affinity) => {
    const twice = service('twice', {
      ports: [
        { name: 'p', port: 80 },
        { name: 'q', port: 80 },
      ],
      ...(affinity === undefined ? {} : { affinity }),
    })
    const targets = [
      { name: 'p', port: 8080 },
      { name: 'q', port: 82 },
    ]
    const plan = planService(twice, [slice('twice', ['10.0.0.1'], targets)], testNode)
    expect(plan.frontends.map(({ endpoints }) => endpoints.map(({ port }) => port))).toEqual([[8080]])
    expect(plan.problems).toEqual(['port 80/TCP is there twice: the first one has it'])
  },
)
