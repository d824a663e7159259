import { createSocket, type Socket } from 'node:dgram'

interface Member {
  readonly socket: Socket
  readonly groups: Set<string>
  /** the kernel refused one more group for want of memory */
  full: boolean
}

/**
 * Membership of solicited-node groups on one interface. The kernel keeps it while a socket is open, tells MLD
 * snooping switches (RFC 3810) and lets the interface take the frames in; the frames themselves are read elsewhere.
 *
 * One socket holds as many groups as fit its option memory (net.core.optmem_max: some 2,000 groups with the usual
 * 128 KiB, 365 with 20 KiB), so a further one is opened for those beyond. Groups that fit nowhere are kept in mind:
 * `onGroup` tells them, and tells again when they were joined after all.
 */
export class GroupSocket {
  readonly #interfaceName: string
  readonly #onGroup: (group: string, refused: Error | undefined) => void
  readonly #members = new Set<Member>()
  readonly #homes = new Map<string, Member>()
  readonly #refused = new Set<string>()

  /** @param onGroup a group that could not be joined, or with undefined one that could not and now is */
  constructor(interfaceName: string, onGroup: (group: string, refused: Error | undefined) => void) {
    this.#interfaceName = interfaceName
    this.#onGroup = onGroup
  }

  /** True when the interface belongs to the group now and did not before. */
  join(group: string): boolean {
    if (this.#homes.has(group) || this.#refused.has(group)) return false
    try {
      this.#homes.set(group, this.#place(group))
      return true
    } catch (error) {
      this.#refused.add(group)
      this.#onGroup(group, error as Error)
      return false
    }
  }

  /** Closing the last socket of a group leaves it too, so a refusal to leave can be passed over. */
  leave(group: string): void {
    if (this.#refused.delete(group)) return
    const member = this.#homes.get(group)
    if (member === undefined) return
    this.#homes.delete(group)
    member.groups.delete(group)
    member.full = false
    if (member.groups.size === 0) return this.#close(member)
    try {
      member.socket.dropMembership(group, this.#interface)
    } catch {
      // The interface is gone, and the membership with it.
    }
  }

  /** Tries the groups again that could not be joined, up to the first one that still cannot; true when there is one. */
  retry(): boolean {
    for (const group of this.#refused) {
      try {
        this.#homes.set(group, this.#place(group))
      } catch {
        return true
      }
      this.#refused.delete(group)
      this.#onGroup(group, undefined)
    }
    return false
  }

  close(): void {
    for (const member of this.#members) this.#close(member)
    this.#homes.clear()
    this.#refused.clear()
  }

  get #interface(): string {
    return `::%${this.#interfaceName}`
  }

  /** Joins by the first socket that has room, or by a new one. */
  #place(group: string): Member {
    for (const member of this.#members) {
      if (member.full) continue
      try {
        return this.#joinBy(member, group)
      } catch (error) {
        if (!isWantOfMemory(error)) throw error
        member.full = true
      }
    }
    const member: Member = { socket: createSocket('udp6'), groups: new Set(), full: false }
    this.#members.add(member)
    try {
      this.#joinBy(member, group)
      // Bound to a port by now, at which nobody reads.
      member.socket.setRecvBufferSize(1)
      return member
    } catch (error) {
      this.#close(member)
      throw error
    }
  }

  /** The socket gets its descriptor with its first group. */
  #joinBy(member: Member, group: string): Member {
    member.socket.addMembership(group, this.#interface)
    member.groups.add(group)
    return member
  }

  #close(member: Member): void {
    this.#members.delete(member)
    member.socket.close()
  }
}

const isWantOfMemory = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOMEM' || code === 'ENOBUFS'
}
