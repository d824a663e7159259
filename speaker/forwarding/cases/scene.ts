import type { Family } from '#inet/address.ts'
import type { Protocol } from '#kube/objects/service.ts'
import type { service, slice } from '../fixtures.ts'

/**
 * The vocabulary of the table: a scene is a cluster as one node sees it, a flow is a connection that somebody makes
 * in it. Everything is written for IPv4 and TCP; `cluster.ts` translates to IPv6, UDP and SCTP.
 */

type ServiceText = NonNullable<Parameters<typeof service>[1]>
export type EndpointText = Exclude<Parameters<typeof slice>[1][number], string>
export type PortText = NonNullable<Parameters<typeof slice>[2]>[number]

export interface SliceText {
  readonly endpoints: readonly (EndpointText | string)[]
  /** port 80, unnamed, when absent */
  readonly ports?: readonly PortText[]
  readonly labels?: Record<string, string>
}

export interface SceneService {
  readonly name: string
  readonly text: ServiceText
  readonly slices: readonly SliceText[]
}

/** What differs from the usual configuration: cluster CIDR 10.0.0.0/8, NodePorts on the primary address. */
export interface SceneConfig {
  readonly detector?:
    | { readonly by: 'nothing' | 'node-cidrs' }
    | { readonly by: 'bridge'; readonly name: string }
    | { readonly by: 'interface-prefix'; readonly prefix: string }
  readonly masqueradeAll?: boolean
  /** IPv4 prefixes; the other family has their translations, unless `ipv4Only` */
  readonly nodePortAddresses?: readonly string[]
  readonly ipv4Only?: boolean
}

/** Which way a Service's ports are repeated for the transports that the flows do not name. */
type Transports = 'all' | 'as written'

export interface Scene {
  /** letter of the group in the list of kube-proxy's cases; '+' for cases of our own */
  readonly group: string
  readonly title: string
  readonly services: readonly SceneService[]
  readonly config?: SceneConfig
  /** addresses of the node besides its usual ones */
  readonly bound?: readonly string[]
  /** 'all' when absent: every port is there for TCP, UDP and SCTP, and every TCP flow is tried with all three */
  readonly transports?: Transports
  /** both when absent */
  readonly families?: readonly Family[]
  /** how many elements the Services have, in one family and as written */
  readonly elements?: number
  readonly flows: readonly Flow[]
}

export interface Flow {
  /** in kube-proxy's list */
  readonly number?: number
  readonly what: string
  readonly from: string
  readonly to: string
  readonly port: number
  /** ICMP stands for an echo request */
  readonly protocol: Protocol | 'ICMP'
  readonly expected: string
}

/**
 * What becomes of a flow, as text: `reject`, `drop`, `untouched` (no Service is concerned), `answer` (this node
 * answers a ping), or the endpoints, each equally likely: `10.180.0.1:80 m, 10.180.2.1:80`; `m` marks those that see
 * an address of the node as source.
 */
export type Outcome = string

/** A row: number in kube-proxy's list (0: a case of our own), words, who, where to, and what happens. */
export function flow(
  number: number,
  what: string,
  from: string,
  to: string,
  expected: Outcome,
  protocol: Flow['protocol'] = 'TCP',
): Flow {
  const at = to.lastIndexOf(':')
  const [address, port] = at < 0 ? [to, 0] : [to.slice(0, at), Number(to.slice(at + 1))]
  return { ...(number === 0 ? {} : { number }), what, from, to: address, port, protocol, expected }
}

// Who and where, as in kube-proxy's tests.

/** a Pod of this node that is no endpoint */
export const POD = '10.0.0.2'
/** another one; its address is in the node's own Pod CIDR */
export const POD2 = '10.180.0.2'
export const NODE = '192.168.0.2'
/** another address of the node */
export const NODE_OTHER = '192.168.1.2'
export const OUTSIDE = '203.0.113.2'
/** outside, and not in the source ranges of group C */
export const BLOCKED = '203.0.113.130'
export const LB1 = '1.2.3.4'
export const LB2 = '5.6.7.8'
export const LB3 = '9.10.11.12'
export const EXTERNAL = '192.168.99.11'
export const NODE_NAME = 'node-1'
export const ZONE = 'zone-a'

/** An endpoint of this node. */
export const here = (address: string, more: Partial<EndpointText> = {}): EndpointText => ({
  address,
  node: NODE_NAME,
  ...more,
})

/** An endpoint of another node. */
export const away = (address: string, more: Partial<EndpointText> = {}): EndpointText => ({
  address,
  node: 'other',
  ...more,
})

/** A Service with one slice; its ports go to the same numbers. */
export const one = (
  name: string,
  text: ServiceText,
  endpoints: readonly (EndpointText | string)[],
): SceneService => ({
  name,
  text,
  slices: [{ endpoints, ports: (text.ports ?? [{ port: 80 }]).map((port) => ({ ...port, nodePort: 0 })) }],
})

/** 10.180.0.1 is remote, 10.180.2.1 local. */
export const remoteAndLocal: readonly EndpointText[] = [{ address: '10.180.0.1' }, here('10.180.2.1')]

/** A Service that can be reached in every way; NodePort 3001. */
export const everyWay: ServiceText = {
  ports: [{ port: 80, nodePort: 3001 }],
  externalIPs: [EXTERNAL],
  ingress: [{ ip: LB1 }],
}
