import { isGroupMac, macText } from './ethernet.ts'
import type { HeldAddresses } from './held.ts'
import { buildAnswer, parseSolicitation } from './ndp.ts'
import type { Response, ResponderInterface } from './respond.ts'

export interface NdpInterface extends ResponderInterface {
  /** 16 octets; undefined on an interface without IPv6 */
  readonly linkLocal?: Uint8Array
}

/**
 * What to do with a received Neighbor Solicitation: resolution by the solicited-node group, reachability checks
 * sent to the address itself (RFC 4861 7.3) and Duplicate Address Detection (RFC 4862 5.4) are all answered.
 */
export function respondNdp(frame: Uint8Array, held: HeldAddresses, on: NdpInterface): Response {
  const solicitation = parseSolicitation(frame)
  if ('drop' in solicitation) return solicitation
  const { sourceMac, destinationMac } = solicitation
  if (on.ownMacs.has(sourceMac)) return { drop: 'ownFrame' }
  if (destinationMac !== on.mac && !isGroupMac(destinationMac)) return { drop: 'notForUs' }
  if (isGroupMac(sourceMac) || sourceMac === 0) return { drop: 'badSender' }
  if (isGroupMac(solicitation.sourceLinkLayer ?? sourceMac)) return { drop: 'badSender' }

  const claimed = held.findIPv6(solicitation.source, 0)
  if (claimed?.interfaces.has(on.index)) {
    return { conflict: { address: claimed.address, mac: macText(sourceMac) } }
  }
  const asked = held.findIPv6(solicitation.target, 0)
  if (asked === undefined) return { drop: 'notAnnounced' }
  if (asked.interfaces.size === 0) return { drop: 'notHeld' }
  if (!asked.interfaces.has(on.index) || on.linkLocal === undefined) return { drop: 'otherInterface' }
  return { answer: buildAnswer(solicitation, on.mac, on.linkLocal), address: asked.address }
}
