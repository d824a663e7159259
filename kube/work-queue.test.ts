import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { TestClock } from './test-clock.ts'
import { WorkQueue } from './work-queue.ts'
import type { Outcome, WorkQueueOptions } from './work-queue.ts'

const done: Outcome = { kind: 'done' }
const succeeded = (): Promise<Outcome> => Promise.resolve(done)
const failed = (): Promise<Outcome> => Promise.resolve({ kind: 'failed', error: 'no' })
const thrown = (): Promise<Outcome> => Promise.reject(new Error('thrown counts too'))

function busyFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

function make(options: Partial<WorkQueueOptions> = {}) {
  const clock = new TestClock()
  const begun: string[] = []
  const queue = new WorkQueue({
    name: 'test',
    clock,
    random: () => 0.999_999,
    ...options,
    reconcile: (key) => {
      begun.push(key)
      return options.reconcile?.(key) ?? Promise.resolve(done)
    },
  })
  return { clock, begun, queue }
}

/** A reconcile that waits until the test lets it go. */
function gate() {
  const waiting: { key: string; finish: (outcome: Outcome) => void }[] = []
  return {
    reconcile: (key: string) => new Promise<Outcome>((finish) => waiting.push({ key, finish })),
    next: (outcome: Outcome = done) => waiting.shift()!.finish(outcome),
    keys: () => waiting.map(({ key }) => key),
  }
}

describe('WorkQueue', () => {
  it('begins nothing before start, then works in the order of arrival, each key once', async () => {
    const { queue, begun, clock } = make()
    for (const key of ['b', 'a', 'b', 'c', 'a']) queue.add(key)
    await clock.advance(1000)
    expect(begun).toEqual([])
    expect(queue.depth).toBe(3)
    queue.start()
    await queue.idle()
    expect(begun).toEqual(['b', 'a', 'c'])
    expect(queue.depth).toBe(0)
  })

  it('runs a key again when it was added while busy, once, and never twice at the same time', async () => {
    const { reconcile, next, keys } = gate()
    const { queue, begun, clock } = make({ reconcile, concurrency: 4 })
    queue.start()
    queue.add('a')
    queue.add('a')
    queue.add('a')
    queue.add('b')
    expect(keys()).toEqual(['a', 'b'])
    next()
    await clock.advance(0)
    expect(begun).toEqual(['a', 'b', 'a'])
    next()
    next()
    await queue.idle()
    expect(begun).toEqual(['a', 'b', 'a'])
  })

  it('works on as many keys at once as it may', async () => {
    const { reconcile, next, keys } = gate()
    const { queue, clock } = make({ reconcile, concurrency: 2 })
    for (const key of ['a', 'b', 'c']) queue.add(key)
    queue.start()
    expect(keys()).toEqual(['a', 'b'])
    next()
    await clock.advance(0)
    expect(keys()).toEqual(['b', 'c'])
    next()
    next()
    await queue.idle()
  })

  it('lets the earliest due time win', async () => {
    const { queue, begun, clock } = make()
    queue.start()
    queue.addAfter('a', 500)
    queue.addAfter('a', 100)
    queue.addAfter('a', 900)
    await clock.advance(99)
    expect(begun).toEqual([])
    await clock.advance(1)
    expect(begun).toEqual(['a'])
    await clock.advance(10_000)
    expect(begun).toEqual(['a'])
    queue.addAfter('b', 500)
    queue.add('b')
    await queue.idle()
    expect(begun).toEqual(['a', 'b'])
    expect(queue.depth).toBe(0)
  })

  it('looks again after the time that a reconcile asks for', async () => {
    let calls = 0
    const reconcile = () => Promise.resolve<Outcome>(calls++ === 0 ? { kind: 'after', ms: 250 } : done)
    const { queue, begun, clock } = make({ reconcile })
    queue.start()
    queue.add('a')
    await queue.idle()
    await clock.advance(249)
    expect(begun).toHaveLength(1)
    await clock.advance(1)
    expect(begun).toHaveLength(2)
  })

  it('backs off per key: 5 ms doubling to a minute, forgotten after a success', async () => {
    const times: number[] = []
    let outcome = failed
    const { queue, clock } = make({
      reconcile: () => {
        times.push(clock.now())
        return outcome()
      },
    })
    const start = clock.now()
    queue.start()
    queue.add('a')
    await clock.advance(5 * 60_000)
    const waits = times.slice(1).map((at, index) => Math.round(at - times[index]!))
    expect(times[0]).toBe(start)
    expect(waits.slice(0, 6)).toEqual([5, 10, 20, 40, 80, 160])
    expect(waits.slice(-2)).toEqual([60_000, 60_000])
    outcome = succeeded
    await clock.advance(60_000)
    outcome = thrown
    times.length = 0
    queue.add('a')
    await clock.advance(100)
    expect(times.slice(1).map((at, index) => Math.round(at - times[index]!))).toEqual([5, 10, 20, 40])
  })

  it('jitters: the wait is between half and the whole', async () => {
    const times: number[] = []
    const { queue, clock } = make({
      random: () => 0,
      reconcile: () => {
        times.push(clock.now())
        return Promise.resolve({ kind: 'failed', error: 'no' })
      },
    })
    queue.start()
    queue.add('a')
    await clock.advance(100)
    expect(times.slice(0, 3).map((at) => at - times[0]!)).toEqual([0, 2.5, 7.5])
  })

  it('does not come back to a terminal failure by itself', async () => {
    const { queue, begun, clock } = make({
      reconcile: () => Promise.resolve({ kind: 'terminal', error: 'bad' }),
    })
    queue.start()
    queue.add('a')
    await clock.advance(600_000)
    expect(begun).toEqual(['a'])
    queue.add('a')
    await queue.idle()
    expect(begun).toEqual(['a', 'a'])
  })

  it('reports outcome, duration and wait', async () => {
    const reports: unknown[] = []
    const { reconcile, next } = gate()
    const { queue, clock } = make({ reconcile, onOutcome: (...report) => reports.push(report) })
    queue.add('a')
    await clock.advance(30)
    queue.start()
    await clock.advance(7)
    next()
    await queue.idle()
    expect(reports).toEqual([['a', done, 7, 30]])
  })

  it('stops: waits for what runs, drops what waits, ignores what comes', async () => {
    const { reconcile, next } = gate()
    const { queue, begun, clock } = make({ reconcile })
    queue.start()
    queue.add('a')
    queue.add('b')
    let stopped = false
    const stopping = queue.stop().then(() => (stopped = true))
    queue.add('c')
    await clock.advance(1000)
    expect(stopped).toBe(false)
    next({ kind: 'failed', error: 'late' })
    await stopping
    await clock.advance(600_000)
    expect(begun).toEqual(['a'])
    expect(queue.depth).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('leaves room for timers and sockets when reconciles never wait', async () => {
    const { queue, begun } = make({
      reconcile: () => {
        busyFor(1)
        return Promise.resolve(done)
      },
    })
    for (let n = 0; n < 100; n++) queue.add(`k${n}`)
    let seen = 0
    setImmediate(() => (seen = begun.length))
    queue.start()
    await queue.idle()
    expect(begun).toHaveLength(100)
    expect(seen).toBeGreaterThan(0)
    expect(seen).toBeLessThan(100)
  })

  it('runs every key at or after its earliest time, whatever the order of adds', async () => {
    const adds = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(50)), { maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(adds, async (list) => {
        const { queue, begun, clock } = make()
        const first = new Map<string, number>()
        for (const [key, ms] of list) {
          queue.addAfter(key, ms)
          first.set(key, Math.min(ms, first.get(key) ?? ms))
        }
        queue.start()
        await clock.advance(50)
        await queue.idle()
        const expected = [...first].sort(([, a], [, b]) => a - b).map(([, ms]) => ms)
        expect(begun.map((key) => first.get(key))).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })
})
