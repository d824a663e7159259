import type { Event } from './events.ts'
import type { Result, Seen } from './measure.ts'

/** All runs of one event. */
export interface EventResults {
  readonly event: Event
  readonly results: readonly Result[]
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

/** Median and worst, in a unit that people read. */
export function medianAndWorst(values: readonly number[]): string {
  if (values.length === 0) return '-'
  const all = sorted(values)
  return `${duration(all[Math.ceil(all.length / 2) - 1])} / ${duration(all[all.length - 1])}`
}

const duration = (ms: number): string => (ms >= 995 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(0)} ms`)

/** One line an event: what a client saw, the same of the kernel's address, and what had been asked for. */
export function eventLines({ event, results }: EventResults): string[] {
  const of = (pick: (result: Result) => Seen | undefined, value: keyof Seen): string =>
    medianAndWorst(results.flatMap((result) => pick(result)?.[value] ?? []))
  const line = (what: string, seen: (result: Result) => Record<4 | 6, Seen> | undefined) =>
    [
      what,
      ...([4, 6] as const).flatMap((family) =>
        (['gap', 'two', 'twoHealed'] as const).map((value) => of((result) => seen(result)?.[family], value)),
      ),
    ].join(' | ')
  const problems = results.filter(({ problem }) => problem !== '')
  const back = results.filter(({ holders }) => holders[2] !== holders[1]).length
  return [
    `| ${line(event.title, ({ seen }) => seen)} | ${event.metallb} | ${event.aim} |`,
    `| ${line('… the switch, by the kernel', ({ yardstick }) => yardstick)} | | |`,
    ...(event.otherSide === true
      ? [`| ${line('… on the side of the old holder', ({ otherSide }) => otherSide)} | | |`]
      : []),
    ...problems.map(({ problem, holders }) => `  not as it should be: ${problem} (${holders.join(', ')})`),
    ...(back > 0 ? [`  holder changed at the end in ${back} of ${results.length} runs`] : []),
  ]
}

export const HEADING = [
  '| event | v4 gap | v4 two | v4 two, healed | v6 gap | v6 two | v6 two, healed | MetalLB: gap; two | aim |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
]
