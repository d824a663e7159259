import type { Family } from '#inet/address.ts'
import type { ConntrackEntry } from '#raw-socket/netlink/conntrack.ts'

/** The port to conntrack: the UDP connections that pass through this node. */
export interface ConntrackTable {
  /**
   * Calls for each of them, without holding any: there may be a million. One may come twice. The entry is for the
   * time of the call; `keepEntry` copies it.
   * @throws what the kernel says, after some calls or none
   */
  udpEntries(family: Family, onEntry: (entry: ConntrackEntry) => void): Promise<void>
  /** Forgets a connection, so that its next packet meets the rules; false when it was gone already. */
  delete(entry: ConntrackEntry): Promise<boolean>
  close(): void
}
