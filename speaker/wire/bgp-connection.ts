import type { Socket } from 'node:net'
import type { PeerConfig } from '#bgp-ts/config.ts'
import type { Connection } from '#bgp-ts/connection.ts'
import { connectionOver, failedConnection, isLinkLocal } from '#bgp-ts/transport.ts'
import { formatAddress } from '#inet/address.ts'
import { SystemError } from '#raw-socket/errors.ts'
import { connectTcp } from '#raw-socket/tcp.ts'

/** A connector for sessions with all that a peer may ask for: TCP MD5, TTL, source address and device. */
export function connectPeer(config: PeerConfig): Connection {
  try {
    return connectionOver(openSocket(config))
  } catch (error) {
    const code = error instanceof SystemError ? error.errnoName || error.code : 'unknown'
    return failedConnection({ code, message: error instanceof Error ? error.message : String(error) })
  }
}

function openSocket({ address, port, sourceAddress, device, password, ...config }: PeerConfig): Socket {
  const host = formatAddress(address)
  const zone = device !== undefined && isLinkLocal(address) ? `%${device}` : ''
  const socket = connectTcp({
    family: address.family,
    remote: { address: host + zone, port },
    ...(sourceAddress && { local: { address: formatAddress(sourceAddress) } }),
    ...(device !== undefined && { device }),
    ...(password !== undefined && { md5: [{ address: host, password }] }),
    // RFC 4271 leaves it open; every implementation keeps eBGP to the link unless told otherwise.
    ...(isExternal(config) && !config.multihop && { ttl: 1 }),
  })
  return socket.setNoDelay(true)
}

const isExternal = ({
  asType,
  peerAS,
  localAS,
}: Pick<PeerConfig, 'asType' | 'peerAS' | 'localAS'>): boolean =>
  peerAS === undefined ? asType === 'external' : peerAS !== localAS
