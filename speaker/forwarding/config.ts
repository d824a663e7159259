import type { Prefix } from '#inet/prefix.ts'

/** How traffic of pods is told from traffic of others: kube-proxy's four modes, and none. */
export type LocalDetector =
  /** nothing is known: everybody is taken for a pod, and nobody is short-circuited */
  | { readonly by: 'nothing' }
  /** ClusterCIDR: the source lies in one of these (`--cluster-cidr`, both families) */
  | { readonly by: 'cluster-cidrs'; readonly cidrs: readonly Prefix[] }
  /** NodeCIDR: the source lies in one of the pod CIDRs of this Node (`NodeContext.podCIDRs`) */
  | { readonly by: 'node-cidrs' }
  /** BridgeInterface: it comes in by this interface */
  | { readonly by: 'bridge'; readonly name: string }
  /** InterfaceNamePrefix: it comes in by an interface whose name begins so */
  | { readonly by: 'interface-prefix'; readonly prefix: string }

/** What the operator chose; fixed for the life of the process. */
export interface ForwardingConfig {
  readonly mode: 'full' | 'off'
  /** forward although another service proxy was found on this node */
  readonly force: boolean
  /** how a packet from a pod is recognised (`--detect-local-mode`) */
  readonly detector: LocalDetector
  /** where NodePorts are accepted (`--nodeport-addresses`): the Node's primary addresses, or local addresses in these */
  readonly nodePortAddresses: 'primary' | readonly Prefix[]
  /** TCP NodePorts also on 127.0.0.1 and ::1, by a proxy in this process */
  readonly localhostNodePorts: boolean
  /** masquerade everything that goes to a ClusterIP */
  readonly masqueradeAll: boolean
  /** first and last NodePort: kept from outgoing connections by sysctl.ts; undefined leaves the node as it is */
  readonly nodePortRange?: { readonly first: number; readonly last: number }
  /** sizes and times of conntrack; undefined leaves the node as it is */
  readonly conntrack?: ConntrackConfig
}

/** kube-proxy's `conntrack` section. Values are only raised; what is absent or 0 is left alone. Times in seconds. */
export interface ConntrackConfig {
  /** connections for each processor core (`--conntrack-max-per-core`); 0 leaves the maximum alone */
  readonly maxPerCore: number
  /** connections at least, however few cores there are (`--conntrack-min`) */
  readonly min: number
  readonly tcpEstablishedTimeout?: number
  readonly tcpCloseWaitTimeout?: number
  readonly udpTimeout?: number
  readonly udpStreamTimeout?: number
  /** translate TCP segments that are not in the window, instead of letting them pass as they are */
  readonly tcpBeLiberal?: boolean
}

/** What a plan needs to know about the node it is for. Addresses are canonical text, of both families. */
export interface NodeContext {
  readonly name: string
  /** in the order of the Node object: the first of a family is the primary */
  readonly internalIPs: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** every address of the node's interfaces */
  readonly localAddresses: readonly string[]
  /** the Node's spec.podCIDRs */
  readonly podCIDRs: readonly string[]
  /** ClusterIP ranges, from the ServiceCIDR objects: new connections to addresses in them that no Service has are dropped */
  readonly serviceCIDRs: readonly string[]
}
