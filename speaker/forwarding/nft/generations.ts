/**
 * The kernel counts the transactions on its rule set and tells of each, unless its word is lost: thousands of our own
 * elements fill the buffer for it. Here is added up what is known, so that the kernel's own number says whether
 * anything else happened meanwhile.
 */
export class Generations {
  #base: number | undefined
  #ours = 0
  #others = 0

  /** Everything up to this generation is known from a listing. No transaction of ours is under way. */
  listed(generation: number): void {
    this.#base = generation
    this.#ours = 0
    this.#others = 0
  }

  /** A transaction of ours was carried out. */
  own(): void {
    this.#ours++
  }

  /** One of somebody else was told of, as a whole. */
  other(generation: number): void {
    // Numbers go round at 32 bits.
    if (this.#base !== undefined && ((generation - this.#base) | 0) > 0) this.#others++
  }

  /** Whether nothing but what is known has led to this generation. No transaction of ours is under way. */
  complete(generation: number): boolean {
    return this.#base !== undefined && (generation - this.#base - this.#ours - this.#others) % 2 ** 32 === 0
  }
}
