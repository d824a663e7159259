import { expect, test } from 'vitest'
import type { WireAddress } from '../../wire/protocol.ts'
import type { Candidate } from '../elect.ts'
import { createCore, type Core, type CoreFactory } from './core.ts'
import { whatSaid } from './frames.ts'
import { play } from './run.ts'
import { rules, type Rule, type Violation } from './rules.ts'
import { scenarioOf } from './scenario-text.ts'
import { generate, type Scenario } from './scenario.ts'

/** The real core with some of its methods replaced. */
const damaged =
  (damage: (core: Core, node: string) => Partial<Core>): CoreFactory =>
  (options) => {
    const core = createCore(options)
    const replaced = damage(core, options.node)
    return new Proxy(core, {
      get: (target, key) => {
        const value = Reflect.get(key in replaced ? replaced : target, key) as unknown
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

const small = 'seed 2, nodes 3, addresses 10.0.1.50, stale 6000, lease 8000'

interface Saboteur {
  readonly core: CoreFactory
  readonly found: readonly Rule[]
  /** what shows it; otherwise seeds are tried until one does */
  readonly scenario?: Scenario
}

/** Defects that a core could have, and the rules that may find them. */
const saboteurs: Record<string, Saboteur> = {
  'does not believe that a neighbour is dead': {
    core: damaged((core) => ({
      neighbor: (node, state, now) => core.neighbor(node, state === 'dead' ? 'alive' : state, now),
    })),
    found: ['late', 'one'],
  },
  'does not hear other holders': {
    core: damaged((core) => ({
      receive: (frame, interfaceIndex, now) =>
        whatSaid(frame)?.kind === 'question' ? core.receive(frame, interfaceIndex, now) : undefined,
    })),
    found: ['two', 'move', 'one'],
  },
  'takes on silence without asking the machine': {
    core: damaged((core) => ({
      suspect: (node, suspect, now) => core.suspect(node, suspect && { ...suspect, doubt: 'refused' }, now),
    })),
    found: ['hasty'],
    scenario: scenarioOf(`${small}\n10.0 freeze node-c\n12.0 thaw node-c`),
  },
  'does not see that others waited for it': {
    core: damaged(() => ({ spoke: () => false })),
    found: ['thawed'],
    scenario: scenarioOf(`${small}\n10.0 pause node-c\n10.25 resume node-c`),
  },
  'answers for what is not served': {
    core: damaged((core) => ({
      put: (addresses) => core.put(addresses.map((one) => ({ ...one, served: true }))),
    })),
    found: ['silent'],
  },
  'goes on answering for what is removed': {
    core: damaged(() => ({ remove: () => {} })),
    found: ['silent'],
  },
  'ranks itself down in every outage of the API': {
    core: damaged((core, node) => {
      const wanted = new Map<string, WireAddress>()
      return {
        put: (addresses) => {
          for (const one of addresses) wanted.set(one.address, one)
          core.put(addresses)
        },
        remove: (addresses) => {
          for (const address of addresses) wanted.delete(address)
          core.remove(addresses)
        },
        speakers: (self, others, now) => {
          core.speakers(self, others, now)
          const fit = (one: Candidate): boolean => one.eligible && !(self.stale && one.node === node)
          core.put(
            [...wanted.values()].map((one) => ({
              ...one,
              candidates: one.candidates.map((candidate) => ({ ...candidate, eligible: fit(candidate) })),
            })),
          )
        },
      }
    }),
    found: ['move', 'one'],
    scenario: scenarioOf('seed 1, nodes 3, addresses 10.0.1.50, stale 4000, lease 6000\n6.0 apiDown'),
  },
  'knows no preferences': {
    core: damaged((core) => ({
      put: (addresses) =>
        core.put(
          addresses.map((one) => ({
            ...one,
            candidates: one.candidates.map((candidate) => ({ ...candidate, preference: 0 })),
          })),
        ),
    })),
    found: ['rank'],
  },
  'says everything a hundred times': {
    core: damaged((core) => ({
      due: (now) => {
        const due = core.due(now)
        return { ...due, frames: due.frames.flatMap((one) => Array.from({ length: 100 }, () => one)) }
      },
    })),
    found: ['rate'],
  },
  'wakes up for nothing': {
    core: damaged((core) => ({ due: (now) => ({ ...core.due(now), deadline: now }) })),
    found: ['rate'],
  },
  'has something to tell without end': {
    core: damaged((core) => ({ due: (now) => ({ ...core.due(now), changed: true }) })),
    found: ['crash'],
  },
}

const seeds = Array.from({ length: 160 }, (_, index) => 1000 + index)

const withCore = ({ options, ...rest }: Scenario, core: CoreFactory): Scenario => ({
  ...rest,
  options: { ...options, core },
})

test.each(Object.entries(saboteurs))('found: a core that %s', (_name, { core, found, scenario }) => {
  const scenarios = scenario === undefined ? seeds.map((seed) => generate(seed)) : [scenario]
  let first: Violation | undefined
  for (const one of scenarios) first ??= play(withCore(one, core)).violation
  expect(first, 'not found').toBeDefined()
  expect(found, first?.text).toContain(first?.rule)
})

test('every rule finds something', () => {
  const found = new Set(Object.values(saboteurs).flatMap((one) => one.found))
  expect([...found].sort()).toEqual(Object.keys(rules).sort())
})
