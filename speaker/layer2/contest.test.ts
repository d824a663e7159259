import { describe, expect, test } from 'vitest'
import {
  announced,
  heard,
  judge,
  mayAnnounce,
  type Contest,
  type Contests,
  type Rivalry,
  type Verdict,
} from './contest.ts'

const rivalry = (change: Partial<Rivalry> = {}): Rivalry => ({
  outranked: false,
  stale: false,
  otherStale: false,
  first: true,
  reachable: true,
  ...change,
})

const contest = (announced: number, change: Partial<Contest> = {}): Contest => ({
  node: 'node-b',
  since: 0,
  announced,
  lastAnnounced: announced === 0 ? Number.NEGATIVE_INFINITY : 900,
  lastHeard: 1000,
  ...change,
})

describe('what to do about a claim', () => {
  test.each<[string, Contest, Rivalry, boolean, Verdict]>([
    ['the other goes first', contest(0), rivalry({ outranked: true, first: false }), false, 'yield'],
    [
      'the other goes first and may not hear this node',
      contest(0),
      rivalry({ outranked: true, first: false, reachable: false }),
      false,
      'ask',
    ],
    [
      'the other goes first, but not by hash: it may think the same',
      contest(0),
      rivalry({ outranked: true }),
      false,
      'ask',
    ],
    ['and does not, a moment later', contest(0), rivalry({ outranked: true }), true, 'yield'],
    ['it answers too soon', contest(0, { since: 980 }), rivalry({ outranked: true }), true, 'ask'],
    ['this node goes first', contest(0), rivalry(), false, 'insist'],
    ['this node goes first and has said so', contest(1), rivalry(), true, 'insist'],
    ['said twice: the hash decides, for this node', contest(2), rivalry(), true, 'insist'],
    ['for the other', contest(2), rivalry({ first: false }), true, 'yield'],
    [
      'for the other, which may not hear this node',
      contest(2),
      rivalry({ first: false, reachable: false }),
      false,
      'ask',
    ],
    [
      'what was heard may be older than what was said',
      contest(2, { lastAnnounced: 990 }),
      rivalry({ first: false }),
      false,
      'insist',
    ],
    ['an answer is not', contest(2, { lastAnnounced: 990 }), rivalry({ first: false }), true, 'yield'],
    [
      'against a stale node the hash is not enough',
      contest(3),
      rivalry({ first: false, otherStale: true }),
      true,
      'insist',
    ],
    ['that does not know', contest(4), rivalry({ first: false, otherStale: true }), true, 'yield'],
    ['a stale node waits for the hash', contest(2), rivalry({ stale: true }), true, 'insist'],
    ['and gives way then', contest(3), rivalry({ stale: true }), true, 'yield'],
  ])('%s', (_name, so, far, direct, verdict) => {
    expect(judge(so, far, direct, 1000)).toBe(verdict)
  })
})

test('announcements keep a distance, and a larger one when they are of no use', () => {
  const against = (...all: Contest[]) => new Map(all.map((one) => [one.node, one]))
  expect(mayAnnounce(against(contest(0)), 1000)).toBe(1000)
  expect(mayAnnounce(against(contest(1, { lastAnnounced: 990 })), 1000)).toBe(1055)
  expect(mayAnnounce(against(contest(10, { lastAnnounced: 990 })), 1000)).toBe(1990)
  const both = against(contest(1, { lastAnnounced: 990 }), contest(0, { node: 'node-c' }))
  expect(mayAnnounce(both, 1000)).toBe(1055)
})

test('a contest is with one node, and forgotten when that is silent; an announcement is against all', () => {
  const contests: Contests = new Map()
  const first = heard(contests, 'node-b', 0)
  expect(heard(contests, 'node-b', 1500)).toBe(first)
  const second = heard(contests, 'node-c', 1600)
  announced(contests, 1700)
  expect([first, second]).toMatchObject([
    { node: 'node-b', since: 0, lastHeard: 1500, announced: 1, lastAnnounced: 1700 },
    { node: 'node-c', since: 1600, lastHeard: 1600, announced: 1, lastAnnounced: 1700 },
  ])
  expect([...contests.keys()]).toEqual(['node-b', 'node-c'])
  expect(heard(contests, 'node-c', 3501)).toBe(second)
  expect([...contests.keys()]).toEqual(['node-c'])
})
