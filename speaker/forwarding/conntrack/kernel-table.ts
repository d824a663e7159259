import { setImmediate } from 'node:timers/promises'
import type { Family } from '#inet/address.ts'
import {
  ipProtocols,
  openConntrackSocket,
  type ConntrackEntry,
  type ConntrackSocket,
} from '#raw-socket/netlink/conntrack.ts'
import type { ConntrackTable } from './table.ts'

/** The kernel answers a deletion while it is asked, so that many of them would leave the event loop no turn. */
const DELETIONS_PER_TURN = 32

/** The kernel's table. */
export class KernelConntrackTable implements ConntrackTable {
  readonly #socket: ConntrackSocket
  #deletions = 0

  /**
   * @param socket opened in the namespace to look at; the default opens it in this thread's
   * @throws SystemError FL_SYS_ERRNO
   */
  constructor(socket: ConntrackSocket = openConntrackSocket()) {
    this.#socket = socket
  }

  udpEntries(family: Family, onEntry: (entry: ConntrackEntry) => void): Promise<void> {
    return this.#socket.dump({ family, protocol: ipProtocols.udp }, onEntry)
  }

  async delete(entry: ConntrackEntry): Promise<boolean> {
    if (++this.#deletions % DELETIONS_PER_TURN === 0) await setImmediate()
    return this.#socket.delete(entry)
  }

  close(): void {
    this.#socket.close()
  }
}
