import type { Address } from '#inet/address.ts'
import { parseRange, rangeContains } from '#inet/range.ts'
import type { Fields } from './fields.ts'

/** Where no router is. Tried all the same, each looks like something else: Linux connects to itself for the first two. */
const nobody = [
  { range: parseRange('0.0.0.0/8'), what: 'of "this network" (RFC 1122 3.2.1.3)' },
  { range: parseRange('::/128'), what: 'the unspecified address' },
  { range: parseRange('224.0.0.0/4'), what: 'multicast' },
  { range: parseRange('ff00::/8'), what: 'multicast' },
  { range: parseRange('255.255.255.255/32'), what: 'broadcast' },
]

const linkLocal = parseRange('fe80::/10')

/** Of a peerAddress that is an address: whether a router can have it, and whether it says enough. */
export function notePeerAddress(spec: Fields, address: Address): void {
  const text = JSON.stringify(spec.string('peerAddress'))
  const found = nobody.find(({ range }) => rangeContains(range, address))
  if (found !== undefined)
    spec.error('FL_PEER_ADDRESS', 'peerAddress', `invalid BGPPeer address ${text}: it is ${found.what}`)
  // A session of a VRF is bound to a device, which says the link.
  if (rangeContains(linkLocal, address) && !spec.string('vrf'))
    spec.warn(
      'FL_PEER_ADDRESS',
      'peerAddress',
      `BGPPeer address ${text} is link-local, and nothing says on which link: name the node's interface in spec.interface instead`,
    )
}
