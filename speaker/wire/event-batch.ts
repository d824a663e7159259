import type { Clock, Timer } from '#kube/clock.ts'
import type { Layer2Happening } from '../layer2/errors.ts'
import type { Layer2Event } from './protocol.ts'

/** How long events gather. */
const batchTime = 100
/** Events of one batch: a node that takes a thousand addresses has three of each. */
export const mostEvents = 4096

/** Events in messages of many. What does not fit is counted, and the count is the last event. */
export class EventBatch {
  readonly #clock: Clock
  readonly #post: (events: readonly Layer2Event[]) => void
  #events: Layer2Event[] = []
  #lost = 0
  #timer: Timer | undefined

  constructor(clock: Clock, post: (events: readonly Layer2Event[]) => void) {
    this.#clock = clock
    this.#post = post
  }

  add(events: readonly Layer2Event[]): void {
    if (events.length === 0) return
    const room = mostEvents - this.#events.length
    this.#events.push(...events.slice(0, room))
    this.#lost += Math.max(0, events.length - room)
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), batchTime)
  }

  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#events.length === 0) return
    const what: Layer2Happening = 'eventsLost'
    if (this.#lost > 0) {
      this.#events.push({ at: this.#clock.now(), address: '', what, cause: String(this.#lost) })
    }
    this.#post(this.#events)
    this.#events = []
    this.#lost = 0
  }
}
