import { describe, expect, it } from 'vitest'
import { describeMet, describeWanted, gather, isAsWanted } from './judge.ts'

const one = { pod: 'one', client: '192.168.1.5:40000' }
const two = { pod: 'two', client: '[fd00::5]:40000' }
const sources = ['192.168.1.5', 'fd00::5']
const REFUSED = { error: 'ECONNREFUSED' } as const

describe('isAsWanted', () => {
  it.each([
    ['both answer', [one, two, one], { pods: ['one', 'two'], sources }, true],
    ['one of both is missing', [one], { pods: ['one', 'two'], sources }, false],
    ['somebody else answers', [one, two], { pods: ['one'], sources }, false],
    ['a wrong source is seen', [one], { pods: ['one'], sources: ['192.168.1.6'] }, false],
    ['one request of many fails', [one, two, REFUSED], { pods: ['one', 'two'], sources }, false],
    ['the same answers always', [one, one], { oneOf: ['one', 'two'], sources }, true],
    ['they take turns', [one, two], { oneOf: ['one', 'two'], sources }, false],
    ['all are refused', [REFUSED, REFUSED], REFUSED, true],
    ['some are refused', [REFUSED, { error: 'timeout' }], REFUSED, false],
    ['a status is right', [{ status: 200 }], { status: 200 }, true],
    ['a status is wrong', [{ status: 503 }], { status: 200 }, false],
  ])('%s', (_, answers, wanted, right) => {
    expect(isAsWanted(gather(answers), wanted)).toBe(right)
  })
})

it('says what was met and what was wanted', () => {
  const answers = [two, one, { pod: 'three', client: '192.168.1.5:1' }, REFUSED, { status: 503 }]
  expect(describeMet(gather(answers))).toBe('one, three saw 192.168.1.5; two saw fd00::5; refused; 503')
  expect(describeWanted({ oneOf: ['one', 'two'], sources })).toBe(
    'one of one, two seeing 192.168.1.5 or fd00::5',
  )
  expect(describeWanted({ error: 'timeout' })).toBe('no answer')
})
