import { describe, expect, test } from 'vitest'
import { Claims, probeGap, sampleSize } from './claim.ts'

const vip = '192.0.2.50'
const room = () => true
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `10.0.0.${index}`)

test('two probes, then the verdict', () => {
  const claims = new Claims()
  claims.start(vip, undefined, 1000)
  expect(claims.next()).toBe(1000)
  expect(claims.probes(1000, room)).toEqual([vip])
  expect(claims.next()).toBe(1000 + probeGap)
  expect(claims.probes(1044, room)).toEqual([])
  expect(claims.probes(1045, room)).toEqual([vip])
  expect(claims.verdicts(1089)).toEqual([])
  expect(claims.next()).toBe(1090)
  expect(claims.verdicts(1090)).toEqual([vip])
  expect(claims.next()).toBeUndefined()
})

test('begun anew it starts from the first probe', () => {
  const claims = new Claims()
  claims.start(vip, undefined, 0)
  claims.probes(0, room)
  claims.start(vip, undefined, 50)
  expect(claims.verdicts(90)).toEqual([])
  expect(claims.probes(50, room)).toEqual([vip])
})

test('stopped or answered: no verdict', () => {
  const claims = new Claims()
  claims.start(vip, undefined, 0)
  claims.start('192.0.2.51', undefined, 0)
  claims.probes(0, room)
  claims.stop(vip)
  expect(claims.answered('192.0.2.51', 'node-b')).toEqual([])
  expect(claims.answered('192.0.2.99', 'node-b')).toEqual([])
  expect(claims.next()).toBeUndefined()
})

test('a verdict that comes late waits for what may lie in the socket', () => {
  const claims = new Claims()
  claims.start(vip, undefined, 0)
  claims.probes(0, room)
  claims.probes(45, room)
  expect(claims.verdicts(150)).toEqual([])
  expect(claims.next()).toBe(170)
  expect(claims.verdicts(300)).toEqual([vip])
})

test('without room in the budget it waits, the first of all first', () => {
  const claims = new Claims()
  for (const address of many(3)) claims.start(address, undefined, 0)
  let left = 2
  expect(claims.probes(0, () => left-- > 0)).toEqual(['10.0.0.0', '10.0.0.1'])
  expect(claims.probes(5, room)).toEqual(['10.0.0.2'])
})

test('in a crowd one probe each has to do, and the others get theirs the sooner', () => {
  const claims = new Claims()
  for (const address of many(100)) claims.start(address, undefined, 0)
  expect(claims.crowded).toBe(true)
  expect(claims.probes(0, room)).toHaveLength(100)
  expect(claims.crowded).toBe(false)
  expect(claims.probes(probeGap, room).length).toBeLessThan(100)
  expect(claims.verdicts(2 * probeGap)).toHaveLength(100)
})

describe('what one node held', () => {
  function sampled(count = 100): { claims: Claims; asked: string[] } {
    const claims = new Claims()
    for (const address of many(count)) claims.start(address, 'node-b', 0)
    return { claims, asked: claims.probes(0, room) }
  }

  test('a sample is asked for; nobody answers: all are free', () => {
    const { claims, asked } = sampled()
    expect(asked).toHaveLength(sampleSize)
    expect(claims.probes(probeGap, room)).toHaveLength(sampleSize)
    expect(claims.verdicts(2 * probeGap).sort()).toEqual(many(100).sort())
    expect(claims.next()).toBeUndefined()
  })

  test('it answers for one: it holds those that were not asked for', () => {
    const { claims, asked } = sampled()
    expect(claims.answered(asked[0], 'node-b').sort()).toEqual(many(100).slice(sampleSize).sort())
    claims.probes(probeGap, room)
    expect(claims.verdicts(2 * probeGap).sort()).toEqual(asked.slice(1).sort())
  })

  test('another answers: that says nothing about the rest', () => {
    const { claims, asked } = sampled()
    expect(claims.answered(asked[0], 'node-c')).toEqual([])
    claims.probes(probeGap, room)
    expect(claims.verdicts(2 * probeGap)).toHaveLength(99)
  })

  test('the sample is dropped for other reasons: each of the rest is asked for', () => {
    const { claims, asked } = sampled(20)
    for (const address of asked) claims.stop(address)
    expect(claims.next()).toBe(0)
    expect(claims.verdicts(10)).toEqual([])
    expect(claims.probes(10, room)).toHaveLength(20 - sampleSize)
  })

  test('one that waits is stopped', () => {
    const { claims } = sampled(20)
    claims.stop('10.0.0.19')
    claims.probes(probeGap, room)
    expect(claims.verdicts(2 * probeGap)).toHaveLength(19)
  })
})
