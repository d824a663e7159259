import { actOf, words } from './acts.ts'
import type { Scenario } from './scenario.ts'
import { seconds } from './timeline.ts'

/** Milliseconds that a scenario read from text goes on after its last act. */
const aftermath = 12_000

/** A scenario as a report shows it. @param until milliseconds; later acts are left out */
export function textOf({ options, acts }: Scenario, until = Infinity): string {
  const { seed, nodes, addresses, staleAfter, lease, bfdFiltered, sharedMac, liveness } = options
  const head = [
    `seed ${seed}`,
    `nodes ${nodes}`,
    `addresses ${addresses.join(' ')}`,
    ...(staleAfter === undefined ? [] : [`stale ${staleAfter}`]),
    ...(lease === undefined ? [] : [`lease ${lease}`]),
    ...(bfdFiltered ? ['bfdFiltered'] : []),
    ...(sharedMac ? ['sharedMac'] : []),
    ...(liveness === undefined ? [] : [`liveness ${liveness.multiplier} ${liveness.interval}`]),
  ]
  const lines = acts.filter(({ at }) => at <= until).map(({ at, act }) => `${seconds(at)}  ${words(act)}`)
  return [head.join(', '), ...lines].join('\n')
}

/**
 * The scenario of such a text.
 * @throws Error for a line that is none
 */
export function scenarioOf(text: string): Scenario {
  const [head, ...lines] = text.trim().split('\n')
  const said = new Map(
    head.split(',').map((part) => {
      const [name, ...values] = part.trim().split(' ')
      return [name, values]
    }),
  )
  const number = (name: string, at = 0): number => Number(said.get(name)?.[at])
  const acts = lines.map((line) => {
    const [time, ...rest] = line.trim().split(/\s+/)
    return { at: Math.round(Number(time) * 1000), act: actOf(rest.join(' ')) }
  })
  return {
    options: {
      seed: number('seed'),
      nodes: number('nodes'),
      addresses: said.get('addresses') ?? [],
      bfdFiltered: said.has('bfdFiltered'),
      sharedMac: said.has('sharedMac'),
      ...(said.has('stale') && { staleAfter: number('stale') }),
      ...(said.has('lease') && { lease: number('lease') }),
      ...(said.has('liveness') && {
        liveness: { multiplier: number('liveness'), interval: number('liveness', 1) },
      }),
    },
    acts,
    end: (acts.at(-1)?.at ?? 0) + aftermath,
  }
}
