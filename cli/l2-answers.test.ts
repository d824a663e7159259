import { describe, expect, test } from 'vitest'
import { answersFor, answerSpans, longestGap, overlap } from './l2-answers.ts'
import type { Sighting } from './l2-sightings.ts'

const answer = (at: number, mac = 'a'): Sighting => ({ at, mac, what: 'answer', address: '192.0.2.1' })
const every5 = (from: number, to: number, mac: string): Sighting[] =>
  Array.from({ length: (to - from) / 5 + 1 }, (_, at) => answer(from + 5 * at, mac))
const sorted = (...lists: Sighting[][]) => lists.flat().sort((a, b) => a.at - b.at)

test('only answers for the address count', () => {
  const others: Sighting[] = [
    { ...answer(1), what: 'announcement' },
    { ...answer(2), what: 'request' },
    { ...answer(3), address: '192.0.2.2' },
  ]
  expect(answersFor([...others, answer(4)], '192.0.2.1')).toEqual([answer(4)])
})

describe('the longest gap', () => {
  test('lies between two answers, before the first or after the last', () => {
    const answers = [answer(10), answer(15), answer(40), answer(45)]
    expect(longestGap(answers, { from: 5, to: 50 })).toEqual({ from: 15, to: 40 })
    expect(longestGap(answers, { from: -50, to: 50 })).toEqual({ from: -50, to: 10 })
    expect(longestGap(answers, { from: 5, to: 100 })).toEqual({ from: 45, to: 100 })
  })

  test('is the whole window when nobody answered in it', () => {
    expect(longestGap([answer(1)], { from: 5, to: 50 })).toEqual({ from: 5, to: 50 })
  })
})

describe('spans', () => {
  test('a station that is silent for long and answers again has two', () => {
    const spans = answerSpans(sorted(every5(0, 100, 'a'), every5(500, 600, 'a')), 100, 5)
    expect(spans).toEqual([
      { mac: 'a', from: 0, to: 105, answers: 21 },
      { mac: 'a', from: 500, to: 605, answers: 21 },
    ])
  })

  test('one after the other is no overlap', () => {
    const spans = answerSpans(sorted(every5(0, 100, 'a'), every5(105, 200, 'b')), 100, 5)
    expect(overlap(spans, { from: 0, to: 200 })).toBe(0)
  })

  test('two at the same time overlap, three no longer than that', () => {
    const two = sorted(every5(0, 100, 'a'), every5(50, 200, 'b'))
    expect(overlap(answerSpans(two, 100, 5), { from: 0, to: 200 })).toBe(55)
    const three = sorted(two, every5(60, 80, 'c'))
    expect(overlap(answerSpans(three, 100, 5), { from: 0, to: 200 })).toBe(55)
  })

  test('a single stray answer beside another station counts for one period', () => {
    const spans = answerSpans(sorted(every5(0, 200, 'a'), [answer(102, 'b')]), 100, 5)
    expect(overlap(spans, { from: 0, to: 200 })).toBe(5)
  })

  test('what lies outside the window does not count', () => {
    const spans = answerSpans(sorted(every5(0, 200, 'a'), every5(0, 200, 'b')), 100, 5)
    expect(overlap(spans, { from: 150, to: 160 })).toBe(10)
    expect(overlap(spans, { from: 300, to: 400 })).toBe(0)
  })
})
