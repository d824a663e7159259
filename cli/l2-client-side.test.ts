import { expect, test } from 'vitest'
import { clientSide } from './l2-client-side.ts'
import type { Sighting } from './l2-sightings.ts'

const ADDRESS = '192.0.2.50'
const every5 = (from: number, to: number, mac: string): Sighting[] =>
  Array.from({ length: (to - from) / 5 + 1 }, (_, at) => ({
    at: from + 5 * at,
    what: 'answer',
    address: ADDRESS,
    mac,
  }))
const announced = (at: number, mac: string): Sighting => ({ at, what: 'announcement', address: ADDRESS, mac })
const asked = (at: number): Sighting => ({ at, what: 'request', address: ADDRESS, mac: 'c' })
const lines = (...sightings: Sighting[][]) =>
  clientSide(
    sightings.flat().sort((a, b) => a.at - b.at),
    ADDRESS,
    (mac) => (mac === 'b' ? 'node2' : undefined),
  ).map(({ at, words, other, lane }) => `${at} ${words} | ${other} | ${lane ?? ''}`)

test('a failure: the last answer, the announcement, the first answer of the other and how long nobody answered', () => {
  expect(
    lines(every5(0, 1000, 'a'), every5(1900, 3000, 'b'), [announced(1890, 'b'), announced(1891, 'b')]),
  ).toEqual([
    '0 is answered | a | answering',
    '1000 hears the last answer for a while | a | silent',
    '1890 hears an announcement | node2 b | ',
    '1900 is answered, after 900 ms without an answer | node2 b | answering',
  ])
})

test('two at the same time', () => {
  expect(lines(every5(0, 1000, 'a'), every5(500, 2000, 'b'))).toEqual([
    '0 is answered | a | answering',
    '500 is answered by another one as well | node2 b | two',
    '1000 is answered by this one no longer | a | answering',
  ])
})

test('a capture that ends is no silence, one that goes on without answers is', () => {
  expect(lines(every5(0, 1000, 'a'))).toEqual(['0 is answered | a | answering'])
  expect(lines(every5(0, 1000, 'a'), [asked(1005), asked(4000)])).toEqual([
    '0 is answered | a | answering',
    '1000 hears the last answer for a while | a | silent',
  ])
})

test('a client that asks seldom is not without answers in between', () => {
  const seldom = [0, 30_000, 61_000].map((at): Sighting => ({ ...asked(at), what: 'answer', mac: 'a' }))
  expect(lines(seldom)).toEqual(['0 is answered | a | answering'])
})

test('other addresses are other stories', () => {
  expect(lines(every5(0, 50, 'a').map((one) => ({ ...one, address: '192.0.2.51' })))).toEqual([])
})
