/**
 * Keys in the order of their deadlines: a binary heap that knows where each key is, so that moving and deleting
 * cost O(log n) and nothing dead stays in it. Equal deadlines come in the order in which they were set.
 */
export class Deadlines<Key> {
  readonly #heap: Entry<Key>[] = []
  readonly #byKey = new Map<Key, Entry<Key>>()
  #sequence = 0

  get size(): number {
    return this.#heap.length
  }

  /** Adds the key or moves it. `at` is in the caller's clock. */
  set(key: Key, at: number): void {
    const known = this.#byKey.get(key)
    const entry = known ?? { key, at, sequence: 0, index: this.#heap.length }
    entry.at = at
    entry.sequence = this.#sequence++
    if (known === undefined) {
      this.#byKey.set(key, entry)
      this.#heap.push(entry)
    }
    this.#restore(entry)
  }

  delete(key: Key): boolean {
    const entry = this.#byKey.get(key)
    if (entry === undefined) return false
    this.#byKey.delete(key)
    const last = this.#heap.pop() as Entry<Key>
    if (last !== entry) {
      last.index = entry.index
      this.#heap[entry.index] = last
      this.#restore(last)
    }
    return true
  }

  get(key: Key): number | undefined {
    return this.#byKey.get(key)?.at
  }

  /** The earliest deadline. */
  next(): number | undefined {
    return this.#heap[0]?.at
  }

  /** The key of the earliest deadline, when that is not after `now`; it stays in until deleted or moved. */
  due(now: number): Key | undefined {
    const first = this.#heap[0]
    return first !== undefined && first.at <= now ? first.key : undefined
  }

  #restore(entry: Entry<Key>): void {
    const heap = this.#heap
    while (entry.index > 0) {
      const parent = heap[(entry.index - 1) >> 1]
      if (!before(entry, parent)) break
      this.#swap(entry, parent)
    }
    for (;;) {
      const left = heap[2 * entry.index + 1]
      const right = heap[2 * entry.index + 2]
      const child = right !== undefined && before(right, left) ? right : left
      if (child === undefined || !before(child, entry)) return
      this.#swap(entry, child)
    }
  }

  #swap(a: Entry<Key>, b: Entry<Key>): void {
    const index = a.index
    a.index = b.index
    b.index = index
    this.#heap[a.index] = a
    this.#heap[b.index] = b
  }
}

interface Entry<Key> {
  readonly key: Key
  at: number
  sequence: number
  index: number
}

const before = (a: Entry<unknown>, b: Entry<unknown>): boolean =>
  a.at === b.at ? a.sequence < b.sequence : a.at < b.at

/** The least of these times; undefined is never. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  let first: number | undefined
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time
  return first
}
