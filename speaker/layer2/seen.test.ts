import { expect, test } from 'vitest'
import { livenessSettings } from '../bfd/config.ts'
import { SeenByOthers } from './seen.ts'

test('how long others wait at least and at most before they take this node for dead', () => {
  const seen = new SeenByOthers()
  expect([seen.shortestDetection, seen.detectionTime]).toEqual([700, 840])
  seen.watch({ ...livenessSettings, transmitInterval: 100, receiveInterval: 50, detectMultiplier: 3 })
  expect([seen.shortestDetection, seen.detectionTime]).toEqual([200, 300])
})

test('who has waited longest in vain counts', () => {
  const seen = new SeenByOthers()
  expect(seen.overdue(1000)).toBe(0)
  seen.spoken('node-b', 1140)
  seen.spoken('node-c', 1100)
  expect([1100, 1101, 1200].map((now) => seen.overdue(now))).toEqual([0, 1, 100])
  seen.spoken('node-c', 1240)
  expect(seen.overdue(1200)).toBe(60)
  seen.forget('node-b')
  expect(seen.overdue(1250)).toBe(10)
  seen.leave()
  expect(seen.overdue(2000)).toBe(0)
})
