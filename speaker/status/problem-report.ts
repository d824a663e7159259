import type { Clock, Timer } from '#kube/clock.ts'
import { SETTLE_MS, type AddressProblems } from './problems.ts'

/** Looks at problems when something about an address changed, and tells those that last. */
export class ProblemReport {
  readonly #clock: Clock
  readonly #problems: AddressProblems
  readonly #onChange: () => void
  #timer: Timer | undefined
  #stopped = false

  /** @param onChange the list of lasting problems may be another one */
  constructor(clock: Clock, problems: AddressProblems, onChange: () => void) {
    this.#clock = clock
    this.#problems = problems
    this.#onChange = onChange
  }

  look(addresses: readonly string[]): void {
    const now = this.#clock.now()
    let changed = false
    for (const address of addresses) changed = this.#problems.look(address, now) || changed
    if (changed) this.#tellLater()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #tellLater(): void {
    if (this.#stopped) return
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#onChange()
      if (this.#problems.settling(this.#clock.now())) this.#tellLater()
    }, SETTLE_MS)
  }
}
