import { expect, test } from 'vitest'
import { confirmDelay, Conflicts, defendInterval } from './conflict.ts'

const vip = '192.0.2.50'
const mac = '02:00:00:00:00:c7'

test('a claim that stands is confirmed after the delay', () => {
  const conflicts = new Conflicts()
  conflicts.heard(vip, mac, 2, 1000)
  conflicts.heard(vip, mac, 2, 1010)
  expect(conflicts.step(1010)).toEqual({ confirmed: [], deadline: 1000 + confirmDelay })
  expect(conflicts.step(1000 + confirmDelay)).toEqual({
    confirmed: [{ address: vip, mac, interfaceIndex: 2, at: 1000, count: 2 }],
    deadline: undefined,
  })
})

test('a claim heard while the address is being lost is its new holder', () => {
  const conflicts = new Conflicts()
  conflicts.heard(vip, mac, 2, 0)
  conflicts.forget(vip)
  expect(conflicts.step(confirmDelay)).toEqual({ confirmed: [], deadline: undefined })
})

test('a flood of claims is told at most once in the defend interval', () => {
  const conflicts = new Conflicts()
  const told: number[] = []
  for (let now = 0; now < 3 * defendInterval; now += 50) {
    conflicts.heard(vip, mac, 2, now)
    if (conflicts.step(now).confirmed.length > 0) told.push(now)
  }
  expect(told).toHaveLength(3)
  expect(told[1] - told[0]).toBeGreaterThanOrEqual(defendInterval)
})

test('addresses are independent', () => {
  const conflicts = new Conflicts()
  conflicts.heard(vip, mac, 2, 0)
  conflicts.heard('192.0.2.51', mac, 2, 10)
  expect(conflicts.step(confirmDelay).confirmed.map((each) => each.address)).toEqual([vip])
  expect(conflicts.step(10 + confirmDelay).confirmed.map((each) => each.address)).toEqual(['192.0.2.51'])
})
