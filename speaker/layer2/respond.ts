import { arpOperation, buildReply, parseArp } from './arp.ts'
import type { DropReason } from './errors.ts'
import { broadcastMac, isGroupMac, macText } from './ethernet.ts'
import type { HeldAddresses } from './held.ts'

/** The interface a frame was heard on. */
export interface ResponderInterface {
  readonly index: number
  readonly mac: number
  /** of all interfaces of this node: what they send is never a conflict */
  readonly ownMacs: ReadonlySet<number>
}

export type Response =
  | { readonly answer: Uint8Array; readonly address: string }
  | { readonly drop: DropReason }
  | { readonly conflict: { readonly address: string; readonly mac: string } }

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

  // RFC 5227 2.4: any ARP packet whose sender address is ours and whose sender is not.
  const claimed = held.findIPv4(senderAddress)
  if (claimed?.interfaces.has(on.index)) {
    return { conflict: { address: claimed.address, mac: macText(senderMac) } }
  }
  if (packet.operation !== arpOperation.request) return { drop: 'notRequest' }

  const asked = held.findIPv4(packet.targetAddress)
  if (asked === undefined) return { drop: 'notAnnounced' }
  if (asked.interfaces.size === 0) return { drop: 'notHeld' }
  if (!asked.interfaces.has(on.index)) return { drop: 'otherInterface' }
  return { answer: buildReply(packet, on.mac), address: asked.address }
}
