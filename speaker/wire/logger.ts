import type { Clock } from '#kube/clock.ts'
import { TokenBucket } from '../layer2/rate.ts'
import type { WireObserved } from './protocol.ts'

type Level = Extract<WireObserved, { kind: 'log' }>['level']

/** Says something to the log of the main thread. */
export type WireLog = (level: Level, message: string, fields?: Readonly<Record<string, unknown>>) => void

const linesPerSecond = 10
const burst = 50

/** A log whose lines the network can cause, so it is bounded; how many were left out is said with the next one. */
export function wireLog(post: (observed: WireObserved) => void, clock: Pick<Clock, 'now'>): WireLog {
  const bucket = new TokenBucket(linesPerSecond, burst)
  let omitted = 0
  return (level, message, fields = {}) => {
    if (!bucket.take(1, clock.now())) {
      omitted++
      return
    }
    post({ kind: 'log', level, message, fields: omitted === 0 ? fields : { ...fields, omitted } })
    omitted = 0
  }
}
