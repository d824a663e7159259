import { describe, expect, test } from 'vitest'
import { regressions } from './regressions.ts'
import { play, run, type Counts } from './run.ts'
import { scenarioOf, textOf } from './scenario-text.ts'
import { generate } from './scenario.ts'

const seeds = Array.from({ length: 30 }, (_, index) => index + 1)

const seen: Counts[] = []

describe('rules hold whatever happens', () => {
  test.each(seeds)('seed %i', (seed) => {
    const { report, counts } = run(seed)
    seen.push(counts)
    expect(report).toBe('')
  })

  test('and the runs looked at something', () => {
    const sum = (of: (counts: Counts) => number): number => seen.reduce((total, one) => total + of(one), 0)
    expect(sum(({ checked }) => checked)).toBeGreaterThan(20 * seen.length)
    expect(sum(({ promises }) => promises)).toBeGreaterThan(seen.length / 10)
    expect(sum(({ takeovers }) => takeovers)).toBeGreaterThan(5 * seen.length)
  })
})

describe('defects that were found stay away', () => {
  test.each(regressions)('$name', ({ scenario }) => {
    expect(play(scenarioOf(scenario)).report).toBe('')
  })
})

test('a seed is one run', () => {
  expect(run(7)).toEqual(run(7))
})

test('a scenario is read from a report', () => {
  for (const seed of seeds.slice(0, 10)) {
    const { options, acts } = generate(seed)
    expect(scenarioOf(textOf({ options, acts, end: 0 }))).toMatchObject({ options, acts })
  }
})
