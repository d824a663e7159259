import type { Prefix } from '#inet/prefix.ts'

/** What the operator chose; fixed for the life of the process. */
export interface ForwardingConfig {
  readonly mode: 'full' | 'off'
  /** sources that count as pods (`--cluster-cidr`, both families); [] means no detector: everybody is a pod */
  readonly clusterCIDRs: readonly Prefix[]
  /** where NodePorts are accepted (`--nodeport-addresses`): the Node's primary addresses, or local addresses in these */
  readonly nodePortAddresses: 'primary' | readonly Prefix[]
  /** masquerade everything that goes to a ClusterIP */
  readonly masqueradeAll: boolean
  /** first and last NodePort: kept from outgoing connections by sysctl.ts; undefined leaves the node as it is */
  readonly nodePortRange?: { readonly first: number; readonly last: number }
  /** ClusterIP ranges: new connections to addresses in them that no Service has are dropped */
  readonly serviceCIDRs?: readonly Prefix[]
}

/** What a plan needs to know about the node it is for. Addresses are canonical text, of both families. */
export interface NodeContext {
  readonly name: string
  /** in the order of the Node object: the first of a family is the primary */
  readonly internalIPs: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** every address of the node's interfaces */
  readonly localAddresses: readonly string[]
}
