import { addressToBytes, type Family } from '#inet/address.ts'
import { arpFilter, neighborDiscoveryFilter } from '#raw-socket/filters.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { etherType, macNumber } from '../layer2/ethernet.ts'
import { linkLocalOf, type Link } from '../layer2/interfaces.ts'
import { GroupSocket } from './group-socket.ts'
import { buildMembershipReports } from './membership-report.ts'
import type { LostFrames } from './protocol.ts'

export interface InterfacePortOptions {
  readonly link: Link
  /** what to send back for a frame; the frame is valid during the call only */
  readonly onFrame: (frame: Uint8Array) => Uint8Array | undefined
  /** it was sent: microseconds since the kernel received the frame (`frameAge` of packet sockets) */
  readonly onAnswered: (family: Family, microseconds: number) => void
  readonly onError: (error: Error) => void
  /** a solicited-node group could not be joined; with undefined: it could not and now is */
  readonly onGroup: (group: string, refused: Error | undefined) => void
}

/** All that is open on one interface: packet sockets for ARP and NDP, and the groups that NDP needs. */
export class InterfacePort {
  readonly #arp: PacketSocket
  readonly #ndp: PacketSocket
  readonly #groups: GroupSocket
  readonly #unreported = new Set<string>()
  #link: Link
  #lost: Omit<LostFrames, 'interface'> = { received: 0, sent: 0 }

  private constructor(link: Link, arp: PacketSocket, ndp: PacketSocket, groups: GroupSocket) {
    this.#link = link
    this.#arp = arp
    this.#ndp = ndp
    this.#groups = groups
  }

  /** @throws SystemError EPERM without CAP_NET_RAW, ENODEV when the interface is gone */
  static open(options: InterfacePortOptions): InterfacePort {
    const { link, onGroup } = options
    const arp = openSocket(options, 4)
    try {
      // Nothing may fail after the last socket is open: it would stay so. Groups open theirs when they are joined.
      const groups = new GroupSocket(link.name, onGroup)
      return new InterfacePort(link, arp, openSocket(options, 6), groups)
    } catch (error) {
      arp.close()
      throw error
    }
  }

  /** The link as it is now: its addresses may be others. */
  renew(link: Link): void {
    this.#link = link
  }

  /** Sends a whole Ethernet frame of either kind. */
  send(frame: Uint8Array): void {
    this.#arp.send(frame)
  }

  join(group: string): void {
    if (this.#groups.join(group)) this.#unreported.add(group)
  }

  leave(group: string): void {
    this.#unreported.delete(group)
    this.#groups.leave(group)
  }

  /**
   * Tells switches that keep multicast away from whoever has not asked for it which groups were joined. The kernel does
   * so too, but two or three clock ticks later (10 ms and more), and advertisements would have to wait for that.
   */
  report(): void {
    if (this.#unreported.size === 0) return
    const joined = [...this.#unreported]
    this.#unreported.clear()
    const linkLocal = linkLocalOf(this.#link)
    // Without one nothing is answered or advertised on the interface.
    if (linkLocal === undefined) return
    const on = { mac: macNumber(this.#link.mac), linkLocal: addressToBytes(linkLocal) }
    for (const frame of buildMembershipReports(on, joined)) this.send(frame)
  }

  /** Tries the groups again that could not be joined; true when one still cannot. */
  retry(): boolean {
    return this.#groups.retry()
  }

  /** Totals, when more were lost since the last call. */
  takeLost(): LostFrames | undefined {
    const [arp, ndp] = [this.#arp.statistics(), this.#ndp.statistics()]
    const [received, sent] = [arp.drops + ndp.drops, arp.unsent + ndp.unsent]
    if (received === this.#lost.received && sent === this.#lost.sent) return undefined
    this.#lost = { received, sent }
    return { interface: this.#link.name, received, sent }
  }

  close(): void {
    this.#arp.close()
    this.#ndp.close()
    this.#groups.close()
  }
}

const protocols = {
  4: { etherType: etherType.arp, filter: arpFilter },
  6: { etherType: etherType.ipv6, filter: neighborDiscoveryFilter },
} as const

function openSocket(options: InterfacePortOptions, family: Family): PacketSocket {
  const { link, onFrame, onAnswered, onError } = options
  const socketOptions = { interfaceIndex: link.index, ...protocols[family], timestamps: true, onError }
  const socket = openPacketSocket(socketOptions, (frame) => {
    const answer = onFrame(frame)
    if (answer !== undefined && socket.send(answer)) onAnswered(family, socket.frameAge())
  })
  return socket
}
