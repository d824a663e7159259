import { isGroupMac } from './ethernet.ts'
import type { HeldAddresses } from './held.ts'
import { buildAnswer, nonces, parseNeighborDiscovery, type NeighborSolicitation } from './ndp.ts'
import { silent, type Probe, type Response, type ResponderInterface } from './respond.ts'

export interface NdpInterface extends ResponderInterface {
  /** 16 octets; undefined on an interface without IPv6 */
  readonly linkLocal?: Uint8Array
}

/**
 * What to do with a received Neighbor Solicitation or Advertisement. Resolution by the solicited-node group,
 * reachability checks sent to the address itself (RFC 4861 7.3) and Duplicate Address Detection (RFC 4862 5.4) are
 * all answered; an advertisement says that its sender uses the address, and so does a solicitation sent from it.
 */
export function respondNdp(frame: Uint8Array, held: HeldAddresses, on: NdpInterface): Response {
  const message = parseNeighborDiscovery(frame)
  if ('drop' in message) return message
  const { sourceMac, destinationMac } = message
  const linkLayer = message.kind === 'solicitation' ? message.sourceLinkLayer : message.targetLinkLayer
  const mac = linkLayer ?? sourceMac
  if (on.ownMacs.has(sourceMac) || on.ownMacs.has(mac)) return { drop: 'ownFrame' }
  if (destinationMac !== on.mac && !isGroupMac(destinationMac)) return { drop: 'notForUs' }
  if (isGroupMac(sourceMac) || sourceMac === 0 || isGroupMac(mac) || mac === 0) return { drop: 'badSender' }

  const direct = destinationMac === on.mac
  const claimed = held.findIPv6(message.kind === 'solicitation' ? message.source : message.target, 0)
  if (claimed?.watched.has(on.index)) return { claim: { address: claimed, mac, direct } }
  if (message.kind === 'advertisement') return { drop: 'notAnnounced' }

  const asked = held.findIPv6(message.target, 0)
  if (asked === undefined) return { drop: 'notAnnounced' }
  const probe =
    isProbe(message) && asked.watched.has(on.index)
      ? { probe: { address: asked, mac, kind: probeKind(message, direct) } }
      : undefined
  if (!asked.interfaces.has(on.index)) return { ...silent(asked), ...probe }
  if (on.linkLocal === undefined) return { drop: 'otherInterface' }
  return { answer: buildAnswer(message, on.mac, on.linkLocal), address: asked, ...probe }
}

const known: ReadonlySet<number | undefined> = new Set(Object.values(nonces))

const isProbe = ({ nonce, duplicateCheck }: NeighborSolicitation): boolean =>
  !duplicateCheck && known.has(nonce)

function probeKind({ nonce }: NeighborSolicitation, direct: boolean): Probe['kind'] {
  if (direct) return nonce === nonces.nudge ? 'nudge' : 'us'
  return nonce === nonces.beacon ? 'beacon' : 'all'
}
