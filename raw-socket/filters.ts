import { addressToBytes, parseAddress } from '#inet/address.ts'
import { accept, alu, ancillary, assemble, drop, jump, label, load, type Step } from './bpf.ts'

/**
 * The programs that decide in the kernel what this project's sockets see. What is refused here costs no wake-up
 * and reaches no parser.
 */

/** The largest frame that is passed on; longer ones are cut. */
export const maxFrame = 9216

/** First value of `pkt_type` that is not to us: another host's, our own outgoing (linux/if_packet.h). */
const PACKET_OTHERHOST = 3

const etherTypes = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const

/**
 * Only frames for this host (unicast to the interface, broadcast, multicast) of the untagged network.
 *
 * A socket bound to one EtherType gets a tagged frame for which there is no VLAN interface with the tag already
 * taken off and the packet type "other host" (net/core/dev.c, __netif_receive_skb_core), so the first check
 * refuses it, together with unicast frames to other stations that a promiscuous interface lets in. A socket bound
 * to all EtherTypes still sees the tag. VLAN id 0 is a priority tag and belongs to the untagged network.
 */
const forThisHost: readonly Step[] = [
  load.byte(ancillary.packetType),
  jump.ifAtLeast(PACKET_OTHERHOST, 'drop'),
  load.byte(ancillary.vlanTagPresent),
  jump.ifEqual(0, 'untagged'),
  load.half(ancillary.vlanTag),
  alu.and(0xfff),
  jump.unlessEqual(0, 'drop'),
  label('untagged'),
]

const end: readonly Step[] = [accept(maxFrame), label('drop'), drop()]

/** ARP requests and replies for IPv4 over Ethernet (RFC 826), of full length. */
export const arpFilter: Uint8Array = assemble([
  ...forThisHost,
  load.half(12),
  jump.unlessEqual(etherTypes.arp, 'drop'),
  load.half(14),
  jump.unlessEqual(1, 'drop'),
  load.half(16),
  jump.unlessEqual(etherTypes.ipv4, 'drop'),
  // hardware address length 6, protocol address length 4
  load.half(18),
  jump.unlessEqual(0x0604, 'drop'),
  load.half(20),
  jump.ifEqual(1, 'operation'),
  jump.unlessEqual(2, 'drop'),
  label('operation'),
  load.length(),
  jump.unlessAtLeast(14 + 28, 'drop'),
  ...end,
])

const ICMPV6 = 58
const NEIGHBOR_SOLICITATION = 135
const NEIGHBOR_ADVERTISEMENT = 136

/**
 * Neighbor Solicitations and Advertisements with hop limit 255 (RFC 4861 7.1.1, 7.1.2: any other has passed a
 * router) and full length. Those behind an extension header are refused: no host sends them, and RFC 6980 forbids
 * their fragments.
 */
export const neighborDiscoveryFilter: Uint8Array = assemble([
  ...forThisHost,
  load.half(12),
  jump.unlessEqual(etherTypes.ipv6, 'drop'),
  load.byte(20),
  jump.unlessEqual(ICMPV6, 'drop'),
  load.byte(21),
  jump.unlessEqual(255, 'drop'),
  load.byte(54),
  jump.ifEqual(NEIGHBOR_SOLICITATION, 'type'),
  jump.unlessEqual(NEIGHBOR_ADVERTISEMENT, 'drop'),
  label('type'),
  load.length(),
  jump.unlessAtLeast(14 + 40 + 24, 'drop'),
  ...end,
])

const ROUTER_SOLICITATION = 133
const ROUTER_ADVERTISEMENT = 134

/** Router Solicitations and Advertisements with hop limit 255 (RFC 4861 6.1.1, 6.1.2) and full length. */
export const routerDiscoveryFilter: Uint8Array = assemble([
  ...forThisHost,
  load.half(12),
  jump.unlessEqual(etherTypes.ipv6, 'drop'),
  load.byte(20),
  jump.unlessEqual(ICMPV6, 'drop'),
  load.byte(21),
  jump.unlessEqual(255, 'drop'),
  load.byte(54),
  jump.ifEqual(ROUTER_SOLICITATION, 'type'),
  jump.unlessEqual(ROUTER_ADVERTISEMENT, 'drop'),
  label('type'),
  load.length(),
  jump.unlessAtLeast(14 + 40 + 8, 'drop'),
  ...end,
])

/**
 * For UDP sockets of either family: only datagrams whose TTL or hop limit is at least `minimum` (RFC 5082; BFD
 * wants 255, RFC 5881 5). The kernel's own IP_MINTTL is for TCP.
 */
export function udpTtlFilter(minimum: number): Uint8Array {
  return assemble([
    load.byte(ancillary.network),
    alu.shiftRight(4),
    jump.ifEqual(4, 'ipv4'),
    jump.unlessEqual(6, 'drop'),
    load.byte(ancillary.network + 7),
    jump.unlessAtLeast(minimum, 'drop'),
    accept(0xffff),
    label('ipv4'),
    load.byte(ancillary.network + 8),
    jump.unlessAtLeast(minimum, 'drop'),
    accept(0xffff),
    label('drop'),
    drop(),
  ])
}

/** A sender and the least TTL or hop limit of what it sends. */
export interface UdpSource {
  readonly address: string
  readonly minimumTtl: number
}

/** For a UDP socket of the sources' family: only datagrams of these, each with its own least TTL (RFC 5883 5). */
export function udpSourceFilter(sources: readonly UdpSource[]): Uint8Array {
  const steps = sources.flatMap(({ address, minimumTtl }, index) => {
    const octets = Buffer.from(addressToBytes(parseAddress(address)))
    const [sourceAt, ttlAt] = octets.length === 4 ? [12, 8] : [8, 7]
    const next = `not source ${index}`
    const steps: Step[] = []
    for (let at = 0; at < octets.length; at += 4) {
      steps.push(
        load.word(ancillary.network + sourceAt + at),
        jump.unlessEqual(octets.readUInt32BE(at), next),
      )
    }
    const ttl = [load.byte(ancillary.network + ttlAt), jump.unlessAtLeast(minimumTtl, next), accept(0xffff)]
    return [...steps, ...ttl, label(next)]
  })
  return assemble([...steps, drop()])
}

/** For a socket that only sends. */
export const dropAllFilter: Uint8Array = assemble([drop()])
