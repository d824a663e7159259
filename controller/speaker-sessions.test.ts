import { beforeEach, expect, test } from 'vitest'
import { sessionOf, type SpeakerSession } from './speaker-session.ts'
import { CALM_MS, LOSS_MS, SpeakerSessions, WORDS_MS } from './speaker-sessions.ts'

const up: SpeakerSession = { up: true, families: [4], error: 'up for IPv4' }
const down = (error: string): SpeakerSession => ({ up: false, families: [], error })

let sessions: SpeakerSessions
let now: number

beforeEach(() => {
  sessions = new SpeakerSessions()
  now = 0
})

const observe = (session?: SpeakerSession) =>
  sessions.observe('node1', new Map(session === undefined ? [] : [['tor', session]]), now)

/** Time goes on by so many milliseconds. @returns what is told in the end, and how often it turned */
function pass(ms: number): { told: SpeakerSession | undefined; turns: number } {
  const end = now + ms
  let turns = 0
  for (let due = sessions.deadline(); due !== undefined && due <= end; due = sessions.deadline()) {
    now = Math.max(now, due)
    turns += sessions.step(now).length
  }
  now = end
  return { told: sessions.told('node1', 'tor'), turns }
}

test('a loss is told when it lasts, a session that is up at once', () => {
  expect(observe(down('refused'))).toBe(true)
  expect(observe(up)).toBe(true)
  expect(sessions.told('node1', 'tor')).toBe(up)
  expect(observe(down('refused'))).toBe(false)
  expect(pass(LOSS_MS - 1).told).toBe(up)
  expect(pass(1)).toEqual({ told: down('refused'), turns: 1 })
  expect(observe(up)).toBe(true)
})

test('a speaker that starts again and names no session yet turns nothing', () => {
  observe(up)
  expect(observe()).toBe(false)
  pass(LOSS_MS / 2)
  expect(observe(down('not up yet'))).toBe(false)
  pass(LOSS_MS / 4)
  observe(up)
  expect(pass(10 * LOSS_MS)).toEqual({ told: up, turns: 0 })
})

test('a session that is given up is forgotten in the end', () => {
  observe(up)
  observe()
  pass(LOSS_MS)
  expect([sessions.told('node1', 'tor'), sessions.deadline()]).toEqual([undefined, undefined])
  observe(up)
  expect(sessions.observe('node1', undefined, now)).toBe(true)
  expect(sessions.told('node1', 'tor')).toBeUndefined()
})

test('losing one of two families is a loss', () => {
  const both: SpeakerSession = { up: true, families: [4, 6], error: '' }
  observe(both)
  observe(up)
  expect(sessions.told('node1', 'tor')).toBe(both)
  expect(pass(LOSS_MS).told).toBe(up)
})

test('the words of an error follow slowly', () => {
  observe(up)
  observe(down('refused'))
  pass(LOSS_MS)
  let turns = 0
  for (let attempt = 0; attempt < 60; attempt++) {
    observe(down(attempt % 2 === 0 ? 'timed out' : 'refused'))
    turns += pass(5000).turns
  }
  expect(turns).toBeLessThanOrEqual(300_000 / WORDS_MS)
  observe(down('another AS'))
  expect(pass(WORDS_MS).told).toEqual(down('another AS'))
})

test('the oftener a session is lost the more seldom that is told, until it has been calm', () => {
  observe(up)
  let turns = 0
  for (let flap = 0; flap < 100; flap++) {
    turns += Number(observe(down('x'))) + pass(LOSS_MS + 1000).turns
    turns += Number(observe(up)) + pass(1000).turns
  }
  expect(turns).toBeLessThanOrEqual(2 * Math.ceil(now / CALM_MS))
  pass(2 * CALM_MS)
  observe(down('x'))
  expect(pass(LOSS_MS)).toEqual({ told: down('x'), turns: 1 })
})

test('what a session of a SpeakerStatus is good for', () => {
  const established = { peer: 'tor', state: 'Established', capabilities: ['ipv4-unicast', 'route-refresh'] }
  expect(sessionOf({ ...established, announced: { ipv4: 3, ipv6: 0 } })).toEqual(up)
  const both = { ...established, capabilities: ['ipv4-unicast', 'ipv6-unicast'] }
  expect(sessionOf({ ...both, announced: { ipv4: 0, ipv6: 0 } }).families).toEqual([4, 6])
  const unsent = [{ reason: 'no-next-hop', message: 'no next hop is configured', routes: 2 }]
  expect(sessionOf({ ...both, announced: { ipv4: 1, ipv6: 0 }, unsent })).toEqual({
    up: true,
    families: [4],
    error: 'up for IPv4 (no next hop is configured)',
  })
  const lastError = `Bad Peer AS (2/2); before that: ${'x'.repeat(500)}`
  expect(sessionOf({ peer: 'tor', state: 'Active', lastError })).toEqual(down('Bad Peer AS (2/2)'))
  expect(sessionOf({ peer: 'tor', state: 'Active' })).toEqual(down('not up yet'))
})
