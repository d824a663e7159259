/** Sets by key, without empty sets. */
export class MultiMap<K, V> {
  readonly #sets = new Map<K, Set<V>>()

  add(key: K, value: V): void {
    const set = this.#sets.get(key) ?? new Set()
    this.#sets.set(key, set.add(value))
  }

  delete(key: K, value: V): void {
    const set = this.#sets.get(key)
    set?.delete(value)
    if (set?.size === 0) this.#sets.delete(key)
  }

  /** Live: what is added while it is read is read too. */
  get(key: K): ReadonlySet<V> {
    return this.#sets.get(key) ?? new Set()
  }

  count(key: K): number {
    return this.#sets.get(key)?.size ?? 0
  }
}
