import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Loop } from './loop.ts'
import type { Answer, Placed } from './messages.ts'

const target = (to: string): Placed => ({ namespace: 'client', question: { to, port: 80 } })

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }))
afterEach(() => void vi.useRealTimers())

it('asks the targets in turn and counts each one’s failures', async () => {
  const asked: string[] = []
  const loop = new Loop([target('a'), target('b')], 5, async ({ question }) => {
    asked.push(question.to)
    return question.to === 'b' && asked.length > 2 ? { error: 'timeout' } : { pod: 'web' }
  })
  loop.start()
  await vi.advanceTimersByTimeAsync(25)
  const { targets, failures } = await loop.stop()
  expect(asked).toEqual(['a', 'b', 'a', 'b', 'a'])
  expect(targets.map(({ made, failed }) => [made, failed])).toEqual([
    [3, 0],
    [2, 1],
  ])
  expect(failures).toEqual([{ target: 1, at: 20, error: 'timeout' }])
})

it('waits for the last answers, and takes what is no echo server for a failure', async () => {
  let answer: (answer: Answer) => void = () => undefined
  const loop = new Loop([target('a')], 5, () => new Promise((resolve) => (answer = resolve)))
  loop.start()
  await vi.advanceTimersByTimeAsync(5)
  const ended = loop.stop()
  await vi.advanceTimersByTimeAsync(50)
  answer({ status: 200, body: 'hello' })
  expect((await ended).failures).toEqual([{ target: 0, at: 5, error: 'no echo server' }])
})
