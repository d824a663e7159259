import { expect, test } from 'vitest'
import { layer2Options } from './layer2-options.ts'

const given = { livenessInterval: '140', livenessMultiplier: '6', drainOnCordon: false, drainWait: '5s' }

test('as the speaker takes them', () => {
  expect(layer2Options(given)).toMatchObject({
    liveness: { receiveInterval: 140, transmitInterval: 140, detectMultiplier: 6, passive: false },
    drainOnCordon: false,
    drainWaitMs: 5000,
  })
  expect(
    layer2Options({ ...given, livenessInterval: '100', livenessMultiplier: '3', drainWait: '0' }),
  ).toMatchObject({
    liveness: { receiveInterval: 100, transmitInterval: 100, detectMultiplier: 3 },
    drainWaitMs: 0,
  })
})

test.each([
  [{ livenessInterval: '10' }, '--liveness-interval 10: it must be a number from 50 to 10000'],
  [{ livenessInterval: '1e3' }, '--liveness-interval 1e3'],
  [{ livenessMultiplier: '1' }, '--liveness-multiplier 1: it must be a number from 2 to 50'],
  [{ drainWait: 'soon' }, '--drain-wait soon: it must be a duration'],
  [{ drainWait: '1h' }, '--drain-wait 1h'],
])('%j is refused', (change, message) => {
  expect(() => layer2Options({ ...given, ...change })).toThrow(message)
})
