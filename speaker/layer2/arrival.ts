/** How long this node has known the others: for a while it cannot tell who of them is there. */
export class Arrival {
  #until: number | undefined

  /** To be called with every list of the others; the first one counts. @param ms after which BFD has said all it can */
  begin(now: number, ms: number): void {
    this.#until ??= now + ms
  }

  /** The end of that time; in the past where there is none. */
  get until(): number {
    return this.#until ?? Number.NEGATIVE_INFINITY
  }
}
