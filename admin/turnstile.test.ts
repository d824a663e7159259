import { expect, test } from 'vitest'
import { Turnstile } from './turnstile.ts'

test('one at a time, in order, and no more wait than there are places', async () => {
  const turnstile = new Turnstile('one at a time', 2)
  const order: string[] = []
  const leave = await turnstile.enter()
  const second = turnstile.enter().then((leave) => (order.push('second'), leave))
  const third = turnstile.enter().then((leave) => (order.push('third'), leave))
  expect(turnstile.waiting).toBe(2)
  await expect(turnstile.enter()).rejects.toMatchObject({ code: 'FL_ADMIN_BUSY', statusCode: 503 })
  leave()
  // Once more is nobody else's turn.
  leave()
  const leaveSecond = await second
  expect([order, turnstile.waiting]).toEqual([['second'], 1])
  leaveSecond()
  ;(await third)()
  ;(await turnstile.enter())()
})

test('whoever has gone does not wait, and is not waited for', async () => {
  const turnstile = new Turnstile('one at a time', 2)
  const leave = await turnstile.enter()
  const gone = new AbortController()
  const waits = turnstile.enter(gone.signal)
  const next = turnstile.enter()
  gone.abort()
  await expect(waits).rejects.toThrow('aborted')
  leave()
  ;(await next)()
  await expect(turnstile.enter(gone.signal)).rejects.toThrow('aborted')
  ;(await turnstile.enter())()
})
