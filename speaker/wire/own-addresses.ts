import { networkInterfaces } from 'node:os'
import { sameAddress, tryParseAddress, type Address } from '#inet/address.ts'
import { prefixContains, tryParsePrefix, type Prefix } from '#inet/prefix.ts'
import { isLinkLocal } from '#bgp-ts/transport.ts'

/** An address of an interface of this node that is up. */
export interface OwnAddress {
  readonly interface: string
  readonly address: Address
  readonly prefix: Prefix
}

/** Those of the network namespace that the calling thread is in. */
export function ownAddresses(): OwnAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ address, cidr }) => {
      const parsed = tryParseAddress(address.split('%')[0])
      const prefix = cidr === null ? undefined : tryParsePrefix(cidr)
      return parsed === undefined || prefix === undefined
        ? []
        : [{ interface: name, address: parsed, prefix }]
    }),
  )
}

/** The interface that has the address, undefined when none has. */
export const interfaceOf = (address: Address, own: readonly OwnAddress[]): string | undefined =>
  own.find((one) => sameAddress(one.address, address))?.interface

/**
 * RFC 2545 3: our link-local address on the interface of a session, to go along as a second next hop. Only when the
 * peer is on that link; undefined for IPv4 and where the session itself is between link-local addresses.
 */
export function linkLocalBeside(
  local: Address,
  remote: Address,
  own: readonly OwnAddress[],
): Address | undefined {
  if (local.family === 4 || isLinkLocal(local)) return undefined
  const name = interfaceOf(local, own)
  const onLink = own.some((one) => one.interface === name && prefixContains(one.prefix, remote))
  return onLink ? own.find((one) => one.interface === name && isLinkLocal(one.address))?.address : undefined
}
