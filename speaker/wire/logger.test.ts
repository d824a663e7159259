import { expect, test } from 'vitest'
import { wireLog } from './logger.ts'
import type { WireObserved } from './protocol.ts'

test('a flood of lines is cut, and what was left out is counted', () => {
  const lines: WireObserved[] = []
  let now = 0
  const log = wireLog((observed) => lines.push(observed), { now: () => now })
  for (let index = 0; index < 1000; index++) log('warn', 'again', { index })
  expect(lines).toHaveLength(50)
  now += 1000
  log('info', 'later')
  expect(lines.at(-1)).toEqual({ kind: 'log', level: 'info', message: 'later', fields: { omitted: 950 } })
  log('info', 'and again')
  expect(lines.at(-1)).toMatchObject({ fields: {} })
})
