/** Nothing heard of the API for this long: others may know better. */
export const SILENCE_MS = 30_000
/** Contact must have lasted for this long, without a longer gap than below, before it is trusted again. */
export const PROOF_MS = 5000
/** A Lease is renewed every 10 s, so an API that can be reached is heard at least that often. */
export const GAP_MS = 15_000

/** Whether this speaker is stale, and what has to be remembered to tell. */
export interface Staleness {
  readonly stale: boolean
  /** the last contact that was taken into account, epoch milliseconds */
  readonly heard: number
  /** while stale: where the present run of contacts began */
  readonly resumed?: number
}

/**
 * Is this speaker cut off from the API? Nothing heard for 30 s makes it stale; one contact does not end that, but a
 * run of them over 5 s does, so that an API server that answers now and then moves nothing back and forth.
 * @param heard the last contact: watch data, bookmarks, an answer to a renewal of the Lease
 */
export function judgeStaleness(before: Staleness, heard: number, now: number): Staleness {
  if (!before.stale) return { stale: now - heard > SILENCE_MS, heard }
  if (heard <= before.heard) return before
  const resumed = before.resumed !== undefined && heard - before.heard <= GAP_MS ? before.resumed : heard
  if (heard - resumed >= PROOF_MS) return { stale: now - heard > SILENCE_MS, heard }
  return { stale: true, heard, resumed }
}

/** How long a verdict stands if nothing more is heard. */
export const standsFor = ({ stale, heard }: Staleness, now: number): number =>
  stale ? 1000 : Math.max(1, heard + SILENCE_MS + 1 - now)
