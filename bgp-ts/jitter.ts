/**
 * A random factor that is a pure function of a 32-bit seed (mulberry32), so that a recording replays to the
 * millisecond. RFC 4271 10: timers are multiplied by 0.75 to 1.0, a fresh factor each time.
 */
export function jitter(seed: number, ms: number): { ms: number; seed: number } {
  const next = (seed + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(next ^ (next >>> 15), next | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  const random = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  return { ms: Math.round(ms * (0.75 + random / 4)), seed: next }
}

/** The seed for a random number in 0..1. */
export const seedOf = (random: number): number => Math.floor(random * 2 ** 32) >>> 0
