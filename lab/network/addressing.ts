import type { Family } from '#inet/address.ts'

/**
 * The addressing plan. Every machine on the LAN has one number; its addresses and its MAC are written with the
 * same digits (number 11 is 192.168.1.11, fd00:192:168:1::11 and 02:00:00:00:00:11), so that a person reading a
 * capture knows who is who. Numbers 100 to 150 are the address pool of the example manifests and stay free.
 */
export interface LanHost {
  /** name of its network namespace and of its port on the switch (`lan-NAME`) */
  readonly name: string
  readonly v4: string
  readonly v6: string
  readonly mac: string
}

export interface NodeHost extends LanHost {
  /** 1 for node1 */
  readonly index: number
  /** of the families the cluster has, IPv4 first */
  readonly podCIDRs: readonly string[]
}

export const LAN = { v4Length: 24, v6Length: 64, v4: '192.168.1.0/24', v6: 'fd00:192:168:1::/64' } as const
/** All pods of all nodes. */
export const CLUSTER_CIDRS = { 4: '10.244.0.0/16', 6: 'fd00:10:244::/48' } as const
export const SERVICE_CIDRS = { 4: '10.96.0.0/16', 6: 'fd00:10:96::/112' } as const
export const API_PORT = 6443
export const ROUTER_ASN = 64512

const FIRST_NODE = 11
/** node1 is .11, so 89 nodes end at .99, below the address pool. */
export const MAX_NODES = 89
/** Host part of pod addresses: 10.244.N.2 to 10.244.N.254. */
export const POD_HOSTS = { first: 2, last: 254 } as const

/** The machine with this number. */
export function lanHost(name: string, number: number): LanHost {
  return {
    name,
    v4: `192.168.1.${number}`,
    v6: `fd00:192:168:1::${number}`,
    mac: `02:00:00:00:00:${String(number).padStart(2, '0')}`,
  }
}

export const ROUTER = lanHost('router', 1)
/** The switch itself has an address: the API server and the controller live there. */
export const SWITCH = lanHost('switch', 2)
export const CLIENT = lanHost('client', 5)

/** node1, node2, … with the pod ranges of the given families. */
export function nodeHosts(count: number, families: readonly Family[]): NodeHost[] {
  return Array.from({ length: count }, (_, at) => {
    const index = at + 1
    return {
      ...lanHost(`node${index}`, FIRST_NODE + at),
      index,
      podCIDRs: families.map((family) => podCIDR(index, family)),
    }
  })
}

const podCIDR = (index: number, family: Family): string =>
  family === 4 ? `10.244.${index}.0/24` : `fd00:10:244:${index}::/64`

/** The LAN address of this family. */
export const lanAddress = (host: LanHost, family: Family): string => (family === 4 ? host.v4 : host.v6)

/** The address of the pod with this number on this node. */
export const podAddress = (index: number, number: number, family: Family): string =>
  family === 4 ? `10.244.${index}.${number}` : `fd00:10:244:${index}::${number}`

/** Both ends of a pod's veth pair; the node's end answers for the pod's gateway. */
export const podMacs = (index: number, number: number): { pod: string; node: string } => {
  const tail = `${hexOctet(index)}:00:${hexOctet(number)}`
  return { pod: `02:00:01:${tail}`, node: `02:00:02:${tail}` }
}

const hexOctet = (value: number): string => value.toString(16).padStart(2, '0')
