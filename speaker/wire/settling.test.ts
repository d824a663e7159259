import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '#bgp-ts/testing.ts'
import { Settling } from './settling.ts'

let clock: FakeClock
let settling: Settling
let done: string[]
/** what `due` gives, one after the other; then nothing more to do */
let next: { changed: boolean; deadline: number }[]
/** called by `apply` */
let inApply: () => void

beforeEach(() => {
  clock = new FakeClock()
  done = []
  next = []
  inApply = () => {}
  settling = new Settling({
    clock,
    apply: () => {
      done.push('apply')
      inApply()
    },
    due: () => {
      done.push('due')
      return next.shift() ?? { changed: false, deadline: Infinity }
    },
    onSettled: () => done.push('settled'),
  })
})

/** Time passes, and then the event loop turns. */
async function pass(ms: number): Promise<void> {
  clock.advance(ms)
  await nextTurn()
  await nextTurn()
}

test('differences are applied at once; what is due comes in a turn of its own', async () => {
  settling.settle()
  expect(done).toEqual(['apply', 'settled'])
  await pass(0)
  expect(done.slice(2)).toEqual(['apply', 'due', 'settled'])
  expect(clock.pending).toBe(0)
})

test('what is due waits until nothing arrives any more, but not for ever', async () => {
  settling.settle()
  clock.advance(0)
  for (let turn = 0; turn < 10; turn++) {
    settling.arrived()
    await nextTurn()
  }
  expect(done).not.toContain('due')
  await nextTurn()
  await nextTurn()
  expect(done).toContain('due')

  done = []
  settling.settle()
  clock.advance(0)
  let turns = 0
  for (; turns < 1000 && !done.includes('due'); turns++) {
    settling.arrived()
    await nextTurn()
  }
  expect(turns).toBeLessThan(100)
})

test('it wakes at the deadline, or earlier when there is more', async () => {
  next = [
    { changed: false, deadline: clock.now() + 50 },
    { changed: false, deadline: Infinity },
  ]
  settling.settle()
  await pass(0)
  done = []
  await pass(49)
  expect(done).toEqual([])
  await pass(1)
  expect(done).toEqual(['apply', 'due', 'settled'])
})

test('what follows from what was done is done in the same turn, up to a limit', async () => {
  next = [{ changed: true, deadline: Infinity }]
  settling.settle()
  await pass(0)
  expect(done.slice(2)).toEqual(['apply', 'due', 'apply', 'due', 'settled'])

  done = []
  next = Array.from({ length: 20 }, () => ({ changed: true, deadline: Infinity }))
  settling.settle()
  await pass(0)
  const first = done.filter((what) => what === 'due').length
  expect(first).toBeLessThan(20)
  await pass(0)
  expect(done.filter((what) => what === 'due').length).toBeGreaterThan(first)
})

test('the core may be told something while it is settled', () => {
  inApply = () => {
    inApply = () => {}
    settling.settle()
  }
  settling.settle()
  expect(done).toEqual(['apply', 'apply', 'settled'])
})

test('many things are settled once', () => {
  settling.together(() => {
    settling.settle()
    settling.settle()
    expect(done).toEqual([])
  })
  expect(done).toEqual(['apply', 'settled'])
})

test('after the end nothing is due', async () => {
  settling.settle()
  clock.advance(0)
  settling.stop()
  await nextTurn()
  settling.settle()
  await pass(1000)
  expect(done).not.toContain('due')
  expect(clock.pending).toBe(0)
})
