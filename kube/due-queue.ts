interface Entry {
  readonly key: string
  readonly at: number
  readonly order: number
}

/**
 * Keys with a due time: a binary heap by (due time, order of arrival), each key once. A key that moves to an earlier
 * time leaves its old entry behind; such entries are skipped, and swept when they outnumber the live ones.
 */
export class DueQueue {
  #heap: Entry[] = []
  readonly #live = new Map<string, Entry>()
  #order = 0

  get size(): number {
    return this.#live.size
  }

  /** due time of the earliest key */
  get nextAt(): number | undefined {
    return this.#top()?.at
  }

  /** The earlier time wins; an equal one keeps the key's place. */
  set(key: string, at: number): void {
    const present = this.#live.get(key)
    if (present && present.at <= at) return
    const entry: Entry = { key, at, order: this.#order++ }
    this.#live.set(key, entry)
    this.#push(entry)
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#live.size) {
      // A sorted array is a heap.
      this.#heap = [...this.#live.values()].sort((a, b) => (before(a, b) ? -1 : 1))
    }
  }

  /** Removes and returns the earliest key when it is due at `now`. */
  takeDue(now: number): { readonly key: string; readonly at: number } | undefined {
    const top = this.#top()
    if (!top || top.at > now) return undefined
    this.#pop()
    this.#live.delete(top.key)
    return top
  }

  clear(): void {
    this.#heap = []
    this.#live.clear()
  }

  #top(): Entry | undefined {
    while (this.#heap[0] && this.#live.get(this.#heap[0].key) !== this.#heap[0]) this.#pop()
    return this.#heap[0]
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const moved = heap.pop()
    if (!moved || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, moved)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = moved
  }
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
