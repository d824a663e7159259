import { createHash } from 'node:crypto'
import { formatAddress, parseAddress, sameAddress, tryParseAddress, type Address } from '#inet/address.ts'
import type { AddressFamily, GracefulRestart, PeerConfig } from '#bgp-ts/config.ts'
import type { BgpPeer } from '#crds/config.ts'
import { matchesAny } from '#crds/selector.ts'
import { settingsOf, type BfdSettings } from '../bfd/config.ts'
import type { WirePeer } from '../wire/protocol.ts'
import type { World } from '../world.ts'
import type { ForwardingPreserved } from './restart.ts'

/** FRR's and MetalLB's default when a BGPPeer names no hold time. */
const DEFAULT_HOLD_TIME = 90_000
const DEFAULT_CONNECT_RETRY = 5_000
/** FRR's default `bgp graceful-restart restart-time`. */
export const RESTART_TIME = 120_000

/** A password by `namespace/name` of its Secret; `problem` when there is none that may be used. */
export type PasswordLookup = (secret: {
  namespace: string
  name: string
}) => { password: string } | { problem: string }

/**
 * The sessions this node should hold: BGPPeers whose nodeSelectors match it, with everything resolved. What must not
 * connect is among them, with the reason (`blocked`).
 * @param preserved whether packets went on flowing while this speaker was away (the F bit of RFC 4724)
 */
export function planPeers(
  world: World,
  passwordOf: PasswordLookup,
  preserved: ForwardingPreserved = false,
): WirePeer[] {
  const labels = world.nodes.get(world.self)?.labels ?? {}
  const sessions = new Map<string, string>()
  return world.config.peers
    .filter((peer) => matchesAny(peer.nodeSelectors, labels))
    .map((peer) => {
      const planned = wirePeer(peer, world, passwordOf)
      const rival = sessions.get(sessionOf(peer)) ?? peer.name
      sessions.set(sessionOf(peer), rival)
      const twice = rival === peer.name ? undefined : `BGPPeer ${rival} is the same session on this node`
      const blocked = planned.blocked ?? twice ?? impossible(peer, world)
      return withRestart(blocked === undefined ? planned : { ...planned, blocked }, peer, preserved)
    })
}

function wirePeer(peer: BgpPeer, world: World, passwordOf: PasswordLookup): WirePeer {
  const secret = peer.passwordSecret === undefined ? undefined : passwordOf(peer.passwordSecret)
  const password = secret !== undefined && 'password' in secret ? secret.password : peer.password
  const { name, peerASN, dynamicASN, sourceAddress, keepaliveTime, ttlSecurity, role, strictRole } = peer
  const device = peer.interface ?? (peer.vrf || undefined)
  return {
    name,
    localAS: peer.localASN ?? peer.myASN,
    ...(peerASN === undefined ? {} : { peerAS: peerASN }),
    ...(dynamicASN === undefined ? {} : { asType: dynamicASN }),
    // An unnumbered peer is whoever the wire thread hears on its interface.
    address: peer.peerAddress ?? parseAddress('::'),
    ...(peer.interface === undefined ? {} : { unnumbered: true }),
    port: peer.peerPort,
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    ...(device === undefined ? {} : { device }),
    routerId: peer.routerID ?? routerIdOf(world),
    hostname: world.self,
    holdTime: peer.holdTime ?? DEFAULT_HOLD_TIME,
    ...(keepaliveTime === undefined ? {} : { keepaliveTime }),
    connectRetryTime: peer.connectTime ?? DEFAULT_CONNECT_RETRY,
    ...(password === undefined ? {} : { password }),
    multihop: peer.ebgpMultiHop,
    ...(ttlSecurity === undefined ? {} : { ttlSecurity }),
    ...(peer.listen ? { listen: true } : {}),
    ...(role === undefined ? {} : { role }),
    ...(strictRole ? { strictRole: true } : {}),
    families: familiesOf(peer),
    ...nextHopsOf(peer, world),
    ...(secret !== undefined && 'problem' in secret ? { blocked: secret.problem } : {}),
    ...bfdOf(peer, world),
  }
}

/** Two of these on one node would be taken for one session that collides with itself (RFC 4271 6.8). */
const sessionOf = ({ peerAddress, sourceAddress, peerPort, vrf, ...peer }: BgpPeer): string =>
  JSON.stringify([
    peerAddress === undefined ? peer.interface : formatAddress(peerAddress),
    sourceAddress === undefined ? '' : formatAddress(sourceAddress),
    peerPort,
    vrf,
  ])

function impossible(
  { interface: device, peerAddress, sourceAddress }: BgpPeer,
  world: World,
): string | undefined {
  if (device !== undefined && sourceAddress !== undefined)
    return 'sourceAddress does not go with interface: the session is between link-local addresses'
  const own = addressesOf(world).some((one) => peerAddress !== undefined && sameAddress(one, peerAddress))
  return own ? "the peer address is this node's own" : undefined
}

/** An OPEN that says the wrong thing makes the peer drop what it kept for us, so none is sent before it is known. */
function withRestart(planned: WirePeer, peer: BgpPeer, preserved: ForwardingPreserved): WirePeer {
  if (!peer.enableGracefulRestart) return planned
  if (preserved === 'unknown') {
    const waiting = 'waiting to learn whether forwarding survived the restart of this speaker'
    return { ...planned, blocked: planned.blocked ?? waiting }
  }
  const gracefulRestart: GracefulRestart = { restartTime: RESTART_TIME, forwardingPreserved: preserved }
  return { ...planned, gracefulRestart }
}

/** A profile that does not exist is a warning of the configuration (it names it); the session runs without BFD. */
function bfdOf(peer: BgpPeer, world: World): { bfd?: BfdSettings } {
  const profile = world.config.bfdProfiles.find(({ name }) => name === peer.bfdProfile)
  return profile === undefined ? {} : { bfd: settingsOf(profile) }
}

/** The session's own family, and the other one too when the BGPPeer asks for both over one session. */
export function familiesOf(peer: BgpPeer): AddressFamily[] {
  if (peer.dualStackAddressFamily || peer.interface !== undefined) return ['ipv4-unicast', 'ipv6-unicast']
  return peer.peerAddress?.family === 6 ? ['ipv6-unicast'] : ['ipv4-unicast']
}

/**
 * For the family that is not the session's: the node's own address of it. IPv4 over a session that has none goes by
 * way of IPv6 (RFC 8950): always on unnumbered links, where no router knows the node's IPv4 address.
 */
function nextHopsOf(peer: BgpPeer, world: World): Pick<PeerConfig, 'nextHops' | 'extendedNextHop'> {
  if (peer.interface !== undefined) return { extendedNextHop: true }
  if (!peer.dualStackAddressFamily) return {}
  const other = peer.peerAddress?.family === 6 ? 4 : 6
  const nextHop = addressesOf(world).find((address) => address.family === other)
  if (nextHop !== undefined) return { nextHops: { [other]: nextHop } }
  return other === 4 ? { extendedNextHop: true } : {}
}

const addressesOf = (world: World): Address[] =>
  (world.nodes.get(world.self)?.internalIPs ?? []).flatMap((text) => tryParseAddress(text) ?? [])

/**
 * The node's first IPv4 address; on IPv6-only nodes a hash of the node name, which is unique enough within an AS
 * and never zero (RFC 6286 2.1).
 */
export function routerIdOf(world: World): string {
  const v4 = addressesOf(world).find(({ family }) => family === 4)
  if (v4 !== undefined) return formatAddress(v4)
  const hash = createHash('sha256').update(world.self).digest().readUInt32BE(0)
  return formatAddress({ family: 4, value: BigInt(hash === 0 ? 1 : hash) })
}
