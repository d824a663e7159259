import type { Socket } from 'node:net'
import type { PeerConfig } from '#bgp-ts/config.ts'
import type { Connection, ConnectionError } from '#bgp-ts/connection.ts'
import { sendHoldTime } from '#bgp-ts/transitions.ts'
import { connectionOver, failedConnection, isLinkLocal } from '#bgp-ts/transport.ts'
import { formatAddress, type Address } from '#inet/address.ts'
import { SystemError } from '#raw-socket/errors.ts'
import { connectTcp, tuneConnection, type TcpOptions } from '#raw-socket/tcp.ts'
import type { WireErrorCode } from './errors.ts'
import { interfaceOf, linkLocalBeside, ownAddresses, type OwnAddress } from './own-addresses.ts'
import { PortionedConnection } from './portions.ts'

/** A connector for sessions with all that a peer may ask for: TCP MD5, TTL, source address and device. */
export function connectPeer(config: PeerConfig): Connection {
  const refusal = refusalOf(config, ownAddresses())
  if (refusal !== undefined) return failedConnection(refusal)
  try {
    return peerConnection(openSocket(config))
  } catch (error) {
    return failedConnection(inWords(error, config))
  }
}

/**
 * A Connection over a socket that the peer has opened, with the options of its configuration.
 * @throws SystemError when the connection has ended already
 */
export function acceptPeer(socket: Socket, config: PeerConfig): Connection {
  tuneConnection(socket, { ...liveOptions(config), networkControl: true })
  return peerConnection(socket)
}

function peerConnection(socket: Socket): Connection {
  const linkLocal = (local: Address, remote: Address) => linkLocalBeside(local, remote, ownAddresses())
  return new PortionedConnection(connectionOver(socket.setNoDelay(true), linkLocal), socket)
}

/** Why there is no use in trying, in better words than the system's. */
export function refusalOf(
  { address, sourceAddress, device }: PeerConfig,
  own: readonly OwnAddress[],
): ConnectionError | undefined {
  if (device === undefined && interfaceOf(address, own) !== undefined) {
    return problem('FL_WIRE_OWN_ADDRESS', "the peer address is this node's own")
  }
  if (sourceAddress !== undefined && interfaceOf(sourceAddress, own) === undefined) {
    const text = `the source address ${formatAddress(sourceAddress)} is on no interface of this node that is up`
    return problem('FL_WIRE_SOURCE_ADDRESS', text)
  }
  return undefined
}

const problem = (code: WireErrorCode, message: string): ConnectionError => ({ code, message })

function inWords(error: unknown, { device }: PeerConfig): ConnectionError {
  if (error instanceof SystemError && error.errnoName === 'ENODEV') {
    return problem('FL_WIRE_DEVICE', `there is no interface or VRF ${device} on this node`)
  }
  const code = error instanceof SystemError ? error.errnoName || error.code : 'unknown'
  return { code, message: error instanceof Error ? error.message : String(error) }
}

function openSocket(config: PeerConfig): Socket {
  const { address, port, sourceAddress, device, password } = config
  const host = formatAddress(address)
  const zone = device !== undefined && isLinkLocal(address) ? `%${device}` : ''
  return connectTcp({
    ...liveOptions(config),
    networkControl: true,
    remote: { address: host + zone, port },
    ...(sourceAddress && { local: { address: formatAddress(sourceAddress) } }),
    ...(device !== undefined && { device }),
    ...(password !== undefined && { md5: [{ address: host, password }] }),
  })
}

/** Of a connection in either direction. */
export function liveOptions(
  config: PeerConfig,
): Pick<TcpOptions, 'family' | 'ttl' | 'minTtl' | 'userTimeout'> {
  const { address, holdTime, ttlSecurity, multihop } = config
  return {
    family: address.family,
    // A peer that takes nothing and says that it lives is for the session to close with 8/0 (RFC 9687); to the kernel
    // a window of zero is as good as no acknowledgement.
    ...(holdTime > 0 && { userTimeout: sendHoldTime(holdTime) + 5000 }),
    ...(ttlSecurity !== undefined
      ? // RFC 5082 3
        { ttl: 255, minTtl: 256 - ttlSecurity }
      : // RFC 4271 leaves it open; every implementation keeps eBGP to the link unless told otherwise.
        isExternal(config) && !multihop && { ttl: 1 }),
  }
}

const isExternal = ({ asType, peerAS, localAS }: PeerConfig): boolean =>
  peerAS === undefined ? asType === 'external' : peerAS !== localAS
