import { checkElement, checkReferences } from './check.ts'
import type { Counters, Dataplane, ForeignChange } from './dataplane.ts'
import { applyTo } from './diff.ts'
import { ForwardingError } from './errors.ts'
import {
  collectionNames,
  copyElements,
  countElements,
  emptyElements,
  families,
  type Elements,
  type MutableElements,
  type Operation,
} from './model.ts'

/**
 * A data plane in memory that behaves as the kernel's: all or nothing, the same errors. It is stricter in one point:
 * it refuses frontends that count endpoints which are not there.
 */
export class FakeDataplane implements Dataplane {
  #elements: MutableElements = emptyElements()
  #installed = false
  readonly #watchers = new Set<(change: ForeignChange) => void>()
  /** every transaction that was accepted, oldest first */
  readonly transactions: (readonly Operation[])[] = []
  /** how often the elements were listed */
  adoptions = 0
  /** the next `apply` fails with this, once */
  failure: Error | undefined
  foreignProxy = ''
  /** packets that the kernel would have caught */
  escapes = 0
  returned = 0

  adopt(): Promise<Elements> {
    this.adoptions++
    this.#installed = true
    return Promise.resolve(copyElements(this.#elements))
  }

  list(): Promise<Elements> {
    return Promise.resolve(copyElements(this.#elements))
  }

  async apply(operations: readonly Operation[]): Promise<void> {
    await Promise.resolve()
    const { failure } = this
    this.failure = undefined
    if (failure) throw failure
    const next = copyElements(this.#elements)
    for (const operation of operations) {
      checkElement(operation)
      const { family, collection, key } = operation
      const there = next[family][collection].has(key)
      if (operation.do === 'add' && there) {
        throw new ForwardingError('FL_FORWARDING_EXISTS', `${collection} { ${key} } is there already`)
      }
      if (operation.do !== 'add' && !there) {
        throw new ForwardingError('FL_FORWARDING_MISSING', `${collection} { ${key} } is not there`)
      }
      applyTo(next, [operation])
    }
    checkReferences(next)
    this.#elements = next
    if (operations.length > 0) this.transactions.push(operations)
  }

  watch(onChange: (change: ForeignChange) => void): { close(): void } {
    this.#watchers.add(onChange)
    return { close: () => void this.#watchers.delete(onChange) }
  }

  counters(): Promise<Counters> {
    return Promise.resolve({ escapes: this.escapes, returned: this.returned })
  }

  installed(): Promise<boolean> {
    return Promise.resolve(this.#installed)
  }

  foreign(): Promise<string> {
    return Promise.resolve(this.foreignProxy)
  }

  remove(): Promise<readonly string[]> {
    const removed = countElements(this.#elements) > 0 ? ['elements in memory'] : []
    this.#elements = emptyElements()
    this.#installed = false
    return Promise.resolve(removed)
  }

  close(): void {
    this.#watchers.clear()
  }

  /** Somebody else changes the elements behind our back. */
  meddle(change: (elements: MutableElements) => void): void {
    change(this.#elements)
    this.#tell(true)
  }

  /** Somebody else changes rules of their own. */
  meddleElsewhere(): void {
    this.#tell(false)
  }

  #tell(ours: boolean): void {
    for (const watcher of this.#watchers) watcher({ by: 'meddler', ours })
  }

  /** Everything that is there, one sorted line an element. */
  dump(): string[] {
    return elementLines(this.#elements)
  }
}

/** Elements as sorted lines, such as `4 frontends { 10.96.0.1 . tcp . 80 : 2 }`. */
export const elementLines = (elements: Elements): string[] =>
  families
    .flatMap((family) =>
      collectionNames.flatMap((name) =>
        [...elements[family][name]].map(
          ([key, value]) => `${family} ${name} { ${key}${value === '' ? '' : ` : ${value}`} }`,
        ),
      ),
    )
    .sort()
