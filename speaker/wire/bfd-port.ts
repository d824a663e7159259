import { networkInterfaces } from 'node:os'
import type { Address } from '#inet/address.ts'
import { prefixContains, tryParsePrefix } from '#inet/prefix.ts'
import { dropAllFilter, udpSourceFilter, udpTtlFilter } from '#raw-socket/filters.ts'
import { openFilteredUdpSocket, openUdpSocket, type FilteredUdpSocket } from '#raw-socket/udp.ts'
import {
  controlPorts,
  isLinkLocal,
  type BfdChannel,
  type BfdDatagram,
  type BfdPath,
  type BfdPort,
} from '../bfd/port.ts'
import { BfdSender } from './bfd-sender.ts'

/** What is heard on one local address and port, for all sessions there. */
interface Listener {
  readonly udp: FilteredUdpSocket
  readonly paths: Set<BfdPath>
}

/** RFC 5881 5, RFC 5883 5. */
const sentTtl = 255
/** Turns of the event loop after which what has arrived counts as read, though more may come all the time. */
const mostTurns = 64

/** BFD over the UDP sockets of this node. */
export class UdpBfdPort implements BfdPort {
  readonly #onDatagram: (datagram: BfdDatagram) => void
  readonly #onError: (error: Error) => void
  readonly #listeners = new Map<string, Listener>()
  #arrived = 0

  constructor(onDatagram: (datagram: BfdDatagram) => void, onError: (error: Error) => void) {
    this.#onDatagram = onDatagram
    this.#onError = onError
  }

  /**
   * The sender is bound to the interface of the path, the listener is not: several sessions of one address share it,
   * and some name an interface and some do not.
   */
  open(
    path: BfdPath,
    sourcePort: number,
    onSendError: (error: Error) => void,
    onRefused: () => void,
  ): BfdChannel {
    const { local, remote, interface: device } = path
    const socket = openUdpSocket({
      local: { address: zoned(local, path), port: sourcePort },
      ...(device !== undefined && { device }),
      ttl: sentTtl,
      filter: dropAllFilter,
      // Behind bulk on a saturated link packets wait and are lost, which looks like a failure.
      networkControl: true,
    })
    const sender = new BfdSender(socket, {
      port: path.multihop ? controlPorts.multihop : controlPorts.singleHop,
      to: zoned(remote, path),
      onError: onSendError,
      onRefused,
    })
    let listener: Listener
    try {
      listener = this.#listen(path)
    } catch (error) {
      sender.close()
      throw error
    }
    let open = true
    return {
      send: (payload) => sender.send(payload),
      kernelDrops: () => (open ? listener.udp.drops() : 0),
      close: () => {
        if (!open) return
        open = false
        sender.close()
        this.#leave(path, listener)
      },
    }
  }

  afterArrivals(run: () => void, turn = 1): void {
    const before = this.#arrived
    // Immediates come after the sockets were read; each turn reads a bounded number of datagrams.
    setImmediate(() => {
      if (this.#arrived === before || turn === mostTurns) run()
      else this.afterArrivals(run, turn + 1)
    })
  }

  #listen(path: BfdPath): Listener {
    const key = listenerKey(path)
    const found = this.#listeners.get(key)
    if (found !== undefined) {
      found.paths.add(path)
      try {
        found.udp.setFilter(filterFor(found.paths))
      } catch (error) {
        found.paths.delete(path)
        throw error
      }
      return found
    }
    const { local, multihop } = path
    const paths = new Set([path])
    const port = multihop ? controlPorts.multihop : controlPorts.singleHop
    const udp = openFilteredUdpSocket({
      local: { address: zoned(local, path), port },
      filter: filterFor(paths),
    })
    udp.socket.on('error', this.#onError)
    udp.socket.on('message', (payload, { address }) => {
      this.#arrived++
      const [remote, device] = address.split('%', 2)
      this.#onDatagram({
        payload,
        local,
        remote,
        ...(device !== undefined && { interface: device }),
        multihop,
      })
    })
    const listener = { udp, paths }
    this.#listeners.set(key, listener)
    return listener
  }

  #leave(path: BfdPath, { udp, paths }: Listener): void {
    paths.delete(path)
    if (paths.size > 0) return udp.setFilter(filterFor(paths))
    this.#listeners.delete(listenerKey(path))
    udp.socket.close()
  }
}

const zoned = (address: string, { interface: device }: BfdPath): string =>
  isLinkLocal(address) && device !== undefined ? `${address}%${device}` : address

const listenerKey = (path: BfdPath): string => `${path.multihop} ${zoned(path.local, path)}`

/** A single hop is anybody on the link; over several, only whom we have a session with. */
function filterFor(paths: ReadonlySet<BfdPath>): Uint8Array {
  const [{ multihop, minimumTtl }] = paths
  if (!multihop) return udpTtlFilter(minimumTtl)
  return udpSourceFilter([...paths].map(({ remote, minimumTtl }) => ({ address: remote, minimumTtl })))
}

/** The address is in a subnet of one of this node's interfaces. */
export function isOnLink(address: Address): boolean {
  return Object.values(networkInterfaces()).some((addresses = []) =>
    addresses.some(({ cidr }) => {
      const prefix = cidr === null ? undefined : tryParsePrefix(cidr)
      return prefix !== undefined && prefixContains(prefix, address)
    }),
  )
}
