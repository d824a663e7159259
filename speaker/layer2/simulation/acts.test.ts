import { expect, test } from 'vitest'
import { actOf, words } from './acts.ts'
import { generate } from './scenario.ts'

test('the lines of a report are the acts', () => {
  for (let seed = 1; seed <= 30; seed++) {
    for (const { act } of generate(seed).acts) expect(actOf(words(act))).toEqual(act)
  }
  expect(actOf('  apiDown  ')).toEqual({ do: 'apiDown' })
  expect(() => actOf('explode node-a')).toThrow('no act')
})
