import type { Family } from '#inet/address.ts'
import {
  openNetfilterSocket,
  type GenerationEvent,
  type NetfilterSocket,
} from '#raw-socket/netlink/netfilter.ts'
import type { LocalDetector } from '../config.ts'
import type { Counters, Dataplane, ForeignChange } from '../dataplane.ts'
import { emptyElements, families, type Elements, type MutableElements, type Operation } from '../model.ts'
import { noDetector } from '../program.ts'
import { encodeOperations, nfFamily } from './encode.ts'
import { describeForeign } from './foreign.ts'
import { Generations } from './generations.ts'
import { runNft, type RunNft } from './install.ts'
import { learnedText, readLearned } from './learned.ts'
import { readProxySigns, type ProxySigns } from './proxy-signs.ts'
import { missingShapes, noShapes, shapesIn, unusedShapes, type Shapes } from './shapes.ts'
import { readCollections, readCounters, readForeignNames, readSlots, readTableState } from './table-state.ts'
import { ESCAPES_COUNTER, familyName, RETURNED_COUNTER, TABLE } from './names.ts'
import { elementsText, installText, removeText } from './text.ts'
import { transactions, translate } from './transactions.ts'

export interface KernelDataplaneOptions {
  /** opened in the namespace to program; the default opens it in this thread's */
  readonly socket?: NetfilterSocket
  /** runs in the same namespace */
  readonly nft?: RunNft
  /** interfaces by which pods are told from others are part of the program; the default names none */
  readonly detector?: LocalDetector
  /** looks there for what other proxies leave outside of nf_tables */
  readonly signs?: () => ProxySigns
}

/**
 * nf_tables: rules as text by `nft`, so that the node's administrator reads what we wrote; elements by netlink, so
 * that a change costs microseconds.
 */
export class KernelDataplane implements Dataplane {
  readonly #socket: NetfilterSocket
  readonly #nft: RunNft
  readonly #signs: () => ProxySigns
  readonly #detector: LocalDetector
  #shapes: Record<Family, Shapes> = { 4: noShapes(), 6: noShapes() }
  /** tables of another program: the next transaction puts ours in their place together with all elements */
  #replace = new Set<Family>()
  /** scripts of our own `nft`, each one transaction, which the kernel reports as somebody else's */
  #scripts = 0
  /** how many of them it has reported, or never will */
  #reported = 0
  readonly #generations = new Generations()
  /** what is being done to the rule set, and how often something was begun */
  #work: Promise<unknown> = Promise.resolve()
  #works = 0
  #inherited: Elements | undefined

  /** @throws SystemError FL_SYS_ERRNO without the right to open the socket */
  constructor(options: KernelDataplaneOptions = {}) {
    this.#socket = options.socket ?? openNetfilterSocket()
    this.#nft = options.nft ?? runNft
    this.#detector = options.detector ?? noDetector
    this.#signs = options.signs ?? readProxySigns
  }

  adopt(): Promise<Elements> {
    return this.#busy(async () => {
      this.#generations.listed(await this.#generation())
      const { found, shapes, absent, other } = await this.#read()
      // Each run of nft takes a while, and a node that starts has nothing else to wait for.
      const missing = absent.map((family) => installText(family, this.#detector)).join('')
      if (missing !== '') await this.#run(missing)
      const unused = unusedShapes(found, shapes)
      if (unused.script !== '') {
        await this.#run(unused.script)
        unused.forget()
      }
      this.#shapes = shapes
      this.#replace = new Set(other)
      this.#inherited = await this.#readInherited(other)
      return found
    })
  }

  inherited(): Elements | undefined {
    return this.#inherited
  }

  async list(): Promise<Elements> {
    return (await this.#read()).found
  }

  apply(operations: readonly Operation[]): Promise<void> {
    return this.#busy(async () => {
      this.#inherited = undefined
      const remaining = await this.#replaceTables(operations)
      const needed = missingShapes(remaining, this.#shapes)
      if (needed.script !== '') {
        await this.#run(needed.script)
        needed.remember()
      }
      try {
        for (const part of transactions(remaining)) {
          await this.#socket.apply((batch) => encodeOperations(batch, part))
          this.#generations.own()
        }
      } catch (error) {
        throw translate(error)
      }
    })
  }

  watch(onChange: (change: ForeignChange) => void): { close(): void } {
    let open = true
    const overrun = async () => {
      if ((await this.#missedNothing()) || !open) return
      onChange({ by: '', ours: true })
    }
    const watch = this.#socket.watch((event) => {
      if (event === 'overrun') void overrun()
      else if (!event.own && event.processName === 'nft' && this.#reported < this.#scripts) this.#reported++
      else if (!event.own) {
        this.#generations.other(event.generation)
        onChange({ by: event.processName, ours: namesOurs(event) })
      }
    })
    const close = () => {
      open = false
      watch.close()
    }
    return { close }
  }

  async counters(): Promise<Counters> {
    try {
      const counters = { escapes: 0, returned: 0 }
      for (const family of families) {
        const found = await readCounters(this.#socket, family)
        counters.escapes += found.get(ESCAPES_COUNTER) ?? 0
        counters.returned += found.get(RETURNED_COUNTER) ?? 0
      }
      return counters
    } catch (error) {
      throw translate(error)
    }
  }

  async installed(): Promise<boolean> {
    return (await this.#tables()).length > 0
  }

  async foreign(): Promise<string> {
    try {
      return describeForeign(await readForeignNames(this.#socket), this.#signs())
    } catch (error) {
      throw translate(error)
    }
  }

  async remove(): Promise<readonly string[]> {
    const there = await this.#tables()
    if (there.length > 0) await this.#run(there.map(removeText).join(''))
    this.#shapes = { 4: noShapes(), 6: noShapes() }
    this.#replace.clear()
    return there.map((family) => `nftables table ${familyName(family)} ${TABLE}`)
  }

  close(): void {
    this.#socket.close()
  }

  /** Some events were lost; true when all of them were of transactions that we know of, most likely our own. */
  async #missedNothing(): Promise<boolean> {
    try {
      for (;;) {
        await this.#work
        const works = this.#works
        const generation = await this.#generation()
        // What was begun meanwhile may be in that number or not.
        if (works === this.#works) return this.#generations.complete(generation)
      }
    } catch {
      return false
    }
  }

  async #generation(): Promise<number> {
    try {
      return await this.#socket.generation()
    } catch (error) {
      throw translate(error)
    }
  }

  /** Notes that our own work on the rule set is under way. */
  #busy<T>(work: () => Promise<T>): Promise<T> {
    this.#works++
    const done = work()
    this.#work = done.catch(() => {})
    return done
  }

  /** Everything that is there, and the families whose program is not there or is another one. */
  async #read() {
    const found: MutableElements = emptyElements()
    const shapes = { 4: noShapes(), 6: noShapes() }
    const absent: Family[] = []
    const other: Family[] = []
    try {
      for (const family of families) {
        const state = await readTableState(this.#socket, family, this.#detector)
        if (state.program === 'absent') absent.push(family)
        const elements = state.program === 'whole' && (await readCollections(this.#socket, family, state))
        if (elements) {
          found[family] = elements
          shapes[family] = shapesIn(state)
        } else if (state.program !== 'absent') other.push(family)
      }
    } catch (error) {
      throw translate(error)
    }
    return { found, shapes, absent, other }
  }

  async #tables(): Promise<readonly Family[]> {
    const there: Family[] = []
    try {
      for (const family of families) {
        if ((await readTableState(this.#socket, family, this.#detector)).program !== 'absent')
          there.push(family)
      }
    } catch (error) {
      throw translate(error)
    }
    return there
  }

  async #run(text: string): Promise<void> {
    const script = ++this.#scripts
    try {
      await this.#nft(text)
      this.#generations.own()
    } finally {
      // What the kernel told of it is read in this turn of the event loop.
      setImmediate(() => (this.#reported = Math.max(this.#reported, script)))
    }
  }

  /**
   * Puts our program in the place of another one, with its elements, in one transaction: there is no moment without
   * a program. `adopt` said that nothing is there, so all operations of that family are additions.
   */
  async #replaceTables(operations: readonly Operation[]): Promise<readonly Operation[]> {
    let remaining = operations
    for (const family of this.#replace) {
      const own = remaining.filter((operation) => operation.family === family)
      const needed = missingShapes(own, this.#shapes)
      const parts = [installText(family, this.#detector), needed.script, elementsText(family, own)]
      await this.#run([...parts, learnedText(family, await this.#learned(family), own)].join(''))
      this.#replace.delete(family)
      needed.remember()
      remaining = remaining.filter((operation) => operation.family !== family)
    }
    return remaining
  }

  async #readInherited(other: readonly Family[]): Promise<Elements | undefined> {
    const inherited: MutableElements = emptyElements()
    try {
      for (const family of other) {
        const slots = await readSlots(this.#socket, family)
        if (slots !== undefined) inherited[family] = { ...inherited[family], ...slots }
      }
    } catch (error) {
      throw translate(error)
    }
    return other.length === 0 ? undefined : inherited
  }

  async #learned(family: Family) {
    try {
      return await readLearned(this.#socket, family)
    } catch (error) {
      throw translate(error)
    }
  }
}

/** What a transaction does to a table, it tells by the table's name. */
const namesOurs = ({ tables }: GenerationEvent): boolean =>
  tables.some(({ family, name }) => name === TABLE && families.some((one) => nfFamily(one) === family))
