import { existsSync } from 'node:fs'
import type { Family } from '#inet/address.ts'
import { SystemError } from '#raw-socket/errors.ts'
import {
  openNetfilterSocket,
  type GenerationEvent,
  type NetfilterSocket,
} from '#raw-socket/netlink/netfilter.ts'
import type { Dataplane, ForeignChange } from '../dataplane.ts'
import { ForwardingError } from '../errors.ts'
import { countings, emptyElements, families, type Counting, type Elements, type Operation } from '../model.ts'
import { encodeOperations, nfFamily, setOf } from './encode.ts'
import { describeForeign } from './foreign.ts'
import { runNft, type RunNft } from './install.ts'
import { readCollections, readForeignNames, readTableState } from './table-state.ts'
import {
  allowedSourcesSet,
  allowedSourcesText,
  elementsText,
  familyName,
  installText,
  removeText,
  spreadText,
  TABLE,
} from './text.ts'

interface Shapes {
  /** numbers of endpoints for which there is a chain */
  readonly spreads: Set<number>
  /** prefix lengths for which there is a set of source ranges */
  readonly sources: Set<number>
  /** the table holds another program: the next transaction puts ours in its place together with all elements */
  replace: boolean
}

const noShapes = (): Shapes => ({ spreads: new Set(), sources: new Set(), replace: false })

export interface KernelDataplaneOptions {
  /** opened in the namespace to program; the default opens it in this thread's */
  readonly socket?: NetfilterSocket
  /** runs in the same namespace */
  readonly nft?: RunNft
}

/**
 * nf_tables: rules as text by `nft`, so that the node's administrator reads what we wrote; elements by netlink, so
 * that a change costs microseconds.
 */
export class KernelDataplane implements Dataplane {
  readonly #socket: NetfilterSocket
  readonly #nft: RunNft
  #shapes: Record<Family, Shapes> = { 4: noShapes(), 6: noShapes() }
  /** transactions of our own `nft`, which the kernel reports as somebody else's */
  #running = 0

  /** @throws SystemError FL_SYS_ERRNO without the right to open the socket */
  constructor(options: KernelDataplaneOptions = {}) {
    this.#socket = options.socket ?? openNetfilterSocket()
    this.#nft = options.nft ?? runNft
  }

  async adopt(): Promise<Elements> {
    const found = emptyElements()
    const shapes = { 4: noShapes(), 6: noShapes() }
    try {
      for (const family of families) {
        const state = await readTableState(this.#socket, family)
        if (state.program === 'absent') await this.#run(installText(family))
        else if (state.program === 'other') shapes[family].replace = true
        else {
          found[family] = await readCollections(this.#socket, family, state.sourceLengths)
          for (const count of state.spreads) shapes[family].spreads.add(count)
          for (const length of state.sourceLengths) shapes[family].sources.add(length)
        }
      }
    } catch (error) {
      throw translate(error)
    }
    this.#shapes = shapes
    return found
  }

  async apply(operations: readonly Operation[]): Promise<void> {
    const remaining = await this.#replaceTables(operations)
    const needed = this.#missingShapes(remaining)
    if (needed.script !== '') {
      await this.#run(needed.script)
      needed.remember()
    }
    try {
      for (const part of transactions(remaining)) {
        await this.#socket.apply((batch) => encodeOperations(batch, part))
      }
    } catch (error) {
      throw translate(error)
    }
  }

  watch(onChange: (change: ForeignChange) => void): { close(): void } {
    return this.#socket.watch((event) => {
      if (event === 'overrun') onChange({ by: '', ours: true })
      else if (!event.own && !(this.#running > 0 && event.processName === 'nft')) {
        onChange({ by: event.processName, ours: namesOurs(event) })
      }
    })
  }

  async foreign(): Promise<string> {
    try {
      return describeForeign(await readForeignNames(this.#socket), existsSync)
    } catch (error) {
      throw translate(error)
    }
  }

  async remove(): Promise<readonly string[]> {
    const there: Family[] = []
    try {
      for (const family of families) {
        if ((await readTableState(this.#socket, family)).program !== 'absent') there.push(family)
      }
    } catch (error) {
      throw translate(error)
    }
    if (there.length > 0) await this.#run(there.map(removeText).join(''))
    this.#shapes = { 4: noShapes(), 6: noShapes() }
    return there.map((family) => `nftables table ${familyName(family)} ${TABLE}`)
  }

  close(): void {
    this.#socket.close()
  }

  async #run(script: string): Promise<void> {
    this.#running++
    try {
      await this.#nft(script)
    } finally {
      // What the kernel told of it is read in this turn of the event loop.
      setImmediate(() => this.#running--)
    }
  }

  /**
   * Puts our program in the place of another one, with its elements, in one transaction: there is no moment without
   * a program. `adopt` said that nothing is there, so all operations of that family are additions.
   */
  async #replaceTables(operations: readonly Operation[]): Promise<readonly Operation[]> {
    let remaining = operations
    for (const family of families) {
      if (!this.#shapes[family].replace) continue
      const own = remaining.filter((operation) => operation.family === family)
      const needed = this.#missingShapes(own)
      await this.#run([installText(family), needed.script, elementsText(family, own)].join(''))
      this.#shapes[family].replace = false
      needed.remember()
      remaining = remaining.filter((operation) => operation.family !== family)
    }
    return remaining
  }

  /** The chains and sets that these operations are the first to need. */
  #missingShapes(operations: readonly Operation[]): { script: string; remember: () => void } {
    const scripts = new Map<string, { text: string; remember: () => void }>()
    for (const { do: what, family, collection, key, value } of operations) {
      if (what === 'delete') continue
      const shapes = this.#shapes[family]
      if (isCounting(collection)) {
        const count = Number(value)
        const name = `${family} ${count}`
        if (shapes.spreads.has(count) || scripts.has(name)) continue
        scripts.set(name, { text: spreadText(family, count), remember: () => shapes.spreads.add(count) })
      } else if (collection === 'allowed-sources') {
        const set = setOf({ collection, key })
        const length = Number(set.slice(allowedSourcesSet(0).length - 1))
        if (shapes.sources.has(length) || scripts.has(`${family} ${set}`)) continue
        const text = allowedSourcesText(family, length)
        scripts.set(`${family} ${set}`, { text, remember: () => shapes.sources.add(length) })
      }
    }
    return {
      script: [...scripts.values()].map(({ text }) => text).join(''),
      remember: () => {
        for (const { remember } of scripts.values()) remember()
      },
    }
  }
}

/** What a transaction does to a table, it tells by the table's name. */
const namesOurs = ({ tables }: GenerationEvent): boolean =>
  tables.some(({ family, name }) => name === TABLE && families.some((one) => nfFamily(one) === family))

const isCounting = (collection: string): collection is Counting =>
  (countings as readonly string[]).includes(collection)

/**
 * A transaction is one datagram, at most 64 MiB; only a first load of more than this many elements is split. Its parts
 * are in the order of the operations, so endpoints are there before the frontends that lead to them.
 */
const TRANSACTION_LIMIT = 250_000

function* transactions(operations: readonly Operation[]): Generator<readonly Operation[]> {
  for (let at = 0; at < operations.length; at += TRANSACTION_LIMIT) {
    yield operations.slice(at, at + TRANSACTION_LIMIT)
  }
}

function translate(error: unknown): unknown {
  if (!(error instanceof SystemError)) return error
  const code =
    error.errnoName === 'EEXIST'
      ? 'FL_FORWARDING_EXISTS'
      : error.errnoName === 'ENOENT'
        ? 'FL_FORWARDING_MISSING'
        : 'FL_FORWARDING_KERNEL'
  return new ForwardingError(code, error.message, { cause: error })
}
