import type { Prefix } from '#inet/prefix.ts'
import type { AttributeSet } from './attribute-sets.ts'
import type { AddressFamily } from './config.ts'
import { isNextHopOf, type ExportContext } from './export.ts'
import type { Advertisement } from './packing.ts'
import { describeRoute, type RibRoute } from './rib-list.ts'
import type { Route } from './route.ts'
import { RoutePool } from './route-pool.ts'
import type { UnsentReason } from './status.ts'
import { UnsentRoutes } from './unsent-routes.ts'
import type { UpdateBatch } from './update-batch.ts'
import type { UpdateGroup } from './update-groups.ts'
import { UpdateQueue, type Waiting } from './update-queue.ts'
import { addressFamilies } from './wire/families.ts'

/**
 * Adj-RIB-Out of one peer (RFC 4271 3.2): the wanted routes, and the UPDATEs that lead from what was sent to what is
 * wanted. Wanted routes outlive sessions. A prefix waits for one UPDATE at most, so a change costs the same however
 * many routes there are, and changes that cancel out send nothing.
 *
 * Prefixes have the numbers that the pool gives them; what is known of each is in arrays by number.
 */
export class RibOut {
  readonly #pool: RoutePool
  readonly #wanted: (AttributeSet | undefined)[] = []
  /** what the peer has */
  readonly #sent: (Advertisement | undefined)[] = []
  readonly #queue = new UpdateQueue()
  readonly #unsent = new UnsentRoutes()
  /** the peer asked for these again */
  readonly #again = new Set<number>()
  readonly #endOfRib = new Set<AddressFamily>()
  readonly #refresh = new Set<AddressFamily>()
  readonly #announced = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }
  /** of the session that is up */
  #open: { readonly context: ExportContext; readonly group: UpdateGroup } | undefined
  #gracefulShutdown = false
  #complete = true
  #size = 0

  /** @param pool shared by the sessions of a speaker, so that what they have in common is kept once */
  constructor(pool = new RoutePool()) {
    this.#pool = pool
  }

  /** Prefixes that are wanted or that the peer has. */
  get size(): number {
    return this.#size
  }

  /** Prefixes that wait to be written. */
  get pending(): number {
    return this.#queue.size
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
    return this.#unsent.counts()
  }

  /** Every prefix that is wanted or that the peer has, in no order. */
  *list(): IterableIterator<RibRoute> {
    const { destinations } = this.#pool
    for (const number of this.#numbers()) {
      const set = this.#wanted[number]
      const waiting = this.#queue.of(number)
      const unsent = this.#unsent.reasonOf(number)
      const outcome = set && this.#open?.group.of(set, destinations.family(number))
      yield describeRoute({
        prefix: destinations.text(number),
        state: waiting === undefined ? this.#restingState(number) : movingState(waiting),
        ...(unsent !== undefined && { unsent }),
        ...(typeof outcome === 'object' && { exported: outcome }),
      })
    }
  }

  #restingState(number: number): RibRoute['state'] {
    if (this.#sent[number] !== undefined) return 'sent'
    return this.#unsent.reasonOf(number) === undefined ? 'waiting' : 'unsent'
  }

  /** A session begins: the peer has nothing, every family ends its first set with End-of-RIB (RFC 4724 2). */
  open(context: ExportContext): void {
    this.close()
    this.update(context)
    for (const family of context.families) this.#endOfRib.add(family)
  }

  /** Something in the context changed: what differs is sent again, the session goes on. */
  update(context: ExportContext): void {
    const { groups } = this.#pool
    const before = this.#open?.group
    const now = { ...context, gracefulShutdown: this.#gracefulShutdown }
    this.#open = { context: now, group: groups.join(now) }
    if (before !== undefined) groups.leave(before)
    for (const number of this.#numbers()) this.#place(number)
  }

  /** All routes carry GRACEFUL_SHUTDOWN from now on (RFC 8326), or no more; also those of later sessions. */
  gracefulShutdown(on: boolean): void {
    if (this.#gracefulShutdown === on) return
    this.#gracefulShutdown = on
    if (this.#open !== undefined) this.update(this.#open.context)
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
    if (this.#open === undefined) return
    this.#pool.groups.leave(this.#open.group)
    this.#open = undefined
    this.#endOfRib.clear()
    this.#refresh.clear()
    this.#again.clear()
    for (const number of this.#numbers()) {
      this.#sent[number] = undefined
      this.#place(number)
    }
    for (const family of addressFamilies) this.#announced[family] = 0
  }

  /** Wants this route; replaces an earlier one for the prefix. */
  put(route: Route): void {
    const { destinations, sets } = this.#pool
    const set = sets.acquire(route)
    const known = destinations.find(route.prefix)
    const number = known !== undefined && this.#has(known) ? known : this.#adopt(route.prefix)
    const before = this.#wanted[number]
    this.#wanted[number] = set
    if (before !== undefined) sets.release(before)
    this.#place(number)
  }

  /** Wants no route for this prefix. */
  withdraw(prefix: Prefix): void {
    const number = this.#pool.destinations.find(prefix)
    if (number === undefined) return
    const set = this.#wanted[number]
    if (set === undefined) return
    this.#wanted[number] = undefined
    this.#pool.sets.release(set)
    this.#place(number)
  }

  /**
   * The peer asks for all routes of the family again (RFC 2918 4); no withdrawals. Requests during a re-send merge
   * into one more re-send after it.
   */
  resendAll(family: AddressFamily): void {
    if (this.#open?.context.families.includes(family)) this.#refresh.add(family)
  }

  /**
   * The next UPDATEs, as many as are written at a stretch; none when there is nothing to say. What is returned counts
   * as sent. Each is at most 4096 octets and has one kind of prefix.
   */
  drain(maxMessages = Infinity): UpdateBatch {
    const { batch } = this.#pool
    batch.begin(maxMessages)
    this.#startRefresh()
    for (const waiting of this.#queue.all()) {
      while (!batch.full && waiting.numbers.size > 0) this.#write(waiting)
      if (batch.full) break
    }
    for (const family of this.#complete ? this.#endOfRib : []) {
      // With room left, nothing waits: the first set of the family has gone.
      if (batch.full) break
      this.#endOfRib.delete(family)
      batch.addEndOfRib(family)
    }
    return batch.end()
  }

  *#numbers(): IterableIterator<number> {
    for (let number = 0; number < this.#wanted.length; number++) if (this.#has(number)) yield number
  }

  #has(number: number): boolean {
    return this.#wanted[number] !== undefined || this.#sent[number] !== undefined
  }

  #adopt(prefix: Prefix): number {
    const number = this.#pool.destinations.acquire(prefix)
    this.#queue.reach(number)
    while (this.#wanted.length <= number) {
      this.#wanted.push(undefined)
      this.#sent.push(undefined)
    }
    this.#size++
    return number
  }

  /** Puts the prefix where it belongs now: it waits, or not when the peer has what is wanted. */
  #place(number: number): void {
    this.#queue.leave(number)
    this.#unsent.delete(number)
    const set = this.#wanted[number]
    const sent = this.#sent[number]
    const wanted = set === undefined ? undefined : this.#advertisementOf(number, set)
    if (wanted !== undefined) {
      if (wanted.key !== sent?.key || this.#again.has(number)) this.#queue.announce(number, wanted)
    } else if (sent !== undefined) {
      if (this.#open !== undefined) this.#queue.withdraw(number, this.#open.group.withdrawal(sent.family))
    } else if (set === undefined) this.#forget(number)
  }

  /** What the peer gets of the wanted route, undefined (and the reason noted) when it cannot be sent. */
  #advertisementOf(number: number, set: AttributeSet): Advertisement | undefined {
    if (this.#open === undefined) return undefined
    const { context, group } = this.#open
    const found = group.of(set, this.#pool.destinations.family(number))
    const outcome = typeof found === 'object' && isNextHopOf(found, context) ? 'next-hop-is-peer' : found
    if (typeof outcome === 'object') return outcome
    this.#unsent.add(number, outcome)
    return undefined
  }

  /** Takes as many of the prefixes as one message holds. */
  #write({ packing, advertisement, numbers }: Waiting): void {
    const { destinations, nlri, batch } = this.#pool
    let length = 0
    for (const number of numbers) {
      const octets = destinations.nlriOctets(number)
      if (length + octets > packing.room) break
      destinations.copyNlri(number, nlri, length)
      length += octets
      this.#queue.leave(number)
      this.#markSent(number, advertisement)
    }
    batch.add(packing.parts(nlri.subarray(0, length)))
  }

  #markSent(number: number, advertisement: Advertisement | undefined): void {
    const family = this.#pool.destinations.family(number)
    this.#announced[family] += Number(advertisement !== undefined) - Number(this.#sent[number] !== undefined)
    this.#sent[number] = advertisement
    this.#again.delete(number)
    if (!this.#has(number)) this.#forget(number)
  }

  /** Nothing is wanted for the prefix, and the peer has nothing: its number may become another's. */
  #forget(number: number): void {
    this.#again.delete(number)
    this.#size--
    this.#pool.destinations.release(number)
  }

  /** A re-send begins only when nothing of the family waits, so that requests cannot pile up work. */
  #startRefresh(): void {
    for (const family of this.#refresh) {
      if (this.#queue.pending(family) > 0) continue
      this.#refresh.delete(family)
      for (const number of this.#numbers()) {
        if (this.#sent[number] === undefined || this.#pool.destinations.family(number) !== family) continue
        this.#again.add(number)
        this.#place(number)
      }
    }
  }
}

const movingState = ({ advertisement }: Waiting): RibRoute['state'] =>
  advertisement === undefined ? 'withdrawing' : 'waiting'
