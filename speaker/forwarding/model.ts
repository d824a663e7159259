import type { Family } from '#inet/address.ts'

/**
 * The vocabulary between the plan and a data plane: named collections of elements, one set of them per address
 * family. A collection without values is a set. Keys and values are tuples written as text, fields joined by
 * ` . ` (`10.96.0.1 . tcp . 80`), addresses canonical: they can be compared, printed and searched as they are.
 *
 * | field | text |
 * |---|---|
 * | address | canonical text of the family |
 * | protocol | tcp, udp, sctp |
 * | port, slot | decimal; slots count from 0 |
 * | count | decimal, with `@` and the way of balancing unless it is random (`balance.ts`) |
 * | prefix | `address/length`, host bits zero |
 * | list | decimal from 1: clients of one Service port and family that session affinity binds to an endpoint |
 * | member | `list/index`, the index from 1: an endpoint of a list |
 * | seconds | decimal |
 */
export type Field =
  'address' | 'protocol' | 'port' | 'slot' | 'count' | 'prefix' | 'list' | 'member' | 'seconds'

/** Steps of a transaction. */
export const stages = [0, 1, 2, 3] as const
type Stage = (typeof stages)[number]

interface CollectionShape {
  readonly key: readonly Field[]
  readonly value: readonly Field[]
  /** adds go up these stages and deletes down: nothing is offered before what it leads to is there */
  readonly stage: Stage
  /** for a reader of the data plane's own listing */
  readonly about: string
}

const shape = (
  stage: Stage,
  about: string,
  key: readonly Field[],
  value: readonly Field[] = [],
): CollectionShape => ({ stage, about, key, value })

const frontend = ['address', 'protocol', 'port'] as const
const nodePort = ['protocol', 'port'] as const
const endpoint = ['address', 'port'] as const

/** Every collection. `frontends` and its three kin say how many endpoints the matching `…endpoints` hold. */
export const collections = {
  endpoints: shape(0, 'frontend . slot : endpoint', [...frontend, 'slot'], endpoint),
  'local-endpoints': shape(0, 'the same, endpoints of this node only', [...frontend, 'slot'], endpoint),
  'nodeport-endpoints': shape(0, 'NodePort . slot : endpoint', [...nodePort, 'slot'], endpoint),
  'local-nodeport-endpoints': shape(0, 'the same, endpoints of this node', [...nodePort, 'slot'], endpoint),
  'affinity-endpoints': shape(0, 'endpoint of a list : endpoint', ['member'], endpoint),
  hairpin: shape(0, 'endpoints of this node, as source and destination', ['address', ...frontend]),
  'allowed-sources': shape(0, 'frontend . source range', [...frontend, 'prefix']),
  'restricted-frontends': shape(1, 'frontends with loadBalancerSourceRanges', frontend),
  'external-cluster': shape(1, 'frontends that masquerade (externalTrafficPolicy Cluster)', frontend),
  'external-local': shape(1, 'frontends with externalTrafficPolicy Local', frontend),
  'nodeport-external-cluster': shape(1, 'NodePorts that masquerade', nodePort),
  'nodeport-external-local': shape(1, 'NodePorts with externalTrafficPolicy Local', nodePort),
  'cluster-ips': shape(1, 'every ClusterIP', ['address']),
  'vacated-addresses': shape(1, 'addresses that a Service had until a moment ago', ['address']),
  'pod-sources': shape(1, 'sources that externalTrafficPolicy does not apply to', ['prefix']),
  'unmasqueraded-sources': shape(1, 'sources that keep their address towards a ClusterIP', ['prefix']),
  'service-cidrs': shape(1, 'ClusterIP ranges', ['prefix']),
  'nodeport-addresses': shape(1, 'where NodePorts are accepted', ['prefix']),
  'affinity-timeouts': shape(1, 'lists by the time for which a client keeps its endpoint', [
    'list',
    'seconds',
  ]),
  'affinity-slots': shape(1, 'frontend . slot : endpoint of its list', [...frontend, 'slot'], ['member']),
  'affinity-local-slots': shape(1, 'the same, endpoints of this node', [...frontend, 'slot'], ['member']),
  'affinity-nodeport-slots': shape(
    1,
    'NodePort . slot : endpoint of its list',
    [...nodePort, 'slot'],
    ['member'],
  ),
  'affinity-local-nodeport-slots': shape(
    1,
    'the same, endpoints of this node',
    [...nodePort, 'slot'],
    ['member'],
  ),
  'ping-responder': shape(1, 'any : the address of this node that answers ping', ['address'], ['address']),
  pingable: shape(2, 'load balancer addresses, which answer ping as ClusterIPs do', ['address']),
  frontends: shape(2, 'frontend : number of endpoints', frontend, ['count']),
  'local-frontends': shape(2, 'frontend : number of endpoints of this node', frontend, ['count']),
  nodeports: shape(2, 'NodePort : number of endpoints', nodePort, ['count']),
  'local-nodeports': shape(2, 'NodePort : number of endpoints of this node', nodePort, ['count']),
  'drop-frontends': shape(2, 'no endpoint on this node, some elsewhere: drop', frontend),
  'reject-frontends': shape(2, 'no endpoint anywhere: refuse', frontend),
  'nodeport-drop': shape(2, 'no endpoint on this node, some elsewhere: drop', nodePort),
  'nodeport-reject': shape(2, 'no endpoint anywhere: refuse', nodePort),
  'affinity-frontends': shape(3, 'frontends with sessionAffinity : list', frontend, ['list']),
  'affinity-local-frontends': shape(3, 'the same, endpoints of this node', frontend, ['list']),
  'affinity-nodeports': shape(3, 'NodePorts with sessionAffinity : list', nodePort, ['list']),
  'affinity-local-nodeports': shape(3, 'the same, endpoints of this node', nodePort, ['list']),
} as const satisfies Record<string, CollectionShape>

export type Collection = keyof typeof collections

export const collectionNames = Object.keys(collections) as Collection[]

/** Kept as intervals, which must not overlap even for a moment: what goes must go before what comes. */
export const isInterval = (collection: Collection): boolean => {
  const { key } = collections[collection]
  return key.length === 1 && key[0] === 'prefix'
}

/** Which collection holds the endpoints that a counting collection counts. */
export const endpointsOf = {
  frontends: 'endpoints',
  'local-frontends': 'local-endpoints',
  nodeports: 'nodeport-endpoints',
  'local-nodeports': 'local-nodeport-endpoints',
} as const satisfies Partial<Record<Collection, Collection>>

/** A collection that counts endpoints. */
export type Counting = keyof typeof endpointsOf

export const countings = Object.keys(endpointsOf) as Counting[]

/** What a counting collection's frontends have besides when clients keep their endpoint. */
export const affinityOf = {
  frontends: { lists: 'affinity-frontends', slots: 'affinity-slots' },
  'local-frontends': { lists: 'affinity-local-frontends', slots: 'affinity-local-slots' },
  nodeports: { lists: 'affinity-nodeports', slots: 'affinity-nodeport-slots' },
  'local-nodeports': { lists: 'affinity-local-nodeports', slots: 'affinity-local-nodeport-slots' },
} as const satisfies Record<Counting, { lists: Collection; slots: Collection }>

export const families = [4, 6] as const satisfies Family[]

/** One element and where it belongs; `value` is '' in sets. */
export interface Element {
  readonly family: Family
  readonly collection: Collection
  readonly key: string
  readonly value: string
}

/** What a data plane holds, or should hold: family -> collection -> key -> value. */
export type Elements = Readonly<Record<Family, Readonly<Record<Collection, ReadonlyMap<string, string>>>>>

/** Elements under construction. */
export type MutableElements = ByCollection<Map<string, string>>

/** Something for each collection of each family. */
export type ByCollection<T> = Record<Family, Record<Collection, T>>

const forCollections = <T>(make: () => T): Record<Collection, T> =>
  Object.fromEntries(collectionNames.map((name) => [name, make()])) as Record<Collection, T>

export const byCollection = <T>(make: () => T): ByCollection<T> => ({
  4: forCollections(make),
  6: forCollections(make),
})

export const emptyElements = (): MutableElements => byCollection(() => new Map<string, string>())

/** A copy that can be changed. */
export function copyElements(elements: Elements): MutableElements {
  const result = emptyElements()
  for (const family of families) {
    for (const name of collectionNames) result[family][name] = new Map(elements[family][name])
  }
  return result
}

/** One step of a transaction. */
export type Operation =
  | ({ readonly do: 'add' } & Element)
  /** the key is there with another value */
  | ({ readonly do: 'replace'; readonly previous: string } & Element)
  /** `value` is the one that goes */
  | ({ readonly do: 'delete' } & Element)

/** Joins fields into a key or a value. */
export const tuple = (...fields: (string | number)[]): string => fields.join(' . ')

/** The fields of a key or a value. */
export const fieldsOf = (text: string): string[] => text.split(' . ')

export function countElements(elements: Elements): number {
  let count = 0
  for (const family of families) for (const name of collectionNames) count += elements[family][name].size
  return count
}
