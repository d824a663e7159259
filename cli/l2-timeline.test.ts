import { describe, expect, test } from 'vitest'
import type { TimelineDocument } from '#admin/layer2/timeline.ts'
import type { Layer2Event } from '#speaker/wire/protocol.ts'
import { since } from './l2-command.ts'
import type { Sighting } from './l2-sightings.ts'
import { timelineText } from './l2-text.ts'
import { mergeTimeline } from './l2-timeline.ts'

const ADDRESS = '192.0.2.50'
const BEGIN = Date.UTC(2026, 10, 21, 12)
const event = (ms: number, what: string, more: Partial<Layer2Event> = {}): Layer2Event => ({
  at: BEGIN + ms,
  address: ADDRESS,
  what,
  ...more,
})
const story = (node: string, items: readonly Layer2Event[], held = false): TimelineDocument => ({
  node,
  address: ADDRESS,
  held,
  interfaces: [{ name: 'eth0', mac: `02:00:00:00:00:0${node.at(-1)}` }],
  items,
})
/** What `state` of the lines shows, a character each. */
const picture = (documents: readonly TimelineDocument[], sightings?: readonly Sighting[]) =>
  mergeTimeline(ADDRESS, documents, sightings).lines.map(
    ({ where, what, state }) => `${state.map((lane) => lane[0]).join('')} ${where} ${what}`,
  )

const failure = [
  story('node2', [
    event(910, 'neighborDead', { address: '', node: 'node1' }),
    event(911, 'claiming', { interface: 'eth0' }),
    event(1000, 'took', { cause: 'failure', interface: 'eth0' }),
    event(1000, 'announced', { interface: 'eth0' }),
  ]),
  story('node3', [
    event(915, 'neighborDead', { address: '', node: 'node1' }),
    event(1001, 'heardClaim', { node: 'node2' }),
  ]),
]

describe('merge', () => {
  test('the stories in the order of time, with who answers after each line', () => {
    expect(picture(failure)).toEqual([
      'ss node2 neighborDead',
      'ss node2 claiming',
      'ss node3 neighborDead',
      'as node2 took',
      'as node2 announced',
      'as node3 heardClaim',
    ])
  })

  test('the first line that says so tells how it was before', () => {
    const healing = [
      story('node1', [event(0, 'neighborAlive', { address: '' }), event(10, 'yielded', { node: 'node2' })]),
      story('node2', [event(5, 'insisted', { node: 'node1' })]),
    ]
    expect(picture(healing)).toEqual(['aa node1 neighborAlive', 'aa node2 insisted', 'sa node1 yielded'])
  })

  test('a node without a word of it is as it is now', () => {
    expect(picture([story('node1', [], true), story('node2', [event(0, 'neighborDead')])])).toEqual([
      'as node2 neighborDead',
    ])
  })

  test('what the client heard has a lane of its own, with the names of the nodes', () => {
    const answer = (ms: number, mac: string): Sighting => ({
      at: BEGIN + ms,
      what: 'answer',
      address: ADDRESS,
      mac,
    })
    const dead = '02:00:00:00:00:01'
    const capture = [
      answer(0, dead),
      answer(5, dead),
      answer(1005, '02:00:00:00:00:02'),
      answer(1010, '02:00:00:00:00:02'),
    ]
    const known = [...failure, story('node3', [event(2000, 'heardClaim', { node: 'node1', mac: dead })])]
    expect(picture(known, capture).filter((line) => line.includes('client'))).toEqual([
      'sssa client answered',
      'ssss client ended',
      'assa client answered',
    ])
    const others = mergeTimeline(ADDRESS, known, capture).lines.flatMap(({ where, other }) =>
      where === 'client' ? [other] : [],
    )
    expect(others).toEqual([`node1 ${dead}`, `node1 ${dead}`, 'node2 02:00:00:00:00:02'])
  })

  test('a word that only a newer speaker knows is printed as it is', () => {
    const [line] = mergeTimeline(
      ADDRESS,
      [story('node1', [event(0, 'levitated', { cause: 'magic' })])],
      undefined,
    ).lines
    expect(line.words).toBe('levitated: magic')
  })
})

test('since leaves lines out and keeps what they did', () => {
  const timeline = mergeTimeline(ADDRESS, failure, undefined)
  const late = since(timeline, '1s', BEGIN + 2000)
  expect(late.lines.map(({ what, state }) => [what, state[0]])).toEqual([
    ['took', 'answering'],
    ['announced', 'answering'],
    ['heardClaim', 'answering'],
  ])
  expect(() => since(timeline, 'soon', BEGIN)).toThrow('--since soon: it must be a duration')
})

describe('text', () => {
  test('a column for each node, and every line in words', () => {
    const text = timelineText(mergeTimeline(ADDRESS, failure, undefined), [
      'cannot reach /run/node1.sock: gone',
    ])
    expect(text).toBe(
      `
192.0.2.50, 2026-11-21, UTC, seconds      | silent   # answering   ! two answer

TIME           AFTER    NODE2   NODE3   WHERE   WHAT                                         INTERFACE   OTHER SIDE
12:00:00.910   +0.000   |       |       node2   takes the speaker of the other for dead                  node1
12:00:00.911   +0.001   |       |       node2   asks the wire whether it may answer          eth0
12:00:00.915   +0.005   |       |       node3   takes the speaker of the other for dead                  node1
12:00:01.000   +0.090   #       |       node2   answers from now on: its holder has failed   eth0
12:00:01.000   +0.090   #       |       node2   has announced it                             eth0
12:00:01.001   +0.091   #       |       node3   hears that the other holds it                            node2

Note: cannot reach /run/node1.sock: gone`.trim(),
    )
  })

  test('an address without a story', () => {
    expect(timelineText({ address: ADDRESS, lanes: ['node1'], lines: [] }, [])).toBe(
      'Nothing is known to have happened to 192.0.2.50.',
    )
  })
})
