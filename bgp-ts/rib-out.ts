import { addressToBytes } from '#inet/address.ts'
import { formatPrefix, type Prefix } from '#inet/prefix.ts'
import type { AddressFamily } from './config.ts'
import { BgpUsageError } from './errors.ts'
import { exportRoute, type Exported, type ExportContext } from './export.ts'
import type { Route } from './route.ts'
import type { UnsentReason } from './status.ts'
import { encodeAttributes } from './wire/attributes.ts'
import { addressFamilies, familyOfPrefix } from './wire/families.ts'
import { headerLength, maxMessageLength } from './wire/header.ts'
import { reachOverhead, unreachOverhead } from './wire/multiprotocol.ts'
import { nlriOctets } from './wire/nlri.ts'
import { endOfRib, updateMessage, type UpdateMessage } from './wire/update.ts'

/** Octets of an UPDATE besides header, attributes and prefixes: the two lengths. */
const updateOverhead = 4

/** Octets of a /32 and of a /128. */
const longestNlri = { 'ipv4-unicast': 5, 'ipv6-unicast': 17 } as const

/** One prefix: what is wanted for it, what the peer has, and what is on its way. */
interface Entry {
  readonly prefix: Prefix
  readonly family: AddressFamily
  route?: Route
  /** key of the attributes that the peer has */
  sent?: string
  /** the peer asked for everything again */
  again: boolean
  group?: Group
  unsent?: UnsentReason
}

/** Prefixes that wait for the same UPDATE: one set of attributes (`exported`), or a withdrawal. */
interface Group {
  readonly key: string
  readonly family: AddressFamily
  readonly exported?: Exported
  /** octets for prefixes in one message */
  readonly room: number
  readonly entries: Set<Entry>
}

/**
 * Adj-RIB-Out of one peer (RFC 4271 3.2): the wanted routes, and the UPDATEs that lead from what was sent to what is
 * wanted. Wanted routes outlive sessions. A prefix is always in at most one waiting group, so a change costs the
 * same however many routes there are, and changes that cancel out send nothing.
 */
export class RibOut {
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, Group>()
  readonly #endOfRib = new Set<AddressFamily>()
  readonly #refresh = new Set<AddressFamily>()
  readonly #announced = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }
  readonly #unsent = new Map<UnsentReason, number>()
  readonly #pending = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }
  #context: ExportContext | undefined

  /** Prefixes that wait to be written. */
  get pending(): number {
    return this.#pending['ipv4-unicast'] + this.#pending['ipv6-unicast']
  }

  /** Nothing waits: no prefix, no End-of-RIB, no refresh. */
  get idle(): boolean {
    return this.pending === 0 && this.#endOfRib.size === 0 && this.#refresh.size === 0
  }

  /** Prefixes that the peer has, by family. */
  get announced(): Readonly<Record<AddressFamily, number>> {
    return { ...this.#announced }
  }

  /** Wanted routes that this session cannot carry, by reason. */
  get unsent(): Partial<Record<UnsentReason, number>> {
    return Object.fromEntries(this.#unsent)
  }

  /** A session begins: the peer has nothing, every family ends its first set with End-of-RIB (RFC 4724 2). */
  open(context: ExportContext): void {
    this.close()
    this.update(context)
    for (const family of context.families) this.#endOfRib.add(family)
  }

  /** Something in the context changed: what differs is sent again, the session goes on. */
  update(context: ExportContext): void {
    this.#context = context
    for (const entry of this.#entries.values()) this.#place(entry)
  }

  /** The session is gone, and with it all that the peer had. */
  close(): void {
    if (this.#context === undefined) return
    this.#context = undefined
    this.#endOfRib.clear()
    this.#refresh.clear()
    for (const entry of this.#entries.values()) {
      entry.sent = undefined
      entry.again = false
      this.#place(entry)
    }
    for (const family of addressFamilies) this.#announced[family] = 0
  }

  /** Wants this route; replaces an earlier one for the prefix. */
  put(route: Route): void {
    const key = formatPrefix(route.prefix)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { prefix: route.prefix, family: familyOfPrefix(route.prefix), again: false }
      this.#entries.set(key, entry)
    }
    entry.route = route
    this.#place(entry)
  }

  /** Wants no route for this prefix. */
  withdraw(prefix: Prefix): void {
    const entry = this.#entries.get(formatPrefix(prefix))
    if (entry === undefined) return
    entry.route = undefined
    this.#place(entry)
  }

  /**
   * The peer asks for all routes of the family again (RFC 2918 4); no withdrawals. Requests during a re-send merge
   * into one more re-send after it.
   */
  resendAll(family: AddressFamily): void {
    if (this.#context?.families.includes(family)) this.#refresh.add(family)
  }

  /**
   * The next UPDATEs, at most `maxMessages`; none when there is nothing to say. What is returned counts as sent.
   * Each is at most 4096 octets and has one kind of prefix.
   */
  drain(maxMessages: number): UpdateMessage[] {
    const messages: UpdateMessage[] = []
    this.#startRefresh()
    for (const group of this.#groups.values()) {
      while (messages.length < maxMessages && group.entries.size > 0) messages.push(this.#message(group))
      if (messages.length >= maxMessages) break
    }
    for (const family of this.#endOfRib) {
      // With room left, no group is: the first set of the family has gone.
      if (messages.length >= maxMessages) break
      this.#endOfRib.delete(family)
      messages.push(endOfRib(family))
    }
    return messages
  }

  /** Puts the entry where it belongs now: into a group, or nowhere when the peer has what is wanted. */
  #place(entry: Entry): void {
    this.#leaveGroup(entry)
    this.#setUnsent(entry, undefined)
    const group = this.#context && entry.route ? this.#groupFor(entry, entry.route, this.#context) : undefined
    if (group !== undefined) {
      if (group.key !== entry.sent || entry.again) this.#joinGroup(entry, group)
    } else if (entry.sent !== undefined) {
      this.#joinGroup(entry, this.#withdrawalOf(entry.family))
    } else if (entry.route === undefined) {
      this.#entries.delete(formatPrefix(entry.prefix))
    }
  }

  /** The group that announces this route, undefined (and the reason noted) when it cannot be sent. */
  #groupFor(entry: Entry, route: Route, context: ExportContext): Group | undefined {
    const exported = exportRoute(route, context)
    if (typeof exported === 'string') {
      this.#setUnsent(entry, exported)
      return undefined
    }
    const known = this.#groups.get(exported.key)
    if (known !== undefined) return known
    const room = roomFor(exported, context)
    if (room < longestNlri[exported.family]) {
      this.#setUnsent(entry, 'attributes-too-long')
      return undefined
    }
    return { key: exported.key, family: exported.family, exported, room, entries: new Set() }
  }

  #withdrawalOf(family: AddressFamily): Group {
    const key = `withdraw ${family}`
    const overhead = family === 'ipv4-unicast' ? 0 : unreachOverhead
    const room = maxMessageLength - headerLength - updateOverhead - overhead
    return this.#groups.get(key) ?? { key, family, room, entries: new Set() }
  }

  #joinGroup(entry: Entry, group: Group): void {
    this.#groups.set(group.key, group)
    group.entries.add(entry)
    entry.group = group
    this.#pending[entry.family]++
  }

  #leaveGroup(entry: Entry): void {
    const { group } = entry
    if (group === undefined) return
    group.entries.delete(entry)
    if (group.entries.size === 0) this.#groups.delete(group.key)
    entry.group = undefined
    this.#pending[entry.family]--
  }

  #setUnsent(entry: Entry, reason: UnsentReason | undefined): void {
    if (entry.unsent === reason) return
    if (entry.unsent !== undefined) {
      const count = (this.#unsent.get(entry.unsent) ?? 0) - 1
      if (count > 0) this.#unsent.set(entry.unsent, count)
      else this.#unsent.delete(entry.unsent)
    }
    if (reason !== undefined) this.#unsent.set(reason, (this.#unsent.get(reason) ?? 0) + 1)
    entry.unsent = reason
  }

  /** Takes as many prefixes of the group as one message holds. */
  #message(group: Group): UpdateMessage {
    const prefixes: Prefix[] = []
    let room = group.room
    for (const entry of group.entries) {
      room -= nlriOctets(entry.prefix)
      if (room < 0) break
      prefixes.push(entry.prefix)
      this.#leaveGroup(entry)
      this.#markSent(entry, group.exported?.key)
    }
    const { family, exported } = group
    const ipv4 = family === 'ipv4-unicast'
    if (exported === undefined) {
      return updateMessage(ipv4 ? { withdrawn: prefixes } : { unreach: { family, prefixes } })
    }
    const { attributes, nextHop } = exported
    return updateMessage(
      ipv4 ? { attributes, nlri: prefixes } : { attributes, reach: { family, nextHop, prefixes } },
    )
  }

  #markSent(entry: Entry, key: string | undefined): void {
    this.#announced[entry.family] += Number(key !== undefined) - Number(entry.sent !== undefined)
    entry.sent = key
    entry.again = false
    if (key === undefined && entry.route === undefined) this.#entries.delete(formatPrefix(entry.prefix))
  }

  /** A re-send begins only when nothing of the family waits, so that requests cannot pile up work. */
  #startRefresh(): void {
    for (const family of this.#refresh) {
      if (this.#pending[family] > 0) continue
      this.#refresh.delete(family)
      for (const entry of this.#entries.values()) {
        if (entry.family !== family || entry.sent === undefined) continue
        entry.again = true
        this.#place(entry)
      }
    }
  }
}

/** Octets for prefixes in an UPDATE with these attributes; negative when they alone are too many. */
function roomFor({ family, attributes, nextHop }: Exported, context: ExportContext): number {
  const overhead = family === 'ipv4-unicast' ? 0 : reachOverhead(addressToBytes(nextHop).length)
  try {
    const length = encodeAttributes(attributes, context).length
    return maxMessageLength - headerLength - updateOverhead - overhead - length
  } catch (error) {
    if (error instanceof BgpUsageError) return -1
    throw error
  }
}
