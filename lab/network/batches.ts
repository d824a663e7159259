import type { Family } from '#inet/address.ts'
import {
  CLIENT,
  LAN,
  ROUTER,
  SWITCH,
  lanAddress,
  podMacs,
  type LanHost,
  type NodeHost,
} from './addressing.ts'

/** Lines for `ip -batch` (or `bridge -batch`), and the namespace they run in; '' is the lab's own. */
export interface Batch {
  readonly namespace: string
  readonly program?: 'ip' | 'bridge'
  readonly lines: readonly string[]
}

/** The switch. */
export const BRIDGE = 'lan0'
export const portOf = (host: { name: string }): string => `lan-${host.name}`

/** Every machine on the LAN that has a namespace of its own. */
const machines = (nodes: readonly NodeHost[]): LanHost[] => [CLIENT, ROUTER, ...nodes]

/** Made first, alone: kernel settings must be in place before the first interface appears. */
export const namespaceBatch = (nodes: readonly NodeHost[]): Batch => ({
  namespace: '',
  lines: machines(nodes).map((host) => `netns add ${host.name}`),
})

/** The switch and one cable to each machine. */
export function switchBatch(nodes: readonly NodeHost[], families: readonly Family[]): Batch {
  return {
    namespace: '',
    lines: [
      `link set lo up`,
      `link add ${BRIDGE} address ${SWITCH.mac} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`,
      ...machines(nodes).flatMap((host) => [
        `link add ${portOf(host)} type veth peer name eth0 address ${host.mac} netns ${host.name}`,
        `link set ${portOf(host)} master ${BRIDGE} up`,
      ]),
      ...addressLines(SWITCH, BRIDGE),
      ...podRouteLines(nodes, families),
      ...defaultRouteLines(),
    ],
  }
}

export const clientBatch = (): Batch => ({
  namespace: CLIENT.name,
  lines: [...addressLines(CLIENT, 'eth0'), ...defaultRouteLines()],
})

export const routerBatch = (nodes: readonly NodeHost[], families: readonly Family[]): Batch => ({
  namespace: ROUTER.name,
  lines: [...addressLines(ROUTER, 'eth0'), ...podRouteLines(nodes, families)],
})

/** A node routes the other nodes' pods by their LAN addresses, as a network plugin without an overlay does. */
export function nodeBatch(node: NodeHost, nodes: readonly NodeHost[], families: readonly Family[]): Batch {
  const others = nodes.filter((one) => one !== node)
  return {
    namespace: node.name,
    lines: [...addressLines(node, 'eth0'), ...podRouteLines(others, families), ...defaultRouteLines()],
  }
}

function addressLines(host: LanHost, device: string): string[] {
  return [
    `link set lo up`,
    `addr add ${host.v4}/${LAN.v4Length} brd + dev ${device}`,
    `addr add ${host.v6}/${LAN.v6Length} dev ${device} nodad`,
    `link set ${device} up`,
  ]
}

const podRouteLines = (nodes: readonly NodeHost[], families: readonly Family[]): string[] =>
  nodes.flatMap((node) =>
    node.podCIDRs.map((cidr, at) => `route add ${cidr} via ${lanAddress(node, families[at])}`),
  )

const defaultRouteLines = (): string[] => [
  `route add default via ${ROUTER.v4}`,
  `route add default via ${ROUTER.v6}`,
]

export interface PodLink {
  readonly node: NodeHost
  /** host part of the pod's addresses */
  readonly number: number
  /** name of the pod's network namespace */
  readonly namespace: string
  readonly addresses: readonly { readonly family: Family; readonly address: string }[]
}

/** The node's end of the pod's cable. */
/** Named as most CNIs name it, so that nobody takes it for an interface of the node. */
const podPort = (number: number): string => `veth${number}`

/**
 * A pod hangs on a cable of its own, without a bridge: host routes on the node, a gateway that exists on no
 * interface in the pod, and permanent neighbour entries on both sides instead of ARP and NDP.
 *
 * The cable is laid from the lab's own namespace, because `ip -n` works in a mount namespace of its own, where a
 * new network namespace gets a name that nobody else sees. The two ends can then be set up at the same time.
 */
export function podBatches(link: PodLink): { readonly cable: Batch; readonly ends: readonly Batch[] } {
  const { node, number, namespace, addresses } = link
  const macs = podMacs(node.index, number)
  const port = podPort(number)
  const bits = { 4: 32, 6: 128 } as const
  const gateway = { 4: '169.254.1.1', 6: 'fe80::1' } as const
  const cable = [
    `netns add ${namespace}`,
    `link add ${port} address ${macs.node} netns ${node.name} type veth peer name eth0 address ${macs.pod} netns ${namespace}`,
  ]
  const onNode = addresses.flatMap(({ family, address }) => [
    `neigh add ${address} lladdr ${macs.pod} dev ${port} nud permanent`,
    `route add ${address}/${bits[family]} dev ${port} src ${lanAddress(node, family)}`,
  ])
  const inPod = addresses.flatMap(({ family, address }) => [
    `addr add ${address}/${bits[family]} dev eth0 ${family === 6 ? 'nodad' : ''}`,
    `neigh add ${gateway[family]} lladdr ${macs.node} dev eth0 nud permanent`,
    `route add default via ${gateway[family]} dev eth0 onlink`,
  ])
  return {
    cable: { namespace: '', lines: cable },
    ends: [
      { namespace: node.name, lines: [`link set ${port} up`, ...onNode] },
      {
        namespace,
        lines: [`link set lo up`, `link set eth0 addrgenmode none`, `link set eth0 up`, ...inPod],
      },
    ],
  }
}

/** Takes the pod's cable away at once, then its namespace, which something may still use for a moment. */
export const podRemovalBatches = (link: PodLink): readonly Batch[] => [
  { namespace: link.node.name, lines: [`link del ${podPort(link.number)}`] },
  { namespace: '', lines: [`netns del ${link.namespace}`] },
]
