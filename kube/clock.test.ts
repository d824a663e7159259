import { afterEach, describe, expect, it, vi } from 'vitest'
import { sleep, systemClock } from './clock.ts'
import { TestClock } from './test-clock.ts'

describe('systemClock', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('follows the wall clock forward and never back', () => {
    const before = systemClock.now()
    expect(Math.abs(before - Date.now())).toBeLessThan(1000)
    const real = Date.now()
    const wall = vi.spyOn(Date, 'now').mockReturnValue(real - 3_600_000)
    expect(systemClock.now()).toBeGreaterThanOrEqual(before)
    wall.mockReturnValue(real + 50)
    expect(systemClock.now()).toBeGreaterThanOrEqual(real + 50)
  })

  it('runs timers unless they are cancelled', async () => {
    const ran: string[] = []
    systemClock.setTimeout(() => ran.push('cancelled'), 0).cancel()
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, -5))
    expect(ran).toEqual([])
  })
})

describe('TestClock', () => {
  it('runs timers in order at their own time, those set meanwhile too', async () => {
    const clock = new TestClock(0)
    const ran: [string, number][] = []
    const at = (name: string, ms: number, then?: () => void) =>
      clock.setTimeout(() => {
        ran.push([name, clock.now()])
        then?.()
      }, ms)
    at('c', 30)
    at('a', 10, () => at('b', 10))
    at('d', 31)
    at('never', 20).cancel()
    expect(clock.next).toBe(10)
    await clock.advance(30)
    expect(ran).toEqual([
      ['a', 10],
      ['b', 20],
      ['c', 30],
    ])
    expect([clock.now(), clock.pending, clock.next]).toEqual([30, 1, 1])
  })

  it('lets promises settle between timers', async () => {
    const clock = new TestClock(0)
    const woke: number[] = []
    const loop = async () => {
      for (let turn = 0; turn < 3; turn++) {
        await sleep(clock, 10)
        woke.push(clock.now())
      }
    }
    const looping = loop()
    await clock.advance(30)
    await looping
    expect(woke).toEqual([10, 20, 30])
  })
})

describe('sleep', () => {
  it('ends early when aborted, and leaves no timer', async () => {
    const clock = new TestClock()
    const controller = new AbortController()
    const sleeping = sleep(clock, 1000, controller.signal)
    controller.abort()
    await sleeping
    await sleep(clock, 1000, controller.signal)
    expect(clock.pending).toBe(0)
  })
})
