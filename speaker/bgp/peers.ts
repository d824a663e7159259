import { createHash } from 'node:crypto'
import { formatAddress, parseAddress, tryParseAddress, type Address } from '#inet/address.ts'
import type { AddressFamily } from '#bgp-ts/config.ts'
import type { BgpPeer } from '#crds/config.ts'
import { matchesAny } from '#crds/selector.ts'
import { settingsOf, type BfdSettings } from '../bfd/config.ts'
import type { WirePeer } from '../wire/protocol.ts'
import type { World } from '../world.ts'

/** FRR's and MetalLB's default when a BGPPeer names no hold time. */
const DEFAULT_HOLD_TIME = 90_000
const DEFAULT_CONNECT_RETRY = 5_000

/** A password by `namespace/name` of its Secret; `problem` when there is none that may be used. */
export type PasswordLookup = (secret: {
  namespace: string
  name: string
}) => { password: string } | { problem: string }

/** The sessions this node should hold: BGPPeers whose nodeSelectors match it, with everything resolved. */
export function planPeers(world: World, passwordOf: PasswordLookup): WirePeer[] {
  const labels = world.nodes.get(world.self)?.labels ?? {}
  return world.config.peers
    .filter((peer) => matchesAny(peer.nodeSelectors, labels))
    .map((peer) => wirePeer(peer, world, passwordOf))
}

function wirePeer(peer: BgpPeer, world: World, passwordOf: PasswordLookup): WirePeer {
  const secret = peer.passwordSecret === undefined ? undefined : passwordOf(peer.passwordSecret)
  const password = secret !== undefined && 'password' in secret ? secret.password : peer.password
  const problem = secret !== undefined && 'problem' in secret ? secret.problem : unsupported(peer)
  return {
    name: peer.name,
    localAS: peer.localASN ?? peer.myASN,
    ...(peer.peerASN === undefined ? {} : { peerAS: peer.peerASN }),
    ...(peer.dynamicASN === undefined ? {} : { asType: peer.dynamicASN }),
    // An unnumbered peer has no address; it is blocked below and never connected to.
    address: peer.peerAddress ?? parseAddress('0.0.0.0'),
    port: peer.peerPort,
    ...(peer.sourceAddress === undefined ? {} : { sourceAddress: peer.sourceAddress }),
    routerId: peer.routerID ?? routerIdOf(world),
    holdTime: peer.holdTime ?? DEFAULT_HOLD_TIME,
    ...(peer.keepaliveTime === undefined ? {} : { keepaliveTime: peer.keepaliveTime }),
    connectRetryTime: peer.connectTime ?? DEFAULT_CONNECT_RETRY,
    ...(password === undefined ? {} : { password }),
    multihop: peer.ebgpMultiHop,
    families: familiesOf(peer),
    nextHops: nextHopsOf(peer, world),
    ...(problem === '' ? {} : { blocked: problem }),
    ...bfdOf(peer, world),
  }
}

/** What a BGPPeer may ask for that no session here can do yet: said aloud instead of ignored. */
function unsupported(peer: BgpPeer): string {
  if (peer.interface !== undefined)
    return `unnumbered peers (interface ${peer.interface}) are not supported yet`
  if (peer.vrf !== '') return `VRF ${peer.vrf}: sessions in a VRF are not supported yet`
  return ''
}

/** A profile that does not exist is a warning of the configuration (it names it); the session runs without BFD. */
function bfdOf(peer: BgpPeer, world: World): { bfd?: BfdSettings } {
  const profile = world.config.bfdProfiles.find(({ name }) => name === peer.bfdProfile)
  return profile === undefined ? {} : { bfd: settingsOf(profile) }
}

/** The session's own family, and the other one too when the BGPPeer asks for both over one session. */
function familiesOf(peer: BgpPeer): AddressFamily[] {
  if (peer.dualStackAddressFamily) return ['ipv4-unicast', 'ipv6-unicast']
  return peer.peerAddress?.family === 6 ? ['ipv6-unicast'] : ['ipv4-unicast']
}

/** For the family that is not the session's: the node's own address of it. */
function nextHopsOf(peer: BgpPeer, world: World): { 4?: Address; 6?: Address } {
  if (!peer.dualStackAddressFamily) return {}
  const addresses = (world.nodes.get(world.self)?.internalIPs ?? []).flatMap(
    (text) => tryParseAddress(text) ?? [],
  )
  const first = (family: 4 | 6) => addresses.find((address) => address.family === family)
  const other = peer.peerAddress?.family === 6 ? 4 : 6
  const nextHop = first(other)
  return nextHop === undefined ? {} : { [other]: nextHop }
}

/**
 * The node's first IPv4 address; on IPv6-only nodes a hash of the node name, which is unique enough within an AS
 * and never zero (RFC 6286 2.1).
 */
export function routerIdOf(world: World): string {
  const v4 = (world.nodes.get(world.self)?.internalIPs ?? []).find(
    (text) => tryParseAddress(text)?.family === 4,
  )
  if (v4 !== undefined) return v4
  const hash = createHash('sha256').update(world.self).digest().readUInt32BE(0)
  return formatAddress({ family: 4, value: BigInt(hash === 0 ? 1 : hash) })
}
