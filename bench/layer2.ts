/**
 * What a client sees of layer 2 when something fails, in the lab: for how long nobody answered for an address, and
 * for how long two did. Requests for it and, as the yardstick, for an address of the kernel are sent every 5 ms by a
 * process of its own in the client's network namespace, and everything is captured. Then answers with 10,000 addresses,
 * 1,000 addresses taken over, memory, and BFD under load. `npm run bench -- layer2 --runs 5 --only kill,split` measures
 * some; `--keep DIRECTORY` keeps the captures. As root.
 */
import { availableParallelism, loadavg } from 'node:os'
import { main as measureBfd } from './bfd.ts'
import { measureAnswers } from './layer2/answers.ts'
import { events, speakers, type Event, type Speakers } from './layer2/events.ts'
import { measureMany } from './layer2/many.ts'
import { measure, type Result } from './layer2/measure.ts'
import { parseOptions, type Options } from './layer2/options.ts'
import { eventLines, HEADING, type EventResults } from './layer2/report.ts'
import { World } from './layer2/world.ts'

/** Measures and prints; takes its labs down again. */
export async function main(args: readonly string[] = []): Promise<void> {
  const options = parseOptions(args)
  console.log(`before: ${load()}`)
  const chosen = events(options).filter(({ name }) => wanted(options, name))
  const all: EventResults[] = []
  for (const kind of Object.keys(speakers) as Speakers[]) {
    const those = chosen.filter((event) => event.speakers === kind)
    if (those.length > 0) all.push(...(await measureEvents(those, kind, options)))
  }
  if (all.length > 0) {
    console.log(`\nWhat a client saw: median / worst of ${options.runs} runs\n`)
    for (const line of [...HEADING, ...all.flatMap(eventLines)]) console.log(line)
  }
  if (wanted(options, 'answers')) await measureAnswers(options.addresses)
  if (wanted(options, 'many')) await measureMany(options)
  if (wanted(options, 'bfd')) await measureBfd([String(options.bfdSeconds)])
  console.log(`\nafter: ${load()}`)
}

const wanted = ({ only }: Options, name: string): boolean => only.length === 0 || only.includes(name)

const load = (): string =>
  `${availableParallelism()} cores, load average ${loadavg()
    .map((value) => value.toFixed(1))
    .join(' ')}`

/** In turn, so that whatever else the machine does meets all of them. */
async function measureEvents(
  those: readonly Event[],
  kind: Speakers,
  options: Options,
): Promise<EventResults[]> {
  const world = await World.start(speakers[kind])
  const results = new Map<Event, Result[]>(those.map((event) => [event, []]))
  try {
    await world.serve()
    for (let run = 1; run <= options.runs; run++) {
      for (const event of those) {
        const result = await measure(world, event, options, `${event.name}-${run}`)
        results.get(event)?.push(result)
        console.error(progress(event, run, result))
      }
    }
  } finally {
    await world.down()
  }
  return those.map((event) => ({ event, results: results.get(event) ?? [] }))
}

function progress(event: Event, run: number, { seen, yardstick, holders, problem }: Result): string {
  const words = ([4, 6] as const).map((family) => {
    const { gap, two, twoHealed } = seen[family]
    return `v${family} gap ${gap.toFixed(0)} two ${two.toFixed(0)} healed ${twoHealed.toFixed(0)}`
  })
  const noise = Math.max(yardstick[4].gap, yardstick[6].gap).toFixed(0)
  return `${event.name} ${run}: ${words.join('; ')} ms; kernel ${noise} ms; ${holders.join(' > ')} ${problem}`
}

if (import.meta.main) await main(process.argv.slice(2))
