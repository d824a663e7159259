import { expect, test } from 'vitest'
import { FakeClock } from '#bgp-ts/testing.ts'
import { ThreadPriority } from './priority.ts'

function priority(refused: (on: boolean) => boolean = () => false) {
  const clock = new FakeClock()
  const calls: string[] = []
  const busy = { share: 0 }
  const thread = new ThreadPriority({
    clock,
    setRealTime: (on) => {
      calls.push(on ? 'first' : 'as others')
      if (refused(on)) throw new Error('EPERM')
    },
    setNice: () => {
      calls.push('nice')
      if (refused(true)) throw new Error('EACCES')
    },
    utilization: () => busy.share,
  })
  return { clock, calls, busy, thread }
}

test('goes first, gives that up while it is busy, and takes it again when it is quiet', () => {
  const { clock, calls, busy, thread } = priority()
  thread.start()
  expect(calls).toEqual(['nice', 'first'])
  busy.share = 0.5
  clock.advance(5000)
  expect(thread.first).toBe(true)
  busy.share = 0.51
  clock.advance(1000)
  expect(thread.first).toBe(false)
  busy.share = 0.3
  clock.advance(5000)
  expect(thread.first).toBe(false)
  busy.share = 0.2
  clock.advance(1000)
  expect(thread.first).toBe(true)
  expect(calls).toEqual(['nice', 'first', 'as others', 'first'])
  thread.stop()
  clock.advance(5000)
  expect(calls).toEqual(['nice', 'first', 'as others', 'first', 'as others'])
})

test('where it may not, it runs as everybody does and asks no more', () => {
  const { clock, calls, thread } = priority(() => true)
  thread.start()
  clock.advance(10_000)
  expect(calls).toEqual(['nice', 'first'])
  expect(thread.first).toBe(false)
  thread.stop()
  expect(calls).toEqual(['nice', 'first'])
})
