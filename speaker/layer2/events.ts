import type { Layer2Event } from '../wire/protocol.ts'
import type { Layer2Happening } from './errors.ts'

/** Events kept until they are taken. */
export const eventsKept = 4096

/** What happened since it was asked last, oldest first. Bounded: what does not fit is counted. */
export class Events {
  #events: Layer2Event[] = []
  #lost = 0

  /** @param address '' when it concerns the node as a whole */
  add(
    now: number,
    address: string,
    what: Layer2Happening,
    more: Omit<Layer2Event, 'at' | 'address' | 'what'> = {},
  ): void {
    if (this.#events.length < eventsKept) this.#events.push({ at: now, address, what, ...more })
    else this.#lost++
  }

  get empty(): boolean {
    return this.#events.length === 0
  }

  take(now: number): readonly Layer2Event[] {
    const events = this.#events
    const what: Layer2Happening = 'eventsLost'
    if (this.#lost > 0) events.push({ at: now, address: '', what, cause: String(this.#lost) })
    this.#events = []
    this.#lost = 0
    return events
  }
}
