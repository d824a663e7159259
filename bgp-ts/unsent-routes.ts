import type { UnsentReason } from './status.ts'

/** The wanted routes that a session cannot carry, by the number of their prefix. */
export class UnsentRoutes {
  readonly #reasons = new Map<number, UnsentReason>()
  readonly #counts = new Map<UnsentReason, number>()

  reasonOf(number: number): UnsentReason | undefined {
    return this.#reasons.get(number)
  }

  /** How many there are, by reason. */
  counts(): Partial<Record<UnsentReason, number>> {
    return Object.fromEntries(this.#counts)
  }

  add(number: number, reason: UnsentReason): void {
    this.#reasons.set(number, reason)
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  delete(number: number): void {
    const reason = this.#reasons.get(number)
    if (reason === undefined) return
    this.#reasons.delete(number)
    const count = (this.#counts.get(reason) ?? 0) - 1
    if (count > 0) this.#counts.set(reason, count)
    else this.#counts.delete(reason)
  }
}
