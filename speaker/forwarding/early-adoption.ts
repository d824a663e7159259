import type { Dataplane } from './dataplane.ts'
import type { Elements } from './model.ts'

/**
 * Reading back what a process before this one left in the data plane takes as long as the API server takes for the
 * first lists, so both are done at the same time. Only where something of ours is there already: the program is not
 * installed before it is clear that forwarding is ours to do.
 */
export class EarlyAdoption {
  readonly #dataplane: Dataplane
  #work: Promise<Elements | undefined> = Promise.resolve(undefined)
  #spoiled = false

  constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane
  }

  start(): void {
    this.#work = this.#adopt()
  }

  /** Somebody else may have changed what is ours: what was read is good for nothing. */
  spoil(): void {
    this.#spoiled = true
  }

  /** What was read, once; undefined when that must be done now. */
  async take(): Promise<Elements | undefined> {
    const work = this.#work
    this.#work = Promise.resolve(undefined)
    const found = await work
    return this.#spoiled ? undefined : found
  }

  /** Resolves when nothing is being read any more. */
  async done(): Promise<void> {
    await this.#work
  }

  /** Whatever goes wrong here is tried again, and told, by the first transaction. */
  async #adopt(): Promise<Elements | undefined> {
    try {
      return (await this.#dataplane.installed()) ? await this.#dataplane.adopt() : undefined
    } catch {
      return undefined
    }
  }
}
