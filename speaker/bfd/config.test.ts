import { expect, test } from 'vitest'
import type { BfdProfile } from '#crds/config.ts'
import { defaultSettings, livenessSettings, mergeSettings, notesOn, settingsOf } from './config.ts'
import { settings } from './testing.ts'

const profile: BfdProfile = {
  name: 'default',
  receiveInterval: 300,
  transmitInterval: 300,
  detectMultiplier: 3,
  echoInterval: 50,
  echoMode: false,
  passiveMode: false,
}

test('a profile without fields is FRR’s defaults', () => {
  expect(settingsOf(profile)).toEqual(defaultSettings)
  expect(notesOn(defaultSettings)).toEqual([])
})

test('all fields', () => {
  const full = {
    ...profile,
    receiveInterval: 100,
    transmitInterval: 200,
    detectMultiplier: 4,
    echoMode: true,
    passiveMode: true,
    minimumTtl: 250,
  }
  expect(settingsOf(full)).toEqual({
    receiveInterval: 100,
    transmitInterval: 200,
    detectMultiplier: 4,
    passive: true,
    minimumTtl: 250,
    echo: true,
  })
})

test('echo is refused in words, and what a shared machine cannot keep is said', () => {
  expect(notesOn(settings({ echo: true }))).toMatchObject([{ code: 'FL_BFD_ECHO_NOT_OFFERED' }])
  const fast = notesOn(settings({ receiveInterval: 49, detectMultiplier: 3 }))
  expect(fast).toMatchObject([{ code: 'FL_BFD_FAST', text: expect.stringContaining('147 ms') }])
  expect(notesOn(settings({ receiveInterval: 50, detectMultiplier: 3 }))).toEqual([])
})

test('a shared session runs as the most demanding wants it', () => {
  const slow = settings({ receiveInterval: 1000, transmitInterval: 100, passive: true, minimumTtl: 200 })
  const quick = settings({ detectMultiplier: 2, transmitInterval: 500, echo: true })
  expect(mergeSettings([slow, quick])).toEqual({
    receiveInterval: 300,
    transmitInterval: 100,
    detectMultiplier: 3,
    passive: false,
    minimumTtl: 200,
    echo: true,
  })
  expect(mergeSettings([slow])).toEqual(slow)
})

test.each([
  ['faster packets make nobody count as dead sooner', livenessSettings, defaultSettings, [140, 6]],
  ['the shorter detection time counts', livenessSettings, settings({ transmitInterval: 100 }), [100, 3]],
  ['a part of an interval does not', settings({ transmitInterval: 250 }), settings(), [250, 3]],
] as const)('two that want one session: %s', (_what, one, other, [transmitInterval, detectMultiplier]) => {
  expect(mergeSettings([one, other])).toMatchObject({ transmitInterval, detectMultiplier })
})
