import { tryParseAddress, type Address } from '#inet/address.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import { cause, type Cause } from '../status.ts'

/** IsValidIPForLegacyField: an address as older fields take it. */
export function validateIP(field: string, text: string): Cause[] {
  if (isMapped(text)) return [cause.invalid(field, text, 'must not be an IPv4-mapped IPv6 address')]
  if (tryParseAddress(text) !== undefined) return []
  const why = hasLeadingZeros(text)
    ? 'must not have leading 0s'
    : 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
  return [cause.invalid(field, text, why)]
}

/** IsValidCIDRForLegacyField. */
export function validateCIDR(field: string, text: string): Cause[] {
  if (tryParsePrefix(text) !== undefined) return []
  const [address, length = ''] = text.split('/')
  const why =
    hasLeadingZeros(address) && /^\d+$/.test(length)
      ? 'must not have leading 0s in IP or prefix length'
      : 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
  return [cause.invalid(field, text, why)]
}

/** ValidateNonSpecialIP: what no Service and no endpoint may have. */
export function validateNonSpecialIP(field: string, text: string): Cause[] {
  const address = tryParseAddress(text)
  const found = address && SPECIAL.find(([within]) => within(address))
  return found === undefined ? [] : [cause.invalid(field, text, found[1])]
}

const top = ({ family, value }: Address, bits: bigint): bigint =>
  value >> (BigInt(family === 4 ? 32 : 128) - bits)

const SPECIAL: readonly (readonly [(address: Address) => boolean, string])[] = [
  [({ value }) => value === 0n, 'may not be unspecified (0.0.0.0)'],
  [
    (address) => (address.family === 4 ? top(address, 8n) === 127n : address.value === 1n),
    'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  [
    (address) => (address.family === 4 ? top(address, 16n) === 0xa9fen : top(address, 10n) === 0x3fan),
    'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  [
    (address) => (address.family === 4 ? top(address, 24n) === 0xe00000n : top(address, 16n) === 0xff02n),
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
]

const isMapped = (text: string): boolean => /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(text)

/** An IPv4 address but for zeros in front of its numbers. */
function hasLeadingZeros(text: string): boolean {
  const parts = text.split('.')
  const whole = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
  return whole && parts.some((part) => /^0\d/.test(part))
}
