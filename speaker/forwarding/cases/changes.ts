import * as fc from 'fast-check'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import type { NodeContext } from '../config.ts'
import { service, slice, testNode } from '../fixtures.ts'
import type { EndpointText, PortText } from './scene.ts'

/** Sequences of changes to Services, slices and the node, of every kind that the fixtures can say. */

export type Change =
  | { readonly key: string; readonly service: Service | undefined; readonly slices: readonly EndpointSlice[] }
  | { readonly node: NodeContext }

const names = ['a', 'b', 'c', 'd']
const protocols = ['TCP', 'UDP', 'SCTP'] as const
const portNames = ['p', 'q', 'r'] as const

const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { freq: 3, nil: undefined })

const state = fc.constantFrom(
  'ready' as const,
  'ready' as const,
  'unready' as const,
  'serving' as const,
  'gone' as const,
)

const endpoint = (addresses: readonly string[]): fc.Arbitrary<EndpointText> =>
  fc.record({
    address: fc.constantFrom(...addresses),
    node: fc.constantFrom('node-1', 'other', ''),
    state,
    zones: fc.constantFrom(['zone-a'], ['zone-b'], []),
    nodes: fc.constantFrom(['node-1'], ['other'], [], []),
  })

const endpointsOf = (addresses: readonly string[]): fc.Arbitrary<EndpointText[]> =>
  fc.uniqueArray(endpoint(addresses), { selector: ({ address }) => address, maxLength: 6 })

const four = Array.from({ length: 7 }, (_, index) => `10.0.0.${index + 1}`)
const sixes = Array.from({ length: 4 }, (_, index) => `fd00:10::${index + 1}`)

const slicePorts: fc.Arbitrary<PortText[]> = fc
  .array(
    fc.record({
      name: fc.constantFrom(...portNames),
      protocol: fc.constantFrom(...protocols),
      port: fc.constantFrom(80, 8080, 53),
    }),
    { minLength: 1, maxLength: 3 },
  )
  // Named target ports that no Service port has come about by chance, and ports that all have on purpose.
  .map((ports) => [...ports, { name: 'p', protocol: 'TCP' as const, port: 80 }])

/** As the API server lets them through: names, and numbers of a transport, are different. */
const servicePorts: fc.Arbitrary<PortText[]> = fc
  .uniqueArray(
    fc.record({
      protocol: fc.constantFrom(...protocols),
      port: fc.constantFrom(80, 53),
      nodePort: fc.boolean(),
    }),
    { selector: ({ protocol, port }) => `${protocol} ${port}`, minLength: 1, maxLength: 3 },
  )
  .map((ports) =>
    ports.map(({ protocol, port, nodePort }, index) => ({
      name: portNames[index],
      protocol,
      port,
      nodePort: nodePort ? 30_000 + port : 0,
    })),
  )

const labels = fc.constantFrom<Record<string, string>>(
  {},
  {},
  {},
  { 'service.kubernetes.io/service-proxy-name': 'other' },
  { 'service.kubernetes.io/headless': '' },
)

const ofService = (index: number): fc.Arbitrary<Change> => {
  const name = names[index]
  const addresses = fc.constantFrom<string[]>(
    [`172.30.0.${index + 1}`],
    [`172.30.0.${index + 1}`, `fd00:172:30::${index + 1}`],
    [`fd00:172:30::${index + 1}`],
    ['None'],
  )
  return fc
    .record({
      gone: fc.constantFrom(false, false, false, true),
      type: fc.constantFrom(
        'ClusterIP' as const,
        'NodePort' as const,
        'LoadBalancer' as const,
        'LoadBalancer' as const,
        'ExternalName' as const,
      ),
      clusterIPs: addresses,
      externalIPs: fc.subarray(['198.51.100.1', '198.51.100.2', '2001:db8::1', '192.168.0.2']),
      ingress: fc.subarray([
        { ip: '203.0.113.1' },
        { ip: '203.0.113.2', ipMode: 'Proxy' },
        { ip: '2001:db8::2', ipMode: 'VIP' },
        { ip: '198.51.100.1' },
      ]),
      ranges: fc.subarray(['192.0.2.0/24', ' 192.168.0.0/16', '2001:db8:1::/48', '0.0.0.0/0']),
      external: fc.constantFrom('Local' as const, 'Cluster' as const),
      internal: fc.constantFrom('Local' as const, 'Cluster' as const, 'Cluster' as const),
      created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
      labels,
      affinity: sometimes(fc.constantFrom(10, 10_800)),
      balance: sometimes(fc.constantFrom('random', 'round-robin', 'source-hash', 'nonsense')),
      ports: servicePorts,
      slices: fc.array(
        fc.record({ ports: slicePorts, four: endpointsOf(four), six: endpointsOf(sixes), labels }),
        { maxLength: 2 },
      ),
    })
    .map(({ gone, affinity, balance, slices, ...text }) => ({
      key: `ns/${name}`,
      service: gone
        ? undefined
        : service(name, {
            ...text,
            ...(affinity === undefined ? {} : { affinity }),
            ...(balance === undefined ? {} : { annotations: { 'fairlead.io/balance': balance } }),
          }),
      slices: slices.flatMap((one, at) => [
        slice(name, one.four, one.ports, { name: `${name}-${at}-4`, labels: one.labels }),
        slice(name, one.six, one.ports, { name: `${name}-${at}-6`, labels: one.labels }),
      ]),
    }))
}

const ofNode: fc.Arbitrary<Change> = fc
  .record({
    internalIPs: fc.constantFrom(
      ['192.168.0.2', 'fd00:aaaa::2'],
      ['192.168.0.3', 'fd00:aaaa::3'],
      ['192.168.0.2'],
    ),
    zone: fc.constantFrom('zone-a', 'zone-b', ''),
    localAddresses: fc.subarray(['198.51.100.1', '203.0.113.1', '2001:db8::2']),
    podCIDRs: fc.constantFrom(['10.180.0.0/24'], ['10.180.0.0/16', 'fd00:10:0:180::/64'], []),
    serviceCIDRs: fc.constantFrom(
      ['172.30.0.0/16'],
      ['172.30.0.0/15', 'fd00:172:30::/112'],
      ['172.30.0.0/24'],
    ),
  })
  .map(({ zone, localAddresses, ...rest }) => ({
    node: {
      ...testNode,
      ...rest,
      labels: { 'topology.kubernetes.io/zone': zone },
      localAddresses: [...testNode.localAddresses, ...localAddresses],
    },
  }))

/** One change, mostly of a Service. */
export const change: fc.Arbitrary<Change> = fc.oneof(
  ...names.map((_, index) => ({ arbitrary: ofService(index), weight: 3 })),
  { arbitrary: ofNode, weight: 1 },
)

/** Steps of a history; what is in one step reaches the forwarder before it acts. */
export const history = (maxLength: number): fc.Arbitrary<Change[][]> =>
  fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength })

/** What is to be told of a change. */
interface Told {
  setNode(node: NodeContext): void
  setService(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void
}

export function tell(told: Told, change: Change): void {
  if ('node' in change) told.setNode(change.node)
  else told.setService(change.key, change.service, change.slices)
}

/** The last word of a history on each object: what somebody hears who lists only now. */
export function lastOf(changes: readonly Change[]): Change[] {
  const last = new Map<string, Change>()
  for (const one of changes) last.set('node' in one ? 'node' : one.key, one)
  return [...last.values()].filter((one) => 'node' in one || one.service !== undefined)
}
