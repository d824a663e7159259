/** More different ones than a cluster has at a time. */
const LIMIT = 4096

/**
 * Equal values kept once: thousands of addresses have the same candidates. A message to another thread keeps them
 * shared. For values that JSON can tell apart; whoever gets one does not change it.
 */
export class SharedValues {
  readonly #values = new Map<string, unknown>()

  /** This value, or the equal one that came first. */
  of<T>(value: T): T {
    const text = JSON.stringify(value)
    const known = this.#values.get(text)
    if (known !== undefined) return known as T
    if (this.#values.size >= LIMIT) this.#values.clear()
    this.#values.set(text, value)
    return value
  }
}
