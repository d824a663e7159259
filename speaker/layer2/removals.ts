/** Milliseconds: other nodes may not have heard in between that the address was gone. */
const rememberedFor = 5000
/** Addresses removed together, of a cluster that is emptied and filled again. */
const mostRemembered = 10_000

/**
 * Addresses that this node answered for when they were removed. One that comes back at once was perhaps never gone for
 * others, who still take this node for its holder: so it goes on as one.
 */
export class Removals {
  readonly #removed = new Map<string, number>()
  /** since the last call that knew the time */
  readonly #justNow = new Set<string>()

  removed(address: string): void {
    if (this.#removed.size + this.#justNow.size < mostRemembered) this.#justNow.add(address)
  }

  /** The address is there again. @returns whether it was held here a moment ago */
  returned(address: string): boolean {
    return this.#justNow.delete(address) || this.#removed.delete(address)
  }

  /** Forgets what is too long ago; to be called often while there is anything. */
  step(now: number): void {
    for (const [address, at] of this.#removed) {
      if (now - at <= rememberedFor) break
      this.#removed.delete(address)
    }
    for (const address of this.#justNow) this.#removed.set(address, now)
    this.#justNow.clear()
  }
}
