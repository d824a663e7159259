import type { KubeObject, Resource, WatchEvent } from './api.ts'
import type { KubeError } from './errors.ts'

/** One change of the fake's store. */
export interface Recorded {
  readonly version: number
  readonly resource: Resource
  readonly previous?: KubeObject
  /** absent: deleted */
  readonly current?: KubeObject
}

/** One watch on the fake: filters what is recorded, queues it, hands it out. */
export class FakeWatch {
  readonly #matches: (resource: Resource, object: KubeObject) => boolean
  readonly #queue: WatchEvent[] = []
  #end: 'clean' | KubeError | undefined
  #wake: (() => void) | undefined

  constructor(matches: (resource: Resource, object: KubeObject) => boolean) {
    this.#matches = matches
  }

  /** An object that moves out of the selection is a deletion to this watch, one that moves in an addition. */
  offer({ version, resource, previous, current }: Recorded): void {
    const before = previous !== undefined && this.#matches(resource, previous)
    const after = current !== undefined && this.#matches(resource, current)
    if (after) this.push({ type: before ? 'MODIFIED' : 'ADDED', object: structuredClone(current) })
    else if (before) {
      const object = structuredClone(current ?? previous)
      object.metadata.resourceVersion = String(version)
      this.push({ type: 'DELETED', object })
    }
  }

  push(event: WatchEvent): void {
    this.#queue.push(event)
    this.#wake?.()
  }

  /** What is queued is still handed out. */
  end(how: 'clean' | KubeError): void {
    this.#end ??= how
    this.#wake?.()
  }

  async *events(): AsyncGenerator<WatchEvent, void> {
    for (;;) {
      const event = this.#queue.shift()
      if (event) yield event
      else if (this.#end === 'clean') return
      else if (this.#end) throw this.#end
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}
