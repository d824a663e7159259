import type { Asked, Client } from './host.ts'
import type { World } from './world.ts'

/** A client that asks for one address at a steady pace, and what it saw. */
export class Watch {
  readonly #world: World
  readonly #asked: Asked[] = []

  /** @param every milliseconds between two questions */
  constructor(world: World, client: Client, address: string, every = 10) {
    this.#world = world
    const ask = (): void => {
      this.#asked.push(world.ask(client, address))
      world.time.after(every, ask)
    }
    ask()
  }

  /** The longest time without an answer since `from`, milliseconds. */
  gap(from: number): number {
    return this.#longest(from, ({ answers }) => answers.length === 0)
  }

  /** The longest time in which several nodes answered. */
  several(from: number): number {
    return this.#longest(from, ({ answers }) => new Set(answers).size > 1)
  }

  /** From the first question that is so to the first after it that is not. */
  #longest(from: number, is: (asked: Asked) => boolean): number {
    let longest = 0
    let since: number | undefined
    // The last questions may still be answered.
    const settled = this.#asked.filter(({ at }) => at >= from && at < this.#world.time.now - 50)
    for (const asked of settled) {
      if (is(asked)) since ??= asked.at
      else since = undefined
      if (since !== undefined) longest = Math.max(longest, asked.at - since)
    }
    return longest
  }
}
