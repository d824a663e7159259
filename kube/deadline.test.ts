import { expect, test } from 'vitest'
import { Deadline } from './deadline.ts'
import { TestClock } from './test-clock.ts'

const late = new Error('late')
const never = () => new Promise<never>(() => {})

test('steps in time have their own outcome, and no timer is left', async () => {
  const clock = new TestClock()
  const deadline = new Deadline(clock, 100, () => late)
  expect(await deadline.within(Promise.resolve(1))).toBe(1)
  const wrong = new Error('wrong')
  await expect(deadline.within(Promise.reject(wrong))).rejects.toBe(wrong)
  deadline.end()
  expect(clock.pending).toBe(0)
})

test('the step that is late is cancelled, none before it, and every step after it is late too', async () => {
  const clock = new TestClock()
  const deadline = new Deadline(clock, 100, () => late)
  const cancelled: string[] = []
  await deadline.within(Promise.resolve(1), () => cancelled.push('first'))
  const second = expect(deadline.within(never(), () => cancelled.push('second'))).rejects.toBe(late)
  await clock.advance(100)
  await second
  await expect(deadline.within(never(), () => cancelled.push('third'))).rejects.toBe(late)
  expect(cancelled).toEqual(['second', 'third'])
})
