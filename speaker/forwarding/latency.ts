import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'

/** Trigger times that one Service may have waiting; a Service that changes faster than that is measured in part. */
const LIMIT = 256

/**
 * How long endpoint changes take from their cause to the kernel: collects the trigger times that the slices carry
 * (annotation endpoints.kubernetes.io/last-change-trigger-time) and hands them out once, when they are programmed.
 * Changes from before the start say nothing about us and are left out.
 */
export class ProgrammingLatency {
  readonly #since: number
  /** by Service and slice: the trigger last seen */
  readonly #seen = new Map<string, ReadonlyMap<string, string>>()
  readonly #waiting = new Map<string, number[]>()

  /** `since` in epoch milliseconds */
  constructor(since: number) {
    this.#since = since
  }

  /** @param slices undefined when the Service is gone: it may never be programmed, and nothing waits for it */
  observe(service: string, slices: readonly EndpointSlice[] | undefined): void {
    if (slices === undefined) {
      this.#seen.delete(service)
      this.#waiting.delete(service)
      return
    }
    const known = this.#seen.get(service)
    const next = new Map<string, string>()
    for (const { name, triggerTime } of slices) {
      if (triggerTime === undefined) continue
      next.set(name, triggerTime)
      const at = Date.parse(triggerTime)
      if (known?.get(name) === triggerTime || !(at >= this.#since)) continue
      const waiting = this.#waiting.get(service) ?? []
      this.#waiting.set(service, waiting)
      if (waiting.length < LIMIT) waiting.push(at)
    }
    if (next.size > 0) this.#seen.set(service, next)
    else this.#seen.delete(service)
  }

  /** The trigger times of what has just been programmed. */
  take(service: string): readonly number[] {
    const times = this.#waiting.get(service) ?? []
    this.#waiting.delete(service)
    return times
  }
}
