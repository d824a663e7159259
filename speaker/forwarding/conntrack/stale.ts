import type { Family } from '#inet/address.ts'
import type { ConntrackEntry } from '#raw-socket/netlink/conntrack.ts'
import type { ProgrammedService } from '../follower.ts'
import { addressesOf, endpointsOfPort, isPort } from '../service-ports.ts'

/**
 * Which UDP connections of conntrack lead nowhere. Only the first packet of a connection meets the rules, and a UDP
 * client that goes on sending from one port keeps its connection for ever: to an endpoint that is gone (Kubernetes
 * issue 19029), or, when it began before there was an endpoint, to the virtual address itself, where nobody is
 * (issue 105657). What is to be deleted is kube-proxy's CleanStaleEntries, read from the state of things and not from
 * what changed, so that it can be done at any time, and again:
 *
 * - A frontend (ClusterIP, load balancer or external address with its port) or NodePort (59368) of a UDP port, as the
 *   destination of the original packet, with an answering side that is no _serving_ endpoint of that port, by address
 *   and port. An untranslated connection is answered by the virtual address, which is no endpoint.
 * - Serving is all that counts. Policies, topology and termination choose for new connections; as with TCP, one
 *   that exists stays where it is while that endpoint answers.
 * - A port without any serving endpoint deletes nothing: there is no better place yet, and the connection could not
 *   be made again in time. The first endpoint that serves does it.
 * - A Service or a frontend that goes away deletes nothing: its connections end as those of TCP do. Whoever has the
 *   address and port next deletes them, because they do not lead to an endpoint of its own.
 * - TCP and SCTP are never touched: they notice by themselves.
 *
 * Different on purpose: a NodePort is one only at an address of this node (kube-proxy takes every UDP connection in
 * the cluster with that destination port for one, also those of a server elsewhere that uses the port); an address
 * that is a frontend is not asked about NodePorts, as in the rules; and where two Services claim a frontend, an
 * endpoint of either will do.
 */

/** One UDP port of a Service in one family. */
export interface UdpPort {
  readonly family: Family
  /** ClusterIP, load balancer and external addresses, canonical text */
  readonly addresses: readonly string[]
  readonly port: number
  /** 0: none */
  readonly nodePort: number
  /** serving endpoints as `endpointText` */
  readonly serving: ReadonlySet<string>
}

/** How an endpoint is written in `UdpPort.serving`. */
export const endpointText = (address: string, port: number): string => `${address} ${port}`

/** The UDP ports of a Service that is forwarded here; none for all others. */
export function udpPortsOf({ service, slices, plan }: ProgrammedService): UdpPort[] {
  const ports = service.ports.filter(({ protocol, port }) => protocol === 'UDP' && isPort(port))
  if (plan.skipped !== '' || ports.length === 0) return []
  return addressesOf(service).flatMap(({ family, clusterIP, externalIPs, loadBalancerIPs }) =>
    ports.map((port) => {
      // Which of them are on this node does not matter here.
      const endpoints = endpointsOfPort(port, family, slices, '').filter(({ serving }) => serving)
      return {
        family,
        addresses: [...new Set([clusterIP, ...loadBalancerIPs, ...externalIPs])],
        port: port.port,
        nodePort: isPort(port.nodePort) ? port.nodePort : 0,
        serving: new Set(endpoints.map(({ address, port: number }) => endpointText(address, number))),
      }
    }),
  )
}

/** In place of an address: every address of this node. */
const THIS_NODE = 'this node'

interface Frontend {
  readonly family: Family
  /** or `THIS_NODE` */
  readonly address: string
  readonly port: number
}

const frontendsOf = ({ family, addresses, port, nodePort }: UdpPort): Frontend[] => [
  ...addresses.map((address) => ({ family, address, port })),
  ...(nodePort === 0 ? [] : [{ family, address: THIS_NODE, port: nodePort }]),
]

const nobody: ReadonlySet<string> = new Set()

/** The UDP frontends of all Services, and nothing of any other Service. */
export class UdpFrontends {
  readonly #services = new Map<string, readonly UdpPort[]>()
  /** family -> port -> address -> who claims it */
  readonly #claims: Record<Family, Map<number, Map<string, Set<UdpPort>>>> = { 4: new Map(), 6: new Map() }

  /**
   * What a Service has now; nothing when it is gone. Gives the families in which connections may have become stale
   * by it: an endpoint does not serve any more while another does, or a frontend has come or has its first endpoint.
   */
  set(service: string, ports: readonly UdpPort[]): ReadonlySet<Family> {
    const previous = this.#services.get(service) ?? []
    const touched = [...previous, ...ports].flatMap(frontendsOf)
    const before = touched.map((frontend) => this.#serving(frontend))
    for (const port of previous) this.#remove(port)
    for (const port of ports) this.#add(port)
    if (ports.length === 0) this.#services.delete(service)
    else this.#services.set(service, ports)
    const families = new Set<Family>()
    for (const [index, frontend] of touched.entries()) {
      if (losesSomething(before[index], this.#serving(frontend))) families.add(frontend.family)
    }
    return families
  }

  /** Some Service has a NodePort in this family. */
  hasNodePorts(family: Family): boolean {
    for (const byAddress of this.#claims[family].values()) if (byAddress.has(THIS_NODE)) return true
    return false
  }

  /** The connection, which is one of UDP, must go; `local` are the addresses of this node. */
  isStale({ family, original, reply }: ConntrackEntry, local: ReadonlySet<string>): boolean {
    // By far the most connections of a node end here, before any address has been decoded.
    const byAddress = this.#claims[family].get(original.destinationPort)
    if (byAddress === undefined) return false
    const destination = original.destination
    const claims =
      byAddress.get(destination) ?? (local.has(destination) ? byAddress.get(THIS_NODE) : undefined)
    if (claims === undefined) return false
    const endpoint = endpointText(reply.source, reply.sourcePort)
    let any = false
    for (const { serving } of claims) {
      if (serving.has(endpoint)) return false
      any ||= serving.size > 0
    }
    return any
  }

  #serving({ family, address, port }: Frontend): ReadonlySet<string> {
    const claims = this.#claims[family].get(port)?.get(address)
    if (claims === undefined) return nobody
    const sets = [...claims].map(({ serving }) => serving)
    return sets.length === 1 ? sets[0] : new Set(sets.flatMap((set) => [...set]))
  }

  #add(udp: UdpPort): void {
    for (const { family, address, port } of frontendsOf(udp)) {
      let byAddress = this.#claims[family].get(port)
      if (byAddress === undefined) this.#claims[family].set(port, (byAddress = new Map()))
      const claims = byAddress.get(address)
      if (claims === undefined) byAddress.set(address, new Set([udp]))
      else claims.add(udp)
    }
  }

  #remove(udp: UdpPort): void {
    for (const { family, address, port } of frontendsOf(udp)) {
      const byAddress = this.#claims[family].get(port)
      const claims = byAddress?.get(address)
      claims?.delete(udp)
      if (claims?.size === 0) byAddress?.delete(address)
      if (byAddress?.size === 0) this.#claims[family].delete(port)
    }
  }
}

/** Connections to one of `before`, or made when there was none, may be at the wrong place now. */
function losesSomething(before: ReadonlySet<string>, after: ReadonlySet<string>): boolean {
  if (after.size === 0) return false
  if (before.size === 0) return true
  for (const endpoint of before) if (!after.has(endpoint)) return true
  return false
}
