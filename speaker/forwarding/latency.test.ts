import { expect, test } from 'vitest'
import { slice } from './fixtures.ts'
import { ProgrammingLatency } from './latency.ts'

const changed = [slice('s', ['10.0.0.1'], undefined, { triggerTime: '2030-01-01T00:00:00Z' })]

test('a change is handed out once, when it is programmed', () => {
  const latency = new ProgrammingLatency(0)
  latency.observe('ns/s', changed)
  latency.observe('ns/s', changed)
  expect(latency.take('ns/s')).toEqual([Date.parse('2030-01-01T00:00:00Z')])
  expect(latency.take('ns/s')).toEqual([])
})

test('what waits for a Service that is gone is forgotten, since it may never be programmed', () => {
  const latency = new ProgrammingLatency(0)
  latency.observe('ns/s', changed)
  latency.observe('ns/s', undefined)
  expect(latency.take('ns/s')).toEqual([])
})
