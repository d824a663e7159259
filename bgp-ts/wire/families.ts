import type { Family } from '#inet/address.ts'
import type { Prefix } from '#inet/prefix.ts'
import type { AddressFamily } from '../config.ts'

/** AFI and SAFI of the families we speak (RFC 4760), and which addresses they carry. */
export const familyCodes = {
  'ipv4-unicast': { afi: 1, safi: 1, addresses: 4 },
  'ipv6-unicast': { afi: 2, safi: 1, addresses: 6 },
} as const satisfies Record<AddressFamily, { afi: number; safi: number; addresses: Family }>

export const addressFamilies = Object.keys(familyCodes) as readonly AddressFamily[]

/** The family of an AFI and SAFI, undefined when it is not one of ours. */
export const familyOf = (afi: number, safi: number): AddressFamily | undefined =>
  addressFamilies.find((family) => familyCodes[family].afi === afi && familyCodes[family].safi === safi)

export const familyOfPrefix = (prefix: Prefix): AddressFamily =>
  prefix.address.family === 4 ? 'ipv4-unicast' : 'ipv6-unicast'
