import type { PeerConfig } from '#bgp-ts/config.ts'
import { isLinkLocal } from '#bgp-ts/transport.ts'
import { formatAddress, sameAddress, type Address, type Family } from '#inet/address.ts'

/** A peer as the listener sees it. */
export interface ListenerPeer {
  readonly config: PeerConfig
  /** it may connect to us now */
  readonly wanted: boolean
}

/** A socket that has to listen. */
export interface WantedListener {
  /** equal for what one socket can be */
  readonly key: string
  readonly family: Family
  readonly device?: string
  /** absent: every address of the family */
  readonly address?: string
  /** TCP MD5 passwords by peer address */
  readonly passwords: ReadonlyMap<string, string>
}

/**
 * The sockets that the peers call for: one a family and device as long as a peer of those has no source address,
 * else one a source address. None where no peer may connect, so that the port is closed then. A socket for all links
 * excludes those for a link, and would lose the connections of that link to them: it takes them, too. A VRF is a world
 * of its own.
 */
export function wantedListeners(peers: readonly ListenerPeer[]): WantedListener[] {
  const anyLink = peers.some(
    ({ config, wanted }) => wanted && config.address.family === 6 && config.device === undefined,
  )
  const deviceOf = (config: PeerConfig) => (anyLink && isOnLink(config) ? undefined : config.device)
  const groups = Map.groupBy(peers, ({ config }) => `${config.address.family} ${deviceOf(config) ?? ''}`)
  return [...groups.values()].flatMap((group) => {
    const wanted = group.filter((peer) => peer.wanted)
    const sources = wanted.map(({ config }) => config.sourceAddress && formatAddress(config.sourceAddress))
    const [{ config: first }] = group
    const { family } = first.address
    const device = deviceOf(first)
    const addresses = sources.includes(undefined) ? [undefined] : [...new Set(sources)]
    return addresses.map((address) => ({
      key: `${family} ${device ?? ''} ${address ?? ''}`,
      family,
      ...(device !== undefined && { device }),
      ...(address !== undefined && { address }),
      passwords: passwordsOf(group.filter(({ config }) => meets(config, address))),
    }))
  })
}

/** By its link-local address, which an unnumbered peer may not have yet. */
const isOnLink = ({ address }: PeerConfig): boolean =>
  address.family === 6 && (isLinkLocal(address) || address.value === 0n)

/** A session from another address of ours has nothing to do with this socket, nor has its password. */
const meets = ({ sourceAddress }: PeerConfig, address: string | undefined): boolean =>
  address === undefined || sourceAddress === undefined || formatAddress(sourceAddress) === address

/** Of the unwanted, too: without their password they could not even be told so. */
const passwordsOf = (peers: readonly ListenerPeer[]): Map<string, string> =>
  new Map(
    peers.flatMap(({ config }) =>
      config.password === undefined ? [] : [[formatAddress(config.address), config.password] as const],
    ),
  )

/** The peer that a connection is from: one for this local address before one for any; undefined when unknown. */
export function peerOf<Peer extends ListenerPeer>(
  peers: readonly Peer[],
  connection: { readonly remote: Address; readonly local: Address; readonly device: string | undefined },
): Peer | undefined {
  const { remote, local, device } = connection
  const known = peers.filter(({ config }) => sameAddress(config.address, remote) && config.device === device)
  const exact = known.filter(({ config }) => config.sourceAddress && sameAddress(config.sourceAddress, local))
  const any = known.filter(({ config }) => config.sourceAddress === undefined)
  // Peers at one address differ in their port, which a connection that they open does not tell.
  return [exact, any].flatMap((some) => some.find(({ wanted }) => wanted) ?? some[0] ?? [])[0]
}
