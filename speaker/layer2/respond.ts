import { arpOperation, buildReply, parseArp, type ArpPacket } from './arp.ts'
import type { DropReason } from './errors.ts'
import { broadcastMac, isGroupMac } from './ethernet.ts'
import type { HeldAddress, HeldAddresses } from './held.ts'

/** The interface a frame was heard on. */
export interface ResponderInterface {
  readonly index: number
  readonly mac: number
  /** of all interfaces of this node: what they send says nothing about others */
  readonly ownMacs: ReadonlySet<number>
}

/** A probe: somebody asks for an address without having it. */
export interface Probe {
  readonly address: HeldAddress
  /** of the asker */
  readonly mac: number
  /**
   * `all`: who has the address? `beacon`: its sender does, or did until it stood still, and wants to be heard; `us`:
   * has this node the address? `nudge`: this node is to take it
   */
  readonly kind: 'all' | 'beacon' | 'us' | 'nudge'
}

/** Somebody uses an address. */
export interface Claim {
  readonly address: HeldAddress
  readonly mac: number
  /** it was sent to this node alone, so it answers a question of this node */
  readonly direct: boolean
}

export type Response =
  | { readonly answer: Uint8Array; readonly address: HeldAddress; readonly probe?: Probe }
  | { readonly drop: DropReason; readonly probe?: Probe }
  | { readonly claim: Claim }

/**
 * What to do with a received ARP frame. Broadcast and unicast requests are answered alike, the latter being how
 * caches check an entry again (RFC 1122 2.3.2.1), and probes from 0.0.0.0 too (RFC 5227 2.1.1).
 */
export function respond(frame: Uint8Array, held: HeldAddresses, on: ResponderInterface): Response {
  const packet = parseArp(frame)
  if ('drop' in packet) return packet
  const { source, destination, senderMac, senderAddress } = packet
  if (on.ownMacs.has(source) || on.ownMacs.has(senderMac)) return { drop: 'ownFrame' }
  if (destination !== on.mac && destination !== broadcastMac) return { drop: 'notForUs' }
  if (senderMac === 0 || isGroupMac(senderMac)) return { drop: 'badSender' }

  const direct = destination === on.mac
  // RFC 5227 2.4: any ARP packet whose sender address is ours and whose sender is not.
  const claimed = held.findIPv4(senderAddress)
  if (claimed?.watched.has(on.index)) return { claim: { address: claimed, mac: senderMac, direct } }
  if (packet.operation !== arpOperation.request) return { drop: 'notRequest' }

  const asked = held.findIPv4(packet.targetAddress)
  if (asked === undefined) return { drop: 'notAnnounced' }
  const probe =
    senderAddress === 0 && asked.watched.has(on.index)
      ? { probe: { address: asked, mac: senderMac, kind: probeKind(packet, direct) } }
      : undefined
  if (!asked.interfaces.has(on.index)) return { ...silent(asked), ...probe }
  return { answer: buildReply(packet, on.mac), address: asked, ...probe }
}

/** The target hardware address, which is 0 in every other probe, makes the difference. */
function probeKind({ targetMac, senderMac, destination }: ArpPacket, direct: boolean): Probe['kind'] {
  if (direct) return targetMac === destination ? 'nudge' : 'us'
  return targetMac === senderMac ? 'beacon' : 'all'
}

/** Why a question for a known address is not answered. */
export const silent = (asked: HeldAddress): { readonly drop: DropReason } => ({
  drop: asked.interfaces.size === 0 ? 'notHeld' : 'otherInterface',
})
