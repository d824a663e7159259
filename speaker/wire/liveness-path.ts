import { compareAddresses, formatAddress, tryParseAddress, type Address } from '#inet/address.ts'
import { prefixContains, tryParsePrefix, type Prefix } from '#inet/prefix.ts'
import { isLinkLocal } from '../bfd/port.ts'

/** A node as far as the choice of a path to it goes. Addresses and prefixes (`address/length`) are text. */
export interface PathEnd {
  readonly internalIPs: readonly string[]
  /** the usable ones */
  readonly interfaces: readonly { readonly name?: string; readonly prefixes: readonly string[] }[]
}

/** Between which addresses two speakers watch each other. */
export interface LivenessPath {
  readonly local: string
  readonly remote: string
  /** of this node, on a single hop */
  readonly interface?: string
  readonly multihop: boolean
}

/** An address of a node in the subnet of its interface. */
interface Place {
  readonly address: Address
  readonly subnet: Prefix
  readonly interface: string
}

/**
 * The path between two speakers. Both sides choose the same pair of addresses, since all that counts is what both
 * know, and every order is one of the pair: first the InternalIPs in a subnet that both have, then the lowest two
 * addresses in such a subnet, then the first InternalIPs over routers; each first with IPv4, then with IPv6.
 * @returns undefined when there is no such pair
 */
export function choosePath(self: PathEnd, other: PathEnd): LivenessPath | undefined {
  const allOurs = placesOf(self)
  const allTheirs = placesOf(other)
  const both = shared(addressesOf(self, allOurs), addressesOf(other, allTheirs))
  const own = ({ address }: Place): boolean => !includes(both, address)
  const ours = allOurs.filter(own)
  const theirs = allTheirs.filter(own)
  const ourIPs = internalIPsOf(self).filter((address) => !includes(both, address))
  const theirIPs = internalIPsOf(other).filter((address) => !includes(both, address))
  const internal = onLink(
    ours.filter(({ address }) => includes(ourIPs, address)),
    theirs.filter(({ address }) => includes(theirIPs, address)),
  )
  return internal ?? onLink(ours, theirs) ?? routed(ourIPs, theirIPs)
}

/** The lowest pair of which each address is in the subnet of the other. */
function onLink(ours: readonly Place[], theirs: readonly Place[]): LivenessPath | undefined {
  let best:
    { readonly pair: readonly [Address, Address]; readonly our: Place; readonly their: Place } | undefined
  for (const our of ours) {
    for (const their of theirs) {
      if (!prefixContains(our.subnet, their.address) || !prefixContains(their.subnet, our.address)) continue
      const pair =
        compareAddresses(our.address, their.address) < 0
          ? ([our.address, their.address] as const)
          : ([their.address, our.address] as const)
      if (best === undefined || comparePairs(pair, best.pair) < 0) best = { pair, our, their }
    }
  }
  if (best === undefined) return undefined
  const { our, their } = best
  return {
    local: formatAddress(our.address),
    remote: formatAddress(their.address),
    interface: our.interface,
    multihop: false,
  }
}

function routed(ours: readonly Address[], theirs: readonly Address[]): LivenessPath | undefined {
  for (const family of [4, 6] as const) {
    const local = ours.find((address) => address.family === family)
    const remote = theirs.find((address) => address.family === family)
    if (local === undefined || remote === undefined) continue
    return { local: formatAddress(local), remote: formatAddress(remote), multihop: true }
  }
  return undefined
}

/**
 * Addresses that both have, as bridges of container runtimes have the same one on every node: they tell nobody apart,
 * so they are no end of a path.
 */
const shared = (ours: readonly Address[], theirs: readonly Address[]): Address[] =>
  ours.filter((address) => includes(theirs, address))

const addressesOf = (end: PathEnd, places: readonly Place[]): Address[] => [
  ...internalIPsOf(end),
  ...places.map(({ address }) => address),
]

const internalIPsOf = ({ internalIPs }: PathEnd): Address[] =>
  internalIPs.flatMap((text) => tryParseAddress(text) ?? [])

/** By interface name, so that an address on two interfaces means the same one every time. */
function placesOf({ interfaces }: PathEnd): Place[] {
  const named = interfaces.map(({ name = '', prefixes }) => ({ name, prefixes }))
  return named
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, prefixes }) =>
      prefixes.flatMap((text) => {
        const subnet = tryParsePrefix(text)
        const address = tryParseAddress(text.slice(0, text.indexOf('/')))
        if (subnet === undefined || address === undefined || isLinkLocal(text)) return []
        return [{ address, subnet, interface: name }]
      }),
    )
}

/** IPv4 before IPv6, then by the lower address, then by the higher. */
const comparePairs = (a: readonly [Address, Address], b: readonly [Address, Address]): number =>
  a[0].family - b[0].family || compareAddresses(a[0], b[0]) || compareAddresses(a[1], b[1])

const includes = (addresses: readonly Address[], address: Address): boolean =>
  addresses.some((one) => one.family === address.family && compareAddresses(one, address) === 0)
