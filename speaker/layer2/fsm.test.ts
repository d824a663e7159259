import { describe, expect, test } from 'vitest'
import { handOverLimit, readyFor, silent, step, type Input, type State } from './fsm.ts'
import type { Standing } from './standing.ts'

const now = 10_000
const stopUntil = now + 700

/** This node is elected and may take the address; nobody else is known to hold it. */
const standing = (change: Partial<Standing> = {}): Standing => ({
  able: true,
  reachable: true,
  served: true,
  elected: 'node-a',
  mine: true,
  successor: 'node-b',
  next: true,
  holder: undefined,
  rivals: true,
  cause: 'first',
  atOnce: false,
  wait: undefined,
  reason: 'claiming',
  ...change,
})

const others = standing({ mine: false, elected: 'node-b', reason: 'notOwner' })
const unserved = standing({ served: false, reason: 'notServed' })
const ineligible = standing({ able: false, mine: false, elected: 'node-b', reason: 'notOwner' })
const stopping = standing({ able: false, mine: false, elected: 'node-b', reason: 'stopping' })
const alone = standing({ successor: undefined, rivals: false })
const down = standing({
  able: false,
  reachable: false,
  mine: false,
  elected: 'node-b',
  reason: 'noInterface',
})
const waiting = standing({ wait: { reason: 'addressInUse', until: now + 5 } })

const states = {
  silent: silent('notOwner'),
  unserved: silent('notServed'),
  claiming: { at: 'claiming', cause: 'failure' },
  claimingFirst: { at: 'claiming', cause: 'first' },
  ready: { at: 'ready', cause: 'first', until: now + 100 },
  readyLate: { at: 'ready', cause: 'first', until: now },
  holding: { at: 'holding' },
  handingOver: { at: 'handingOver', until: now + 300 },
  handingOverLate: { at: 'handingOver', until: now },
  handingOverEver: { at: 'handingOver', until: Infinity },
} as const satisfies Record<string, State>

type Row = [from: keyof typeof states, input: Input['kind'], on: Standing, to: object, actions: string[]]

const claim = { at: 'claiming' }
const hold = { at: 'holding' }
const hush = (reason: string) => ({ at: 'silent', reason })

const rows: Record<string, Row> = {
  'elected: asks first': [
    'silent',
    'look',
    standing({ cause: 'failure' }),
    { at: 'claiming', cause: 'failure' },
    ['probe'],
  ],
  'given up by its holder: taken at once': [
    'silent',
    'look',
    standing({ atOnce: true, cause: 'handOver' }),
    hold,
    ['took: handOver'],
  ],
  'another is elected': ['silent', 'look', others, hush('notOwner'), []],
  'in use by a foreign machine, not asked for again yet': [
    'silent',
    'look',
    waiting,
    hush('addressInUse'),
    [],
  ],
  'not served yet: asked for all the same': ['silent', 'look', unserved, claim, ['probe']],
  'asked for in vain: only when it is served': ['unserved', 'look', unserved, hush('notServed'), []],
  'served now': ['unserved', 'look', standing(), claim, ['probe']],
  'a verdict too late': ['silent', 'free', others, hush('notOwner'), []],
  'silent already: yields': ['silent', 'yield', standing(), states.silent, []],
  'silent already: in use': ['silent', 'inUse', standing(), states.silent, []],
  'silent and it stood still': ['silent', 'paused', others, hush('notOwner'), []],

  'claiming goes on': ['claiming', 'look', standing(), states.claiming, []],
  'nobody answers': ['claiming', 'free', standing(), hold, ['took: failure']],
  'nobody answers, and another is elected now': ['claiming', 'free', others, hush('notOwner'), []],
  'nobody answers, new and not served yet': [
    'claimingFirst',
    'free',
    unserved,
    { at: 'ready', until: now + readyFor },
    [],
  ],
  'nobody answers, and a failed holder’s address cannot be served': [
    'claiming',
    'free',
    unserved,
    hush('notServed'),
    ['nudge'],
  ],
  'claiming, then another is elected': ['claiming', 'look', others, hush('notOwner'), []],
  'claiming, and another node claims that goes first': [
    'claiming',
    'look',
    standing({ wait: { reason: 'notOwner', until: now + 9 } }),
    hush('notOwner'),
    [],
  ],
  'claiming, and the holder gives it up': [
    'claiming',
    'look',
    standing({ atOnce: true, cause: 'handOver' }),
    hold,
    ['took: handOver'],
  ],
  'a foreign machine answers': ['claiming', 'inUse', standing(), hush('addressInUse'), []],
  'claiming yields': ['claiming', 'yield', standing(), hush('notOwner'), []],
  'it stood still while claiming: asks anew': ['claiming', 'paused', standing(), states.claiming, ['probe']],

  'ready and served': ['ready', 'look', standing(), hold, ['took: first']],
  'ready, still not served': ['ready', 'look', unserved, states.ready, []],
  'ready for too long: the next one is told': ['readyLate', 'look', unserved, hush('notServed'), ['nudge']],
  'ready, then another is elected': ['ready', 'look', others, hush('notOwner'), []],
  'ready, and somebody announces it': ['ready', 'yield', unserved, hush('notOwner'), []],
  'ready, and a foreign machine uses it': ['ready', 'inUse', unserved, hush('addressInUse'), []],
  'it stood still while ready': ['ready', 'paused', unserved, claim, ['probe']],
  'ready, a verdict of before': ['ready', 'free', unserved, states.ready, []],

  'holds on': ['holding', 'look', standing(), hold, []],
  'holds on alone': ['holding', 'paused', alone, hold, []],
  'it stood still while holding': [
    'holding',
    'paused',
    standing(),
    { at: 'claiming', cause: 'restart' },
    ['probe'],
  ],
  'holding yields': ['holding', 'yield', standing(), hush('notOwner'), []],
  'lost its forwarding or endpoints: silent at once, the next one is told': [
    'holding',
    'look',
    unserved,
    hush('notServed'),
    ['nudge'],
  ],
  'lost its interface: silent at once': ['holding', 'look', down, hush('noInterface'), []],
  'another goes before it: answers until that one does': [
    'holding',
    'look',
    others,
    { at: 'handingOver', until: Infinity },
    ['nudge'],
  ],
  'may not hold it any more: answers for a second': [
    'holding',
    'look',
    ineligible,
    { at: 'handingOver', until: now + handOverLimit },
    ['nudge'],
  ],
  'may not, and nobody else may': [
    'holding',
    'look',
    standing({ mine: false, able: false, elected: undefined, successor: undefined, reason: 'noCandidate' }),
    hush('noCandidate'),
    [],
  ],
  'stops: answers until the node gives up waiting': [
    'holding',
    'look',
    stopping,
    { at: 'handingOver', until: stopUntil },
    ['nudge'],
  ],
  'holding, a verdict of before': ['holding', 'free', standing(), hold, []],
  'holding, and a foreign machine uses it: a conflict, not a reason': [
    'holding',
    'inUse',
    standing(),
    hold,
    [],
  ],

  'waits for the successor': ['handingOver', 'look', ineligible, states.handingOver, []],
  'waited for long enough': ['handingOverLate', 'look', ineligible, hush('notOwner'), ['nudge']],
  'a stopping node has reason to wait longer': [
    'handingOverLate',
    'look',
    stopping,
    { at: 'handingOver', until: stopUntil },
    [],
  ],
  'could wait for ever, and may not any more': [
    'handingOverEver',
    'look',
    ineligible,
    { at: 'handingOver', until: now + handOverLimit },
    [],
  ],
  'the successor has announced it': ['handingOver', 'yield', ineligible, hush('notOwner'), []],
  'it is its own again': ['handingOver', 'look', standing(), hold, []],
  'handing over, and cannot serve it': [
    'handingOver',
    'look',
    { ...ineligible, served: false, reason: 'notServed' },
    hush('notServed'),
    ['nudge'],
  ],
  'it stood still while handing over': ['handingOver', 'paused', ineligible, hush('notOwner'), ['nudge']],
  'handing over, a verdict of before': ['handingOver', 'free', ineligible, states.handingOver, []],
  'handing over, and a foreign machine uses it': ['handingOver', 'inUse', ineligible, states.handingOver, []],
}

const name = (action: { do: string; cause?: string }): string =>
  action.cause === undefined ? action.do : `${action.do}: ${action.cause}`

describe('states of an address', () => {
  test.each(Object.entries(rows))('%s', (_name, [from, kind, on, to, actions]) => {
    const next = step(states[from], { kind }, on, now, stopUntil)
    expect(next.state).toMatchObject(to)
    expect(next.actions.map(name)).toEqual(actions)
  })

  test('the table has every state with every input', () => {
    const cells = new Set(Object.values(rows).map(([from, input]) => `${states[from].at} ${input}`))
    const inputs: Input['kind'][] = ['look', 'free', 'inUse', 'yield', 'paused']
    const all = new Set(Object.values(states).map(({ at }) => at))
    expect(cells.size).toBe(all.size * inputs.length)
  })
})
