import { addressBits, addressToBytes, type Family } from '#inet/address.ts'
import { prefixOf, type Prefix } from '#inet/prefix.ts'
import type { BgpError } from '../errors.ts'
import { maxMessageLength } from './header.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

const octetsFor = (length: number): number => Math.ceil(length / 8)

/** Octets of one prefix on the wire: its length in bits, then as few octets as hold them (RFC 4271 4.3). */
export const nlriOctets = (prefix: Prefix): number => 1 + octetsFor(prefix.length)

/** @throws BgpUsageError FL_BGP_MESSAGE_TOO_LONG */
export function encodePrefixes(prefixes: readonly Prefix[]): Uint8Array {
  const writer = new Writer(maxMessageLength)
  for (const prefix of prefixes) {
    writer.u8(prefix.length).put(addressToBytes(prefix.address).subarray(0, octetsFor(prefix.length)))
  }
  return writer.bytes()
}

/**
 * A list of prefixes that fills the bytes. Trailing bits are ignored (RFC 4271 4.3).
 * @throws what `invalid` returns, for a prefix that is too long for the family or runs past the end
 */
export function readPrefixes(bytes: Uint8Array, family: Family, invalid: () => BgpError): Prefix[] {
  const reader = new Reader(bytes, invalid)
  const bits = addressBits(family)
  const prefixes: Prefix[] = []
  while (reader.remaining > 0) {
    const length = reader.u8()
    if (length > bits) throw invalid()
    let value = 0n
    for (const octet of reader.take(octetsFor(length))) value = (value << 8n) | BigInt(octet)
    value <<= BigInt(bits - octetsFor(length) * 8)
    prefixes.push(prefixOf({ family, value }, length))
  }
  return prefixes
}

/** How many prefixes `readPrefixes` would read from these octets; -1 where it would throw. */
export function countPrefixes(bytes: Uint8Array, from: number, to: number, family: Family): number {
  const bits = addressBits(family)
  let count = 0
  let at = from
  while (at < to) {
    const length = bytes[at]
    if (length > bits) return -1
    at += 1 + ((length + 7) >> 3)
    count++
  }
  return at === to ? count : -1
}
