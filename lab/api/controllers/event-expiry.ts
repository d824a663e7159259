import type { Backend } from '../backend.ts'
import type { Change } from '../store/store.ts'
import type { Controller } from './loop.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

/** Events live for an hour, as etcd's lease gives them. Looked at when one is written, at most once a minute. */
export class EventExpiry implements Controller {
  readonly #backend: Backend
  #due = false
  #last: number

  constructor(backend: Backend) {
    this.#backend = backend
    this.#last = backend.now()
  }

  get pending(): boolean {
    return this.#due
  }

  observe(collection: string, { type }: Change): void {
    const recent = this.#backend.now() - this.#last < MINUTE
    if (collection === 'events' && type !== 'DELETED' && !recent) this.#due = true
  }

  step(): void {
    if (!this.#due) return
    this.#due = false
    const { store, now } = this.#backend
    this.#last = now()
    for (const { metadata, lastTimestamp } of store.values('events')) {
      const times = [lastTimestamp, metadata.creationTimestamp].map((time) => Date.parse(String(time)) || 0)
      if (this.#last - Math.max(...times) > HOUR)
        store.remove('events', `${metadata.namespace}/${metadata.name}`)
    }
  }
}
