import type { Family } from '#inet/address.ts'
import { SystemError } from '../errors.ts'
import {
  conntrackFamily,
  readEntry,
  writeEntry,
  writeProtocolFilter,
  type ConntrackEntry,
} from './conntrack-entry.ts'
import { messageFlags, NetlinkWriter, type NetlinkMessage } from './message.ts'
import { netlinkProtocols, openNetlink, type NetlinkSocket } from './socket.ts'

export { ipProtocols, keepEntry, type ConntrackEntry } from './conntrack-entry.ts'

const NFNL_SUBSYS_CTNETLINK = 1
const IPCTNL_MSG_CT_NEW = 0
const IPCTNL_MSG_CT_GET = 1
const IPCTNL_MSG_CT_DELETE = 2

/** Which connections to list. */
export interface ConntrackFilter {
  readonly family: Family
  /** IP protocol number; all when absent */
  readonly protocol?: number
}

/** The connections of the network namespace in which it was opened. */
export interface ConntrackSocket {
  /**
   * Calls for each connection, as they are read: nothing is held, however many there are. The kernel selects them by
   * family and, since Linux 5.8, by protocol. Connections come and go meanwhile: one that is there all the time is
   * named at least once, and twice when the listing had to begin again. The entry is a view of the octets that were
   * read; `keepEntry` copies it.
   * @throws SystemError FL_SYS_NETLINK, FL_SYS_DUMP_INTERRUPTED when that never ended, and what
   *   `NetlinkSocket.request` throws; what `onEntry` throws, after the end
   */
  dump(filter: ConntrackFilter, onEntry: (entry: ConntrackEntry) => void): Promise<void>
  /**
   * Forgets a connection of a protocol with ports: its next packet is the first of a new one. False when it is gone
   * already, also when a connection with another id has its addresses and ports by now.
   * @throws SystemError FL_SYS_NETLINK, and what `NetlinkSocket.request` throws
   */
  delete(entry: ConntrackEntry): Promise<boolean>
  close(): void
}

/**
 * Opens it in the calling thread's network namespace.
 * @throws SystemError FL_SYS_ERRNO
 */
export function openConntrackSocket(): ConntrackSocket {
  return new CtnetlinkSocket(openNetlink(netlinkProtocols.netfilter))
}

/** Attempts at a listing that the kernel marks as interrupted. */
const ATTEMPTS = 5

const messageType = (type: number): number => (NFNL_SUBSYS_CTNETLINK << 8) | type

/** On a netlink socket of its own: exported for tests with another one. */
export class CtnetlinkSocket implements ConntrackSocket {
  readonly #socket: NetlinkSocket
  readonly #writer = new NetlinkWriter(256)
  /** the kernel takes a filter by protocol, as far as is known */
  #filters = true

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  async dump(filter: ConntrackFilter, onEntry: (entry: ConntrackEntry) => void): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#dumpOnce(filter, onEntry)
      } catch (error) {
        if (!(error instanceof SystemError)) throw error
        const unknown = error.errnoName === 'EOPNOTSUPP' || error.errnoName === 'EINVAL'
        if (unknown && this.#filters && filter.protocol !== undefined) this.#filters = false
        else if (error.code !== 'FL_SYS_DUMP_INTERRUPTED' || attempt === ATTEMPTS) throw error
      }
    }
  }

  async delete(entry: ConntrackEntry): Promise<boolean> {
    const seq = this.#socket.sequence()
    const writer = this.#begin(
      IPCTNL_MSG_CT_DELETE,
      messageFlags.request | messageFlags.ack,
      seq,
      entry.family,
    )
    writeEntry(writer, entry)
    try {
      await this.#socket.request(writer.end().finish(), seq)
      return true
    } catch (error) {
      if (error instanceof SystemError && error.errnoName === 'ENOENT') return false
      throw error
    }
  }

  close(): void {
    this.#socket.close()
  }

  async #dumpOnce(
    { family, protocol }: ConntrackFilter,
    onEntry: (entry: ConntrackEntry) => void,
  ): Promise<void> {
    const seq = this.#socket.sequence()
    const flags = messageFlags.request | messageFlags.dump
    const writer = this.#begin(IPCTNL_MSG_CT_GET, flags, seq, family)
    if (protocol !== undefined && this.#filters) writeProtocolFilter(writer, protocol)
    let failure: { readonly error: unknown } | undefined
    const onAnswer = ({ type, body }: NetlinkMessage): void => {
      if (type !== messageType(IPCTNL_MSG_CT_NEW) || failure !== undefined) return
      try {
        const entry = readEntry(body)
        // An older kernel ignores the filter.
        if (entry.family !== family) return
        if (protocol === undefined || entry.protocol === protocol) onEntry(entry)
      } catch (error) {
        failure = { error }
      }
    }
    await this.#socket.stream(writer.end().finish(), seq, onAnswer)
    if (failure !== undefined) throw failure.error
  }

  /** A message with its nfgenmsg header; its attributes and its end are the caller's. */
  #begin(type: number, flags: number, seq: number, family: Family): NetlinkWriter {
    const writer = this.#writer.reset().begin(messageType(type), flags, seq)
    return writer.u8(conntrackFamily(family)).u8(0).u16be(0)
  }
}
