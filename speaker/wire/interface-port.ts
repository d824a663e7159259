import { arpFilter, neighborDiscoveryFilter } from '#raw-socket/filters.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { etherType } from '../layer2/ethernet.ts'
import { GroupSocket } from './group-socket.ts'

export interface InterfacePortOptions {
  readonly index: number
  readonly name: string
  /** what to send back for a frame; the frame is valid during the call only */
  readonly onFrame: (frame: Uint8Array) => Uint8Array | undefined
  readonly onError: (error: Error) => void
  /** a solicited-node group could not be joined; with undefined: it could not and now is */
  readonly onGroup: (group: string, refused: Error | undefined) => void
}

/** All that is open on one interface: packet sockets for ARP and NDP, and the groups that NDP needs. */
export class InterfacePort {
  readonly #arp: PacketSocket
  readonly #ndp: PacketSocket
  readonly #groups: GroupSocket

  private constructor(arp: PacketSocket, ndp: PacketSocket, groups: GroupSocket) {
    this.#arp = arp
    this.#ndp = ndp
    this.#groups = groups
  }

  /** @throws SystemError EPERM without CAP_NET_RAW, ENODEV when the interface is gone */
  static open(options: InterfacePortOptions): InterfacePort {
    const arp = openSocket(options, etherType.arp, arpFilter)
    try {
      // Nothing may fail after the last socket is open: it would stay so. Groups open theirs when they are joined.
      const groups = new GroupSocket(options.name, options.onGroup)
      return new InterfacePort(arp, openSocket(options, etherType.ipv6, neighborDiscoveryFilter), groups)
    } catch (error) {
      arp.close()
      throw error
    }
  }

  /** Sends a whole Ethernet frame of either kind. */
  send(frame: Uint8Array): void {
    this.#arp.send(frame)
  }

  join(group: string): void {
    this.#groups.join(group)
  }

  leave(group: string): void {
    this.#groups.leave(group)
  }

  /** Tries the groups again that could not be joined; true when one still cannot. */
  retry(): boolean {
    return this.#groups.retry()
  }

  close(): void {
    this.#arp.close()
    this.#ndp.close()
    this.#groups.close()
  }
}

function openSocket(options: InterfacePortOptions, type: number, filter: Uint8Array): PacketSocket {
  const { index, onFrame, onError } = options
  const socket = openPacketSocket({ interfaceIndex: index, etherType: type, filter, onError }, (frame) => {
    const answer = onFrame(frame)
    if (answer !== undefined) socket.send(answer)
  })
  return socket
}
