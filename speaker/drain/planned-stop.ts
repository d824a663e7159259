import { sleep, type Clock } from '#kube/clock.ts'

export interface PlannedStop {
  readonly clock: Clock
  /** some router has routes of this node */
  readonly routing: boolean
  /** how long routes stay, marked as about to go */
  readonly drainWaitMs: number
  /** routes are to carry GRACEFUL_SHUTDOWN */
  readonly markRoutes: () => void
  /** From now on nothing new is announced, and whoever asks is told that this node leaves. */
  readonly leave: () => void
  /** says so in the SpeakerStatus */
  readonly tell: () => Promise<unknown>
  /** hands addresses over, withdraws routes, closes sessions; the wire is silent afterwards */
  readonly silence: () => Promise<unknown>
  /** takes back what the API server still says of this node */
  readonly withdraw: () => Promise<unknown>
}

/** How long a planned stop waits for the API server to hear of it: an outage must not hold a shutdown up. */
export const API_LIMIT_MS = 1000
/** How long a planned stop waits at most for routers to choose other routes: a process is not given much time to end. */
export const ROUTES_LIMIT_MS = 2000

/**
 * The order in which a speaker leaves. Routers get a moment to choose other ways while all goes on as before; then
 * the others hear that it leaves before it falls silent; forwarding stays in the kernel throughout.
 */
export async function plannedStop(stop: PlannedStop): Promise<void> {
  const { clock, routing, drainWaitMs } = stop
  if (routing && drainWaitMs > 0) {
    stop.markRoutes()
    await sleep(clock, Math.min(drainWaitMs, ROUTES_LIMIT_MS))
  }
  stop.leave()
  await within(clock, stop.tell())
  await stop.silence()
  await within(clock, stop.withdraw())
}

/** Waits for something that needs the API server, but not for long. */
async function within(clock: Clock, work: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  await Promise.race([work, sleep(clock, API_LIMIT_MS, over.signal)])
  over.abort()
}
