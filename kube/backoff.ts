/**
 * Exponential back-off with jitter.
 *
 * @param failures how many attempts failed in a row, 1 or more
 * @param baseMs the longest wait after the first failure
 * @param maxMs the longest wait ever
 * @param random in [0, 1)
 * @returns milliseconds, between half of and the whole of base x 2^(failures - 1), at most `maxMs`
 */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: () => number): number {
  const whole = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 40))
  return whole / 2 + (whole / 2) * random()
}
