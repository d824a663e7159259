import type { Sighting } from './l2-sightings.ts'

/** Who answered for an address and when, from answers that were heard. */

/** Milliseconds. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** A time during which one station answered again and again. */
export interface AnswerSpan extends Span {
  readonly mac: string
  readonly answers: number
}

/** The answers for one address, oldest first. */
export const answersFor = (sightings: readonly Sighting[], address: string): Sighting[] =>
  sightings.filter((one) => one.what === 'answer' && one.address === address)

/** The longest time within `window` without an answer; all of it when there was none. */
export function longestGap(answers: readonly Sighting[], window: Span): Span {
  let longest: Span = { from: window.from, to: window.from }
  let last = window.from
  const until = (at: number): void => {
    if (at - last > longest.to - longest.from) longest = { from: last, to: at }
    last = at
  }
  for (const { at } of answers) if (at >= window.from && at <= window.to) until(at)
  until(window.to)
  return longest
}

/**
 * Spans of each station, by their begin.
 * @param pause a station that is silent for longer has ended its span
 * @param period how long it counts as answering after its last answer
 */
export function answerSpans(answers: readonly Sighting[], pause: number, period: number): AnswerSpan[] {
  const spans: AnswerSpan[] = []
  const open = new Map<string, { mac: string; from: number; to: number; answers: number }>()
  for (const { at, mac } of answers) {
    const span = open.get(mac)
    if (span !== undefined && at - span.to <= pause + period) {
      span.to = at + period
      span.answers++
    } else {
      const next = { mac, from: at, to: at + period, answers: 1 }
      open.set(mac, next)
      spans.push(next)
    }
  }
  return spans
}

/** How long within `window` two or more stations answered. */
export function overlap(spans: readonly AnswerSpan[], window: Span): number {
  const edges = spans
    .map(({ from, to }) => ({ from: Math.max(from, window.from), to: Math.min(to, window.to) }))
    .filter(({ from, to }) => from < to)
    .flatMap(({ from, to }) => [
      { at: from, step: 1 },
      { at: to, step: -1 },
    ])
    .sort((a, b) => a.at - b.at)
  let total = 0
  let answering = 0
  let last = window.from
  for (const { at, step } of edges) {
    if (answering > 1) total += at - last
    answering += step
    last = at
  }
  return total
}
