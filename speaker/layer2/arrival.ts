/** What is to be learned of nodes that are watched is there by then, unless BFD was made very slow. */
const LONGEST_MS = 1000

/** How long this node has known the others: for a while it cannot tell who of them is there. */
export class Arrival {
  #until: number | undefined

  /** To be called with every list of the others; the first one counts. @param ms after which BFD has said all it can */
  begin(now: number, ms: number): void {
    this.#until ??= now + Math.min(ms, LONGEST_MS)
  }

  /** The end of that time; in the past where there is none. */
  get until(): number {
    return this.#until ?? Number.NEGATIVE_INFINITY
  }
}
