import { beforeEach, describe, expect, test } from 'vitest'
import { TestClock } from '#kube/test-clock.ts'
import { Listeners, type Listening } from './listeners.ts'

let clock: TestClock
let events: string[]
let listeners: Listeners

beforeEach(() => {
  clock = new TestClock()
  events = []
  listeners = new Listeners({
    clock,
    random: () => 1,
    onOpen: (key) => events.push(`open ${key}`),
    onFailure: (key, error, failures) => events.push(`failed ${key} ${error.message} ${failures}`),
  })
})

const opens = (key: string) => async (): Promise<Listening> => ({
  close: async () => void events.push(`close ${key}`),
})

test('a listener is opened in its turn, once', async () => {
  listeners.want('a', opens('a'))
  listeners.want('a', opens('a'))
  expect(events).toEqual([])
  await clock.advance(0)
  expect(events).toEqual(['open a'])
  expect(listeners.drop('a')).toBe(true)
  expect(listeners.drop('a')).toBe(false)
  await clock.advance(0)
  expect(events).toEqual(['open a', 'close a'])
})

test('what is dropped before its turn is never opened', async () => {
  listeners.want('a', opens('a'))
  expect(listeners.drop('a')).toBe(false)
  await clock.advance(0)
  expect(events).toEqual([])
})

test('many are opened a few at a time', async () => {
  let opened = 0
  const most: number[] = []
  let inTurn = 0
  for (let index = 0; index < 100; index++) {
    listeners.want(`${index}`, async () => {
      opened++
      if (inTurn++ === 0) setImmediate(() => void (most.push(inTurn), (inTurn = 0)))
      return { close: async () => {} }
    })
  }
  await clock.advance(0)
  expect(opened).toBe(100)
  expect(Math.max(...most)).toBeLessThanOrEqual(32)
})

test('a failure is tried again with back-off, which a success resets', async () => {
  let failing = true
  listeners.want('a', async () => {
    if (failing) throw new Error('taken')
    return opens('a')()
  })
  await clock.advance(0)
  await clock.advance(1000)
  await clock.advance(1999)
  expect(events).toEqual(['failed a taken 1', 'failed a taken 2'])
  failing = false
  await clock.advance(1)
  expect(events.slice(2)).toEqual(['open a'])
  expect(clock.pending).toBe(0)
})

test('the wait grows to five minutes', async () => {
  listeners.want('a', () => Promise.reject(new Error('taken')))
  await clock.advance(3_600_000)
  expect(clock.next).toBeLessThanOrEqual(300_000)
  expect(events.length).toBeLessThan(25)
  listeners.drop('a')
  expect(clock.pending).toBe(0)
})

describe('a key that is wanted again', () => {
  test('waits until the former one is closed', async () => {
    let released = () => {}
    const closed = new Promise<void>((resolve) => (released = resolve))
    listeners.want('a', async () => ({ close: () => closed }))
    await clock.advance(0)
    listeners.drop('a')
    listeners.want('a', opens('second'))
    await clock.advance(0)
    expect(events).toEqual(['open a'])
    released()
    await clock.advance(0)
    expect(events).toEqual(['open a', 'open a'])
  })

  test('while the former one is being opened, which is then closed', async () => {
    let ready: (listening: Listening) => void = () => {}
    listeners.want('a', () => new Promise((resolve) => (ready = resolve)))
    await clock.advance(0)
    expect(listeners.drop('a')).toBe(false)
    listeners.want('a', opens('second'))
    await clock.advance(0)
    expect(events).toEqual([])
    ready(await opens('first')())
    await clock.advance(0)
    expect(events).toEqual(['close first', 'open a'])
  })
})

test('stop closes all and opens nothing more', async () => {
  listeners.want('a', opens('a'))
  listeners.want('b', () => Promise.reject(new Error('taken')))
  await clock.advance(0)
  listeners.want('c', opens('c'))
  await listeners.stop()
  expect(events).toEqual(['open a', 'failed b taken 1', 'close a'])
  expect(clock.pending).toBe(0)
})
