import type { ForwardingInspection } from './inspection.ts'

/** What forwarding knows, for the admin API. */
export interface ForwardingView {
  readonly mode: 'full' | 'off'
  /** the kernel holds what the plan wants */
  readonly synced: boolean
  /** counts transactions that the kernel accepted */
  readonly generation: number
  readonly lastSync: number
  readonly lastError?: { readonly at: number; readonly text: string }
  /** foreign proxies found on this node (kube-proxy's tables), '' when none */
  readonly foreign: string
  /** packets are ours to forward: neither off nor standing by for another proxy */
  readonly forwarding: boolean
  /** the first listing found elements of an earlier run; absent before that listing */
  readonly adopted?: boolean
  /** what a person should know about why it is so, '' when there is nothing to say */
  readonly reason: string
  services(): Iterable<ForwardingServiceView>
  service(key: string): ForwardingServiceView | undefined
  readonly inspection: ForwardingInspection
}

export interface ForwardingServiceView {
  readonly key: string
  readonly programmed: boolean
  readonly frontends: readonly FrontendView[]
  readonly error: string
}

export interface FrontendView {
  readonly kind: 'ClusterIP' | 'ExternalIP' | 'LoadBalancer' | 'NodePort'
  /** '*' for NodePorts */
  readonly address: string
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly port: number
  /** what meets a packet of an external client */
  readonly verdict: 'forward' | 'reject' | 'drop'
  /** `address:port` of the endpoints a packet may go to */
  readonly endpoints: readonly string[]
}
