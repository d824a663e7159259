import { formatPrefix, type Prefix } from '#inet/prefix.ts'
import type { AddressFamily } from './config.ts'
import { exportRoute, type Exported, type ExportContext } from './export.ts'
import { announcementRoom, isMp, longestNlri, withdrawalRoom } from './packing.ts'
import { describeRoute, type RibRoute } from './rib-list.ts'
import type { Route } from './route.ts'
import type { UnsentReason } from './status.ts'
import { addressFamilies, familyOfPrefix } from './wire/families.ts'
import { nlriOctets } from './wire/nlri.ts'
import { endOfRib, updateMessage, type UpdateMessage } from './wire/update.ts'

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
  /** in MP_REACH_NLRI or MP_UNREACH_NLRI instead of the fields for IPv4 */
  readonly mp: boolean
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
  #gracefulShutdown = false
  #complete = true

  /** Prefixes that wait to be written. */
  get pending(): number {
    return this.#pending['ipv4-unicast'] + this.#pending['ipv6-unicast']
  }

  /** Nothing waits: no prefix, no End-of-RIB that may be sent, no refresh. */
  get idle(): boolean {
    const endOfRib = this.#complete && this.#endOfRib.size > 0
    return this.pending === 0 && !endOfRib && this.#refresh.size === 0
  }

  /** Prefixes that the peer has, by family. */
  get announced(): Readonly<Record<AddressFamily, number>> {
    return { ...this.#announced }
  }

  /** Wanted routes that this session cannot carry, by reason. */
  get unsent(): Partial<Record<UnsentReason, number>> {
    return Object.fromEntries(this.#unsent)
  }

  /** Every prefix that is wanted or that the peer has, in no order. */
  *list(): IterableIterator<RibRoute> {
    for (const { prefix, route, sent, group, unsent } of this.#entries.values()) {
      const moving = group?.exported === undefined ? 'withdrawing' : 'waiting'
      const resting = sent === undefined ? (unsent === undefined ? 'waiting' : 'unsent') : 'sent'
      const state = group === undefined ? resting : moving
      yield describeRoute({ prefix, route, state, unsent }, this.#context)
    }
  }

  /** A session begins: the peer has nothing, every family ends its first set with End-of-RIB (RFC 4724 2). */
  open(context: ExportContext): void {
    this.close()
    this.update(context)
    for (const family of context.families) this.#endOfRib.add(family)
  }

  /** Something in the context changed: what differs is sent again, the session goes on. */
  update(context: ExportContext): void {
    this.#context = { ...context, gracefulShutdown: this.#gracefulShutdown }
    for (const entry of this.#entries.values()) this.#place(entry)
  }

  /** All routes carry GRACEFUL_SHUTDOWN from now on (RFC 8326), or no more; also those of later sessions. */
  gracefulShutdown(on: boolean): void {
    if (this.#gracefulShutdown === on) return
    this.#gracefulShutdown = on
    if (this.#context !== undefined) this.update(this.#context)
  }

  /**
   * Whether the wanted routes are all there are. Until then End-of-RIB is held back, since a peer drops what it kept
   * over our restart and has not got again when it comes (RFC 4724 4.2). They are when nothing else was said.
   */
  complete(complete: boolean): void {
    this.#complete = complete
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
    for (const family of this.#complete ? this.#endOfRib : []) {
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
    const room = announcementRoom(exported, context)
    if (room < longestNlri[exported.family]) {
      this.#setUnsent(entry, 'attributes-too-long')
      return undefined
    }
    const { key, family } = exported
    return { key, family, exported, mp: isMp(exported), room, entries: new Set() }
  }

  #withdrawalOf(family: AddressFamily): Group {
    const key = `withdraw ${family}`
    // Where IPv4 routes may have come in MP_REACH_NLRI they go by MP_UNREACH_NLRI, as FRR does it.
    const mp = family !== 'ipv4-unicast' || this.#context?.extendedNextHop === true
    return this.#groups.get(key) ?? { key, family, mp, room: withdrawalRoom(mp), entries: new Set() }
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
    const { family, exported, mp } = group
    if (exported === undefined) {
      return updateMessage(mp ? { unreach: { family, prefixes } } : { withdrawn: prefixes })
    }
    const { attributes, nextHop, linkLocal } = exported
    if (!mp) return updateMessage({ attributes, nlri: prefixes })
    return updateMessage({
      attributes,
      reach: { family, nextHop, ...(linkLocal && { linkLocal }), prefixes },
    })
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
