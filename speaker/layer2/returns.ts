/** A node that is not seen by BFD and is heard is told what is held here, and again after so many milliseconds. */
const interval = { least: 3000, most: 300_000 } as const

/**
 * Who has been told lately what is held here. Two nodes that could not hear each other may hold the same, so the first
 * sign of a lost node makes this one announce. Where BFD never comes up that is done less and less often, unless
 * something was taken since.
 */
export class Returns {
  readonly #told = new Map<string, { readonly at: number; readonly interval: number }>()

  /** The node was heard. @returns whether to tell it now */
  heard(node: string, now: number): boolean {
    const last = this.#told.get(node)
    if (last !== undefined && now - last.at < last.interval) return false
    const next = last === undefined ? interval.least : Math.min(interval.most, 2 * last.interval)
    this.#told.set(node, { at: now, interval: next })
    return true
  }

  /** What it was told is not all any more, or it may have forgotten it. */
  forget(node: string): void {
    this.#told.delete(node)
  }
}
