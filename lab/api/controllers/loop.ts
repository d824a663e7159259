import type { Change, Store } from '../store/store.ts'

/** A controller: notes what changes, and works when it is told to. */
export interface Controller {
  /** has it anything to do? */
  readonly pending: boolean
  /** called inside of writes; must not write */
  observe(collection: string, change: Change): void
  /** does everything that is due */
  step(): void
}

/**
 * Runs the controllers that a cluster cannot do without, apart from the writes that give them work: listeners
 * only take note, the work is done in a later turn of the event loop.
 */
export class ControllerLoop {
  readonly #parts: readonly Controller[]
  readonly #unsubscribe: () => void
  #scheduled: NodeJS.Immediate | undefined
  #waiting: (() => void)[] = []

  constructor(store: Store, parts: readonly Controller[]) {
    this.#parts = parts
    this.#unsubscribe = store.subscribeAll((collection, change) => {
      for (const part of parts) part.observe(collection, change)
      this.#schedule()
    })
  }

  /** Resolves when there is nothing left to do. */
  settled(): Promise<void> {
    if (!this.#pending) return Promise.resolve()
    this.#schedule()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  stop(): void {
    this.#unsubscribe()
    clearImmediate(this.#scheduled)
  }

  get #pending(): boolean {
    return this.#parts.some((part) => part.pending)
  }

  #schedule(): void {
    if (!this.#pending) return
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined
      for (const part of this.#parts) part.step()
      if (this.#pending) this.#schedule()
      else for (const resolve of this.#waiting.splice(0)) resolve()
    })
  }
}
