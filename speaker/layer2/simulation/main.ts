import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { play, type Result } from './run.ts'
import { scenarioOf } from './scenario-text.ts'
import { generate } from './scenario.ts'
import { shrink } from './shrink.ts'
import { livenessFrom } from './world-options.ts'

/**
 * node speaker/layer2/simulation/main.ts --runs 5000 --seed 1 [--liveness 3x300] [--shrink] [--keep-going], or
 * --scenario FILE
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    shrink: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    liveness: { type: 'string' },
    scenario: { type: 'string' },
  },
})

const first = Number(values.seed)
const runs = values.scenario === undefined ? Number(values.runs) : 1
const liveness = values.liveness === undefined ? undefined : livenessFrom(values.liveness)
function runOf(seed: number): Result {
  if (values.scenario !== undefined) return play(scenarioOf(readFileSync(values.scenario, 'utf8')))
  const scenario = generate(seed)
  return play(liveness === undefined ? scenario : { ...scenario, options: { ...scenario.options, liveness } })
}
const violations = new Map<string, number[]>()
const total = { checked: 0, excused: 0, promises: 0, takeovers: 0 }
const most = { longestOverlap: 0, claims: 0, questions: 0, wakes: 0 }
const started = Date.now()
const progressInterval = 2000
let told = started

for (let seed = first; seed < first + runs; seed++) {
  const found = runOf(seed)
  for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += found.counts[key]
  for (const key of Object.keys(most) as (keyof typeof most)[])
    most[key] = Math.max(most[key], found.counts[key])
  if (found.violation !== undefined) {
    const { report, violation } = values.shrink ? shrink(found) : found
    const { rule } = violation ?? found.violation
    const seeds = violations.get(rule) ?? []
    violations.set(rule, [...seeds, seed])
    if (seeds.length === 0) console.log(`\n${report}\n`)
    if (!values['keep-going']) break
  }
  if (Date.now() - told > progressInterval) {
    told = Date.now()
    console.log(`${seed - first + 1} of ${runs} runs, ${[...violations.values()].flat().length} violations`)
  }
}

console.log(
  `${total.checked} states of quiet segments checked, ${total.excused} excused; ${total.promises} time limits; ` +
    `${total.takeovers} take-overs; longest overlap ${most.longestOverlap.toFixed(1)} ms; ` +
    `at most ${most.claims} claims, ${most.questions} questions and ${most.wakes} wakes a second; ` +
    `${((Date.now() - started) / 1000).toFixed(1)} s`,
)
for (const [rule, seeds] of violations) {
  console.log(`${rule}: ${seeds.length} runs, seeds ${seeds.slice(0, 20).join(', ')}`)
}
process.exitCode = violations.size > 0 ? 1 : 0
