import type { Family } from '#inet/address.ts'
import { connect, createNetns, must, type Netns } from '../../../test/netns.ts'
import { Agent } from './agent-process.ts'
import { GATEWAYS, six } from './cluster.ts'
import { POD_BRIDGE } from './groups/detectors.ts'
import { BLOCKED, NODE, NODE_OTHER, OUTSIDE, POD, POD2, type Scene } from './scene.ts'
import { SctpWire, type SctpPlace } from './sctp-wire.ts'

/**
 * The network that the table is sent through, in both families:
 *
 *     outside ─ lan ─┐                ┌─ here    (endpoints of this node)
 *                   node ─ cni0 ─ pods │          (clients that are pods)
 *                    │ ├───────────────┘
 *                    │ └─ link ─ there           (second node, with its endpoints)
 *                    └─ up ─ beyond              (the default route: has every virtual address)
 *
 * An endpoint is moved to where it is in a scene. What leaves the node untranslated is answered beyond.
 */

/** Everything that is an endpoint somewhere in the table. */
const ENDPOINTS = [
  '10.180.0.1',
  '10.180.2.1',
  ...[1, 2, 3].flatMap((last) => [`10.180.1.${last}`, `10.180.3.${last}`]),
  ...[1, 2, 3, 4, 5].map((last) => `10.0.1.${last}`),
]

/** Refused from everywhere, by a Service of its own: who hears of it has sent all that came before. */
export const CONTROL = { host: '192.168.99.99', port: 9 }

const TARGET_PORTS = [53, 80, 3001, 5353, 8080, 8443, 9090]
const NODE_PORTS = [3001, 3002, 3003]
const BEYOND_PORTS = [53, 80, 90, 443, 3001]

const both = (address: string): string[] => [address, six(address)]
const sockets = (addresses: readonly string[], ports: readonly number[]) =>
  addresses.flatMap(both).flatMap((address) => ports.map((port) => ({ address, port })))

const mac = (index: number): string => `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`
const [LAN, OUTSIDE_MAC, LINK, THERE, LOCAL, HERE, BRIDGE, PODS, UP, BEYOND] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
].map(mac)

export interface Network {
  readonly node: Netns
  readonly pods: Netns
  readonly outside: Netns
  readonly here: Netns
  readonly beyond: Netns
  readonly agents: Readonly<Record<'node' | 'pods' | 'outside' | 'here' | 'there' | 'beyond', Agent>>
  readonly sctp: SctpWire
  /** who sends from an address */
  agentOf(from: string): Agent
  /** undefined for the node, whose own SCTP cannot be made by hand */
  sctpPlaceOf(from: string): SctpPlace | undefined
  /** puts the endpoints of a scene where they are in it */
  arrange(scene: Scene): Promise<void>
  close(): void
}

/** Builds it; `cleanup` of test/netns.ts takes it away. */
export async function buildNetwork(name: string, scenes: readonly Scene[]): Promise<Network> {
  const foreign = destinationsOf(scenes)
  const make = (suffix: string) => createNetns(`${name}-${suffix}`)
  const [node, outside, pods, here, there, beyond] = [
    await make('node'),
    await make('outside'),
    await make('pods'),
    await make('here'),
    await make('there'),
    await make('beyond'),
  ]
  const eth0 = (ns: Netns, index: string, addresses: readonly string[] = []) => ({
    ns,
    device: 'eth0',
    mac: index,
    addresses: addresses.flatMap(both).map(hostAddress),
  })
  const ofNode = (device: string, index: string, address?: string) => ({
    ns: node,
    device,
    mac: index,
    addresses: address === undefined ? [] : [`${address}/24`, `${six(address)}/112`],
  })
  await connect(ofNode('to-lan', LAN, NODE), eth0(outside, OUTSIDE_MAC, [OUTSIDE, BLOCKED]))
  await connect(ofNode('to-there', LINK, NODE_OTHER), eth0(there, THERE, ['192.168.1.3', ...ENDPOINTS]))
  await connect(ofNode('to-here', LOCAL, GATEWAYS.endpoints), eth0(here, HERE, ENDPOINTS))
  await connect(ofNode('to-pods', mac(11)), eth0(pods, PODS, [POD, POD2]))
  await connect(ofNode('to-beyond', UP, GATEWAYS.beyond), eth0(beyond, BEYOND, ['192.168.4.3', ...foreign]))
  await batch(node, [
    `link add ${POD_BRIDGE} address ${BRIDGE} type bridge`,
    `link set ${POD_BRIDGE} up`,
    `link set to-pods master ${POD_BRIDGE}`,
    ...both(GATEWAYS.pods).map(
      (address) => `addr add ${withLength(address)} dev ${POD_BRIDGE} ${nodad(address)}`,
    ),
    ...['203.0.113.0/24', `${six('203.0.113.0/24')}`].map((net) => `route add ${net} dev to-lan`),
    ...[POD, POD2].flatMap(both).map((address) => `route add ${address} dev ${POD_BRIDGE}`),
    ...both('192.168.4.3').map((via) => `route add default via ${via}`),
  ])
  for (const [ns, gateway] of [
    [outside, NODE],
    [there, NODE_OTHER],
    [here, GATEWAYS.endpoints],
    [pods, GATEWAYS.pods],
    [beyond, GATEWAYS.beyond],
  ] as const) {
    await batch(
      ns,
      both(gateway).map((via) => `route add default via ${via} dev eth0 onlink`),
    )
    await must(ns, 'nft', ['-f', '-'], noSctp)
  }
  await must(beyond, 'nft', ['-f', '-'], quiet)
  await must(node, 'sh', ['-ec', sysctls.join('\n')])

  const agents = {
    node: new Agent(node, {
      place: 'node',
      tcp: NODE_PORTS,
      udp: sockets([NODE, NODE_OTHER, '127.0.0.1'], NODE_PORTS),
    }),
    pods: new Agent(pods),
    outside: new Agent(outside),
    here: new Agent(here, { place: 'here', tcp: TARGET_PORTS, udp: sockets(ENDPOINTS, TARGET_PORTS) }),
    there: new Agent(there, { place: 'there', tcp: TARGET_PORTS, udp: sockets(ENDPOINTS, TARGET_PORTS) }),
    beyond: new Agent(beyond, { place: 'beyond', tcp: BEYOND_PORTS, udp: sockets(foreign, BEYOND_PORTS) }),
  }
  const sctp = new SctpWire({
    pods: { ns: pods, mac: PODS, gateway: BRIDGE },
    outside: { ns: outside, mac: OUTSIDE_MAC, gateway: LAN },
    here: { ns: here, mac: HERE, gateway: LOCAL },
    there: { ns: there, mac: THERE, gateway: LINK },
    beyond: { ns: beyond, mac: BEYOND, gateway: UP },
  })
  await Promise.all(Object.values(agents).map((agent) => agent.ready))

  const places = new Map<string, 'pods' | 'outside'>([
    ...[POD, POD2].flatMap(both).map((address) => [address, 'pods'] as const),
    ...[OUTSIDE, BLOCKED].flatMap(both).map((address) => [address, 'outside'] as const),
  ])
  let endpoints = new Map<string, 'here' | 'there'>()
  const placeOf = (from: string) => endpoints.get(from) ?? places.get(from) ?? 'node'
  return {
    node,
    pods,
    outside,
    here,
    beyond,
    agents,
    sctp,
    agentOf: (from) => agents[placeOf(from)],
    sctpPlaceOf: (from) => {
      const place = placeOf(from)
      return place === 'node' ? undefined : place
    },
    arrange: async (scene) => {
      const before = endpoints
      endpoints = endpointsOf(scene)
      // Whoever has an address takes what is for it: a client must not be at both places.
      for (const [ns, place] of [
        [here, 'here'],
        [there, 'there'],
      ] as const) {
        const lines = [...new Set([...before.keys(), ...endpoints.keys()])].flatMap((address) => {
          const [had, has] = [before, endpoints].map((map) => (map.get(address) ?? place) === place)
          if (had === has) return []
          return [`addr ${has ? 'add' : 'del'} ${hostAddress(address)} dev eth0 ${has ? nodad(address) : ''}`]
        })
        if (lines.length > 0) await batch(ns, lines)
      }
      const bound = (scene.bound ?? []).flatMap(both)
      await batch(node, [
        'addr flush dev lo scope global',
        ...[...endpoints].map(([address, place]) => routeOf(address, place)),
        ...bound.map((address) => `addr add ${hostAddress(address)} dev lo ${nodad(address)}`),
      ])
    },
    close: () => sctp.close(),
  }
}

/** Every address that a flow goes to, but for the node's own. */
const destinationsOf = (scenes: readonly Scene[]): string[] => {
  const found = new Set(scenes.flatMap(({ flows }) => flows.map(({ to }) => to)))
  for (const address of [NODE, NODE_OTHER, '127.0.0.1']) found.delete(address)
  return [...found]
}

/** Address → whether it is an endpoint of this node, of another one, or none. */
function endpointsOf(scene: Scene): Map<string, 'here' | 'there'> {
  const found = new Map<string, 'here' | 'there'>()
  for (const { slices } of scene.services) {
    for (const endpoint of slices.flatMap(({ endpoints }) => endpoints)) {
      const { address, node = '' } = typeof endpoint === 'string' ? { address: endpoint } : endpoint
      for (const each of both(address)) found.set(each, node === 'node-1' ? 'here' : 'there')
    }
  }
  return found
}

const routeOf = (address: string, place: 'here' | 'there'): string => {
  const family: Family = address.includes(':') ? 6 : 4
  const via = family === 4 ? '192.168.1.3' : six('192.168.1.3')
  return `route replace ${address} ${place === 'here' ? 'dev to-here' : `via ${via}`}`
}

const hostAddress = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`
const withLength = (address: string): string => `${address}/${address.includes(':') ? 112 : 24}`
const nodad = (address: string): string => (address.includes(':') ? 'nodad' : '')

const batch = (ns: Netns, lines: readonly string[]): Promise<string> =>
  must(ns, 'ip', ['-batch', '-'], `${lines.join('\n')}\n`)

/** The kernel has no SCTP and would say so to whoever sends some. */
const noSctp =
  'table inet test { chain early { type filter hook prerouting priority -300; meta l4proto sctp drop; }; }'

/** What refuses is the node, and not what lies behind it. */
const quiet = `table inet quiet { chain output {
    type filter hook output priority 0
    tcp flags rst drop
    icmp type destination-unreachable drop
    icmpv6 type destination-unreachable drop
  }
}`

const sysctls = Object.entries({
  'ipv4/ip_forward': 1,
  'ipv6/conf/all/forwarding': 1,
  'ipv4/conf/all/rp_filter': 0,
  'ipv4/conf/default/rp_filter': 0,
  'ipv4/conf/all/send_redirects': 0,
  // UDP and SCTP are refused by ICMP, of which the kernel sends only so many a second: to one host, and, of the types
  // in the mask, in all.
  'ipv4/icmp_ratelimit': 0,
  'ipv6/icmp/ratelimit': 0,
  'ipv4/icmp_ratemask': 0,
  'ipv6/icmp/ratemask': 127,
}).map(([name, value]) => `echo ${value} > /proc/sys/net/${name}`)
