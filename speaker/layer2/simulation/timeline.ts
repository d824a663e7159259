/** What happened lately, for the report of a violation. Lines are made only when somebody reads them. */
export class Timeline {
  readonly #entries: { readonly at: number; readonly line: () => string }[] = []
  readonly #kept: number
  #first = 0

  /** @param kept entries */
  constructor(kept: number) {
    this.#kept = kept
  }

  add(at: number, line: () => string): void {
    if (this.#entries.length < this.#kept) {
      this.#entries.push({ at, line })
      return
    }
    this.#entries[this.#first] = { at, line }
    this.#first = (this.#first + 1) % this.#kept
  }

  /** The lines from `since` on, oldest first. */
  lines(since: number): string[] {
    const inOrder = [...this.#entries.slice(this.#first), ...this.#entries.slice(0, this.#first)]
    return inOrder.filter(({ at }) => at >= since).map(({ at, line }) => `${seconds(at)}  ${line()}`)
  }
}

/** Milliseconds as seconds, in a column. */
export const seconds = (ms: number): string => (ms / 1000).toFixed(4).padStart(9)
