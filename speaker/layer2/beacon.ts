/** Milliseconds between the probes of a node in the first time after a failure, at least and for each node. */
const soon = { least: 100, perNode: 10, for: 60_000 } as const
const later = 1000

interface Missed {
  readonly since: number
}

/**
 * While other nodes are gone by failure, a holder lets itself be heard: when a partition heals, both sides hear of
 * each other before BFD is Up again. One probe at a time for any of the addresses that a lost node may hold, the
 * nodes in turn. Probes and not announcements, because a node that only hears badly must not pull caches to itself.
 */
export class Beacon {
  readonly #missed = new Map<string, Missed>()
  #given: readonly string[] = []
  #at = Number.POSITIVE_INFINITY

  /** @param missing the lost nodes; the same list means no change */
  set(missing: readonly string[], now: number): void {
    if (missing === this.#given) return
    this.#given = missing
    const wanted = new Set(missing)
    for (const node of this.#missed.keys()) if (!wanted.has(node)) this.#missed.delete(node)
    for (const node of wanted) {
      if (this.#missed.has(node)) continue
      this.#missed.set(node, { since: now })
      this.#at = Math.min(this.#at, now + soon.least)
    }
    if (this.#missed.size === 0) this.#at = Number.POSITIVE_INFINITY
  }

  /**
   * The lost nodes in the order in which they are to be called, when it is time for it.
   * @param nodes how many there are in the cluster
   */
  due(nodes: number, now: number): string[] {
    if (now < this.#at) return []
    const recent = [...this.#missed.values()].some(({ since }) => now - since < soon.for)
    this.#at = now + (recent ? Math.max(soon.least, soon.perNode * nodes) : later)
    return [...this.#missed.keys()]
  }

  /** The node has had its turn. */
  called(node: string): void {
    const missed = this.#missed.get(node)
    if (missed === undefined) return
    this.#missed.delete(node)
    this.#missed.set(node, missed)
  }

  next(): number | undefined {
    return this.#at === Number.POSITIVE_INFINITY ? undefined : this.#at
  }
}
