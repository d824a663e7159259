import type { Family } from '#inet/address.ts'
import { latencyBounds, type AnswerLatencies } from './protocol.ts'

/** Microseconds: nobody is answered that late, so the wall clock was set between question and answer. */
const leastAbsurd = 10_000_000

const newTimes = () => ({
  buckets: Array.from({ length: latencyBounds.length + 1 }, () => 0),
  sum: 0,
  moved: false,
})

/** How long questions wait for their answers, since the start. Its size is fixed, and an answer costs no memory. */
export class AnswerLatency {
  readonly #times = { 4: newTimes(), 6: newTimes() }

  /**
   * One answer has been sent.
   * @param microseconds since the kernel received the question, by the wall clock; NaN when that is not known
   */
  answered(family: Family, microseconds: number): void {
    if (!(microseconds >= 0 && microseconds < leastAbsurd)) return
    const times = this.#times[family]
    let bucket = 0
    while (microseconds > latencyBounds[bucket]) bucket++
    times.buckets[bucket]++
    times.sum += microseconds
    times.moved = true
  }

  /** Totals of the families that were answered in since the last call; undefined for none. */
  take(): AnswerLatencies[] | undefined {
    const families = ([4, 6] as const).filter((family) => this.#times[family].moved)
    if (families.length === 0) return undefined
    return families.map((family) => {
      const times = this.#times[family]
      times.moved = false
      return { family, buckets: [...times.buckets], sum: times.sum }
    })
  }
}
