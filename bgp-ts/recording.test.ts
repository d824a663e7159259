import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { SessionState } from './status.ts'
import { replay } from './recording.ts'

const folder = new URL('recordings/', import.meta.url)

const read = (name: string): string[] => readFileSync(new URL(`${name}.jsonl`, folder), 'utf8').split('\n')

/**
 * What RFC 4271 says of each case, beside the recording: that alone would only prove "as before". Recorded from BIRD
 * by `bird.kernel.test.ts` and `bird-restart.kernel.test.ts`.
 */
const cases: Record<
  string,
  { states: readonly SessionState[]; sent: readonly string[]; down: readonly string[] }
> = {
  'planned-stop': {
    states: ['Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'],
    sent: ['open', 'keepalive', '6/2'],
    down: ['FL_BGP_STOPPED'],
  },
  'keepalives-then-cease': {
    states: [
      ...(['Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'] as const),
      ...(['Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'] as const),
    ],
    sent: ['open', ...Array<string>(5).fill('keepalive'), 'open', 'keepalive', '6/2'],
    down: ['FL_BGP_NOTIFICATION_RECEIVED', 'FL_BGP_STOPPED'],
  },
  'wrong-peer-as': {
    states: ['Connect', 'OpenSent', 'Idle'],
    sent: ['open', '2/2'],
    down: ['FL_BGP_OPEN_PEER_AS'],
  },
  'peer-shuts-down': {
    states: [
      ...(['Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'] as const),
      ...(['Connect', 'Active', 'Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'] as const),
    ],
    sent: ['open', 'keepalive', 'open', 'keepalive', '6/2'],
    down: ['FL_BGP_NOTIFICATION_RECEIVED', 'FL_BGP_CONNECT_FAILED', 'FL_BGP_STOPPED'],
  },
  incoming: {
    states: ['Connect', 'Active', 'OpenConfirm', 'Established', 'Idle'],
    sent: ['open', 'keepalive', '6/2'],
    down: ['FL_BGP_CONNECT_FAILED', 'FL_BGP_STOPPED'],
  },
  // Both connections get our OPEN, the one that does not stay gets 6/7.
  'collision-ours': {
    states: ['Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'],
    sent: ['open', 'open', '6/7', 'keepalive', '6/2'],
    down: ['FL_BGP_STOPPED'],
  },
  'collision-theirs': {
    states: ['Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'],
    sent: ['open', 'open', '6/7', 'keepalive', '6/2'],
    down: ['FL_BGP_STOPPED'],
  },
  'graceful-restart': {
    states: ['Connect', 'OpenSent', 'OpenConfirm', 'Established', 'Idle'],
    sent: ['open', 'keepalive', '6/2'],
    down: ['FL_BGP_STOPPED'],
  },
}

test('every recording has its expectation, and every expectation its recording', () => {
  const files = readdirSync(folder).map((file) => file.replace('.jsonl', ''))
  expect(files.sort()).toEqual(Object.keys(cases).sort())
})

describe.each(Object.entries(cases))('%s', (name, expected) => {
  const steps = replay(read(name))

  test('replays to the recorded actions', () => {
    for (const { at, input, recorded, actions } of steps) {
      expect(JSON.parse(JSON.stringify(actions)), `${at} ${input.kind}`).toEqual(recorded)
    }
  })

  test('goes through the states of the RFC', () => {
    const states = steps.map(({ state }) => state.primary.name)
    expect(states.filter((state, index) => state !== states[index - 1])).toEqual(expected.states)
    const actions = steps.flatMap(({ recorded }) => recorded)
    const sent = actions.flatMap((action) => {
      if (action.do !== 'send') return []
      const { message } = action
      return [message.type === 'notification' ? `${message.code}/${message.subcode}` : message.type]
    })
    expect(sent).toEqual(expected.sent)
    expect(actions.flatMap((action) => (action.do === 'down' ? [action.reason.code] : []))).toEqual(
      expected.down,
    )
  })
})

test('an empty, a headless and a broken recording are errors', () => {
  const failure = expect.objectContaining({ code: 'FL_BGP_RECORDING' })
  const [state, first] = read('planned-stop')
  expect(() => replay([])).toThrow(failure)
  expect(() => replay(['', ''])).toThrow(failure)
  expect(() => replay([state])).toThrow(failure)
  expect(() => replay([first])).toThrow(failure)
  expect(() => replay([state, first.slice(0, -5)])).toThrow(failure)
})
