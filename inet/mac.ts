import { InetError } from './errors.ts'

/**
 * Reads `02:00:00:00:00:0a` into six octets.
 * @throws InetError FL_INET_MAC
 */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new InetError('FL_INET_MAC', text, 'is not a MAC address such as 02:00:00:00:00:0a')
  }
  return Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16))
}

/** Six octets as lower-case hex with colons. */
export const formatMac = (octets: Uint8Array): string =>
  Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':')
