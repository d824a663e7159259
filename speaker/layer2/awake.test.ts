import { describe, expect, test } from 'vitest'
import { Awake } from './awake.ts'

describe('a pause that counts', () => {
  test.each([
    [900, 540, 0],
    [900, 541, 541],
    [300, 250, 0],
    [300, 251, 251],
    [60_000, 1000, 0],
    [60_000, 1001, 1001],
  ])('others wait %i ms, it stood still for %i ms: %i', (detection, pause, expected) => {
    const awake = new Awake()
    awake.step(1000, detection)
    awake.expect(true)
    expect(awake.step(1000 + pause, detection)).toBe(expected)
    expect(awake.dazed(1000 + pause)).toBe(expected > 0)
  })

  test('nothing was expected: it may have had nothing to do', () => {
    const awake = new Awake()
    expect(awake.step(0, 900)).toBe(0)
    awake.expect(false)
    expect(awake.step(100_000, 900)).toBe(0)
  })

  test('what comes in later is new', () => {
    const awake = new Awake()
    awake.expect(true)
    awake.step(10_000, 900)
    expect(awake.dazed(10_100)).toBe(true)
    expect(awake.dazed(10_300)).toBe(false)
  })
})
