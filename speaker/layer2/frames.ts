import type { AnnouncementKind } from './announce.ts'
import * as arp from './arp.ts'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { read32 } from './ethernet.ts'
import type { HeldAddress } from './held.ts'
import * as ndp from './ndp.ts'

/** The interface a frame goes out on. */
export interface SendingInterface {
  readonly mac: number
  /** undefined on an interface without IPv6 */
  readonly linkLocal?: Uint8Array
}

/** Says that the address is here; undefined when the interface does not speak its family. */
export function announcement(
  kind: AnnouncementKind,
  { octets }: HeldAddress,
  { mac, linkLocal }: SendingInterface,
): Uint8Array | undefined {
  switch (kind) {
    case 'request':
      return arp.buildGratuitousRequest(read32(octets, 0), mac)
    case 'reply':
      return arp.buildGratuitousReply(read32(octets, 0), mac)
    case 'advertisement':
      return linkLocal && ndp.buildUnsolicited(octets, mac, linkLocal)
  }
}

/** Asks everybody who has the address without claiming it; or lets everybody hear of this node (`beacon`). */
export function toAll(
  kind: 'probe' | 'beacon',
  { family, octets }: HeldAddress,
  { mac, linkLocal }: SendingInterface,
): Uint8Array | undefined {
  if (family === 4) {
    const build = kind === 'probe' ? arp.buildProbe : arp.buildBeacon
    return build(read32(octets, 0), mac)
  }
  const build = kind === 'probe' ? ndp.buildProbe : ndp.buildBeacon
  return linkLocal && build(octets, mac, linkLocal)
}

/** Asks one station; or tells it that the address is for it (`nudge`). */
export function toOne(
  kind: 'probe' | 'nudge',
  { family, octets }: HeldAddress,
  { mac, linkLocal }: SendingInterface,
  to: number,
): Uint8Array | undefined {
  if (family === 4) {
    const build = kind === 'probe' ? arp.buildUnicastProbe : arp.buildNudge
    return build(read32(octets, 0), mac, to)
  }
  const build = kind === 'probe' ? ndp.buildUnicastProbe : ndp.buildNudge
  return linkLocal && build(octets, mac, linkLocal, to)
}

/** Asks the kernel of a station for an address of its own. @param from an address of this node on the link */
export function toHost(
  address: string,
  from: string,
  { mac, linkLocal }: SendingInterface,
  to: number,
): Uint8Array | undefined {
  const { family, value } = parseAddress(address)
  if (family === 4)
    return arp.buildRequest(Number(value), { address: Number(parseAddress(from).value), mac }, to)
  return linkLocal && ndp.buildHostQuestion(addressToBytes({ family, value }), mac, linkLocal, to)
}
