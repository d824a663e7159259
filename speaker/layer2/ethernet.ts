/**
 * Ethernet framing for the ARP and NDP codecs. A hardware address is kept as one number (48 bits fit a double
 * exactly), so that comparing and looking up costs nothing.
 */
export const etherType = { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100 } as const

export const broadcastMac = 0xffffffffffff

/** Octets of the header: destination, source, type. */
export const ethernetHeader = 14

/** The least an Ethernet frame may have without its check sequence (IEEE 802.3). */
export const ethernetMinimum = 60

export const read16 = (frame: Uint8Array, at: number): number => frame[at] * 0x100 + frame[at + 1]

export const read32 = (frame: Uint8Array, at: number): number =>
  read16(frame, at) * 0x10000 + read16(frame, at + 2)

export const readMac = (frame: Uint8Array, at: number): number =>
  read16(frame, at) * 0x100000000 + read32(frame, at + 2)

export function write16(frame: Uint8Array, at: number, value: number): void {
  frame[at] = value >>> 8
  frame[at + 1] = value
}

export function write32(frame: Uint8Array, at: number, value: number): void {
  write16(frame, at, value >>> 16)
  write16(frame, at + 2, value & 0xffff)
}

export function writeMac(frame: Uint8Array, at: number, mac: number): void {
  write16(frame, at, Math.floor(mac / 0x100000000))
  write32(frame, at + 2, mac % 0x100000000)
}

/** The I/G bit: broadcast and multicast, never a station. */
export const isGroupMac = (mac: number): boolean => (Math.floor(mac / 0x10000000000) & 1) === 1

/** `02:00:00:00:00:0a` as a number; NaN for anything else. */
export const macNumber = (text: string): number =>
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) ? Number.parseInt(text.replaceAll(':', ''), 16) : Number.NaN

export const macText = (mac: number): string =>
  (mac.toString(16).padStart(12, '0').match(/../g) as string[]).join(':')

/**
 * Where the payload starts, what it is and its VLAN. A tag left in the frame is read here; the kernel usually
 * takes it out and tells it beside the frame.
 */
export function readHeader(frame: Uint8Array): { type: number; payload: number; vlan: number } | undefined {
  if (frame.length < ethernetHeader) return undefined
  const type = read16(frame, 12)
  if (type !== etherType.vlan) return { type, payload: ethernetHeader, vlan: 0 }
  if (frame.length < ethernetHeader + 4) return undefined
  return { type: read16(frame, 16), payload: ethernetHeader + 4, vlan: read16(frame, 14) & 0x0fff }
}
