import type { Answer, LoopOutcome, Placed } from './messages.ts'

const MAX_FAILURES = 100

interface Tally {
  made: number
  failed: number
  slowestMs: number
}

/**
 * Asks targets in turn at a steady rate. What is late is made up for: a busy machine delays requests and does not
 * leave any out.
 */
export class Loop {
  readonly #targets: readonly Placed[]
  readonly #everyMs: number
  readonly #ask: (placed: Placed) => Promise<Answer>
  readonly #tallies: Tally[]
  readonly #failures: LoopOutcome['failures'][number][] = []
  readonly #open = new Set<Promise<void>>()
  #begun = 0
  #made = 0
  #timer: NodeJS.Timeout | undefined

  constructor(targets: readonly Placed[], everyMs: number, ask: (placed: Placed) => Promise<Answer>) {
    this.#targets = targets
    this.#everyMs = everyMs
    this.#ask = ask
    this.#tallies = targets.map(() => ({ made: 0, failed: 0, slowestMs: 0 }))
  }

  start(): void {
    this.#begun = performance.now()
    this.#timer = setInterval(() => this.#catchUp(), this.#everyMs)
  }

  /** Makes no more requests and waits for the answers of those that were made. */
  async stop(): Promise<LoopOutcome> {
    clearInterval(this.#timer)
    this.#catchUp()
    await Promise.all(this.#open)
    return { targets: this.#tallies, failures: this.#failures, ms: performance.now() - this.#begun }
  }

  #catchUp(): void {
    const due = Math.floor((performance.now() - this.#begun) / this.#everyMs)
    while (this.#made < due) this.#one(this.#made++ % this.#targets.length)
  }

  #one(target: number): void {
    const from = performance.now()
    const tally = this.#tallies[target]
    tally.made++
    const asking = this.#ask(this.#targets[target]).then(({ error, pod }) => {
      this.#open.delete(asking)
      const now = performance.now()
      if (pod !== undefined) tally.slowestMs = Math.max(tally.slowestMs, now - from)
      else {
        tally.failed++
        const failure = { target, at: Math.round(from - this.#begun), error: error ?? 'no echo server' }
        if (this.#failures.length < MAX_FAILURES) this.#failures.push(failure)
      }
    })
    this.#open.add(asking)
  }
}
