import type { LanHost, NodeHost } from './network/addressing.ts'
import { CLIENT, ROUTER, ROUTER_ASN } from './network/addressing.ts'
import type { SupervisorArguments } from './messages.ts'
import { controllerNames, type RouterKind } from './options.ts'
import { adminSocket } from './state-directory.ts'

/** The answer of `lab info`: everything that another program needs to use the lab. */
export interface LabInfo {
  readonly name: string
  /** path of a file for kubectl, usable outside the lab */
  readonly kubeconfig: string
  /** URL of the dashboard, usable outside the lab */
  readonly dashboard: string
  /** where controller and speakers run and keep their configuration */
  readonly namespace: string
  readonly client: { readonly addresses: readonly string[]; readonly mac: string }
  readonly router: { readonly kind: RouterKind; readonly addresses: readonly string[]; readonly asn: number }
  readonly nodes: readonly NodeInfo[]
  readonly controller: { readonly admin: string }
  /** all replicas, that one first */
  readonly controllers: readonly { readonly name: string; readonly admin: string }[]
  /** directory of the log files */
  readonly logs: string
  readonly forwarding: 'full' | 'off'
}

interface NodeInfo {
  readonly name: string
  readonly addresses: readonly string[]
  readonly mac: string
  readonly interface: string
  readonly podCIDRs: readonly string[]
  /** path of the speaker's admin socket */
  readonly admin: string
}

/** Where MetalLB's manifests live, so that they apply unchanged. */
export const PRODUCT_NAMESPACE = 'metallb-system'

const both = (host: LanHost): string[] => [host.v4, host.v6]

export function labInfo(args: SupervisorArguments, nodes: readonly NodeHost[]): LabInfo {
  const { options, files } = args
  return {
    name: options.name,
    kubeconfig: files.kubeconfig,
    dashboard: `http://127.0.0.1:${args.dashboardPort}/`,
    namespace: PRODUCT_NAMESPACE,
    client: { addresses: both(CLIENT), mac: CLIENT.mac },
    router: { kind: options.router, addresses: both(ROUTER), asn: ROUTER_ASN },
    nodes: nodes.map((node) => ({
      name: node.name,
      addresses: both(node),
      mac: node.mac,
      interface: 'eth0',
      podCIDRs: node.podCIDRs,
      admin: adminSocket(files, node.name),
    })),
    controller: { admin: adminSocket(files, 'controller') },
    controllers: controllerNames(options.controllers).map((name) => ({
      name,
      admin: adminSocket(files, name),
    })),
    logs: files.logs,
    forwarding: options.forwarding,
  }
}
