import { Checker } from './checker.ts'
import { rules, type Violation } from './rules.ts'
import { generate, type Scenario } from './scenario.ts'
import { textOf } from './scenario-text.ts'
import { seconds } from './timeline.ts'
import { World } from './world.ts'

export interface Result {
  readonly scenario: Scenario
  readonly violation: Violation | undefined
  /** for people; '' without a violation */
  readonly report: string
  readonly counts: Counts
}

/** How much was looked at, so that a run that checks nothing is seen. */
export interface Counts {
  /** an address in a segment of a quiet network */
  readonly checked: number
  /** the same, left out because nodes know different things */
  readonly excused: number
  /** hand-overs and failures with a time limit */
  readonly promises: number
  readonly takeovers: number
  /** the longest time that two answered and heard each other, milliseconds */
  readonly longestOverlap: number
  /** the most that one node sent in a second */
  readonly claims: number
  readonly questions: number
  /** the most that one node had something to do in a second, on its own account */
  readonly wakes: number
}

/** Milliseconds of the timeline in a report. */
const reported = 4000

/** Runs the scenario of a seed. */
export const run = (seed: number): Result => play(generate(seed))

/** Runs a scenario until its end or the first violation. */
export function play(scenario: Scenario): Result {
  const world = new World(scenario.options)
  const checker = new Checker(world)
  for (const { at, act } of scenario.acts) world.time.at(at, () => world.act(act))
  try {
    world.run(scenario.end)
  } catch (error) {
    checker.violated('crash', error instanceof Error ? (error.stack ?? String(error)) : String(error))
  }
  const { violation, quiet, promises, overlaps, takeovers, rates } = checker
  return {
    scenario,
    violation,
    report: violation === undefined ? '' : report(scenario, world, violation),
    counts: {
      checked: quiet.checked,
      excused: quiet.excused,
      promises: promises.kept,
      takeovers,
      longestOverlap: overlaps.longest,
      claims: rates.claims,
      questions: rates.questions,
      wakes: rates.wakes,
    },
  }
}

function report(scenario: Scenario, world: World, { rule, at, text }: Violation): string {
  return [
    rules[rule],
    `${seconds(at)}  ${text}`,
    '',
    `replay: node speaker/layer2/simulation/main.ts --seed ${scenario.options.seed} --runs 1`,
    '',
    textOf(scenario, at),
    '',
    `the last ${reported / 1000} seconds`,
    ...world.timeline.lines(at - reported),
  ].join('\n')
}
