import { describe, expect, test } from 'vitest'
import { Awake } from './awake.ts'

/** What others can have seen: BFD takes so long at least, and they have waited for so long. */
const seen = (shortestDetection: number, waited = 0) => ({ shortestDetection, overdue: () => waited })

describe('a pause that counts', () => {
  test.each([
    // 6 x 140 ms, 3 x 300, 3 x 100 and 3 x 50
    [700, 0, 630, 0],
    [700, 0, 631, 631],
    [600, 0, 540, 0],
    [600, 0, 541, 541],
    [200, 0, 180, 0],
    [200, 0, 181, 181],
    [100, 0, 150, 0],
    [100, 0, 151, 151],
    [40_000, 0, 1000, 0],
    [40_000, 0, 1001, 1001],
    // Its packets are overdue: others may ask, and need 90 ms for it.
    [700, 66, 65, 0],
    [700, 65, 66, 0],
    [700, 66, 66, 66],
    [700, 400, 300, 300],
  ])(
    'BFD takes %i ms or more, others wait for %i, it stood still for %i ms: %i',
    (detection, waited, pause, expected) => {
      const awake = new Awake()
      awake.step(1000, seen(detection))
      awake.expect(true)
      expect(awake.step(1000 + pause, seen(detection, waited))).toBe(expected)
      expect(awake.dazed(1000 + pause)).toBe(expected > 0)
    },
  )

  test.each([
    [631, 0, true],
    [300, 400, false],
  ])('of %i ms while others wait for %i: it was taken for dead: %s', (pause, waited, expected) => {
    const awake = new Awake()
    awake.step(1000, seen(700))
    awake.expect(true)
    awake.step(1000 + pause, seen(700, waited))
    expect(awake.rejoining(1000 + pause + 999)).toBe(expected)
    expect(awake.rejoining(1000 + pause + 1000)).toBe(false)
  })

  test('nothing was expected: it may have had nothing to do', () => {
    const awake = new Awake()
    expect(awake.step(0, seen(700))).toBe(0)
    awake.expect(false)
    expect(awake.step(100_000, seen(700, 1000))).toBe(0)
  })

  test('what comes in later is new', () => {
    const awake = new Awake()
    awake.expect(true)
    awake.step(10_000, seen(700))
    expect(awake.dazed(10_100)).toBe(true)
    expect(awake.dazed(10_300)).toBe(false)
  })
})
