import { afterEach, beforeEach, expect, test } from 'vitest'
import { TestClock } from '#kube/test-clock.ts'
import { defaultSettings } from '../bfd/config.ts'
import { world } from '../test-world.ts'
import type { WireDesired } from '../wire/protocol.ts'
import { Liveness } from './liveness.ts'

let clock: TestClock
let heard: number
let sent: WireDesired[]
let turns: boolean[]
let liveness: Liveness

beforeEach(() => {
  clock = new TestClock()
  heard = 0
  sent = []
  turns = []
  liveness = new Liveness({
    clock,
    settings: defaultSettings,
    contact: () => heard,
    send: (message) => sent.push(message),
    onStale: (stale) => turns.push(stale),
  })
  liveness.start()
})
afterEach(() => liveness.stop())

const staleTold = () => sent.map((message) => message.kind === 'speakers' && message.self.stale)

test('what is the same is not sent again', () => {
  const at = world({ nodes: ['a', 'b'] })
  liveness.update(at)
  liveness.update(world({ nodes: ['a', 'b'] }))
  expect(sent).toHaveLength(1)
  liveness.update(world({ nodes: ['a', 'b', 'c'] }))
  expect(sent).toHaveLength(2)
})

test('silence of the API is told in time, and its end when it lasts', async () => {
  liveness.update(world({ nodes: ['a', 'b'] }))
  await clock.advance(30_000)
  expect(staleTold()).toEqual([false])
  await clock.advance(1)
  expect(staleTold()).toEqual([false, true])
  for (let second = 0; second < 10; second++) {
    await clock.advance(1000)
    heard = clock.now()
  }
  expect(staleTold()).toEqual([false, true, false])
  expect(turns).toEqual([true, false])
})

test('before anything is known nothing is told, and after the end nothing runs on', async () => {
  await clock.advance(60_000)
  expect([sent, turns]).toEqual([[], [true]])
  liveness.stop()
  liveness.look()
  expect(clock.pending).toBe(0)
})
