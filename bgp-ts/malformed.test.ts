import { describe, expect, test } from 'vitest'
import type { PeerConfig } from './config.ts'
import { caseOctets, malformedCases, type MalformedCase } from './malformed-cases.ts'
import { encodeOpenBytes, FakeConnection, message, sessionIn } from './testing.ts'

/** Every case through a whole session: octets in, octets out, and what status says. */
type State = 'OpenSent' | 'OpenConfirm' | 'Established'

const connected: readonly State[] = ['OpenSent', 'OpenConfirm', 'Established']

/** Milliseconds for the first routes to be written. */
const settled = 20

const configOf = ({ internal, families, play }: MalformedCase): Partial<PeerConfig> => ({
  ...(internal && { localAS: 64512 }),
  ...(families && { families }),
  ...(play === 'second' && { listen: true }),
})

/** NOTIFICATION `code/subcode` with its data, whole. */
const notification = (pair: string, data = ''): string => {
  const [code, subcode] = pair.split('/').map(Number)
  return message(Buffer.from([0, 21 + data.length / 2, 3, code, subcode]).toString('hex') + data).toString(
    'hex',
  )
}

/** Plays the case in this state. `peer` is the connection that it comes over. */
function play(one: MalformedCase, state: State) {
  const started = sessionIn(state, configOf(one))
  const { session, clock } = started
  session.put({ prefix: { address: { family: 4, value: 1n }, length: 32 }, communities: [] })
  clock.advance(settled)
  started.peer.takeHex()
  const before = session.status()
  let { peer } = started
  const octets = caseOctets(one)
  const each = (parts: readonly Uint8Array[], pause: number) => {
    for (const part of parts) {
      peer.receive(part)
      clock.advance(pause)
    }
  }
  switch (one.play) {
    case 'end':
      peer.receive(octets)
      peer.ended()
      break
    case 'silence':
      clock.advance(before.holdTime - 1 - settled)
      expect(peer.closed).toBe(false)
      clock.advance(1)
      break
    case 'trickle':
      each(
        Array.from({ length: 90 }, (_, second) => octets.subarray(second, second + 1)),
        1000,
      )
      break
    case 'pieces':
      each([octets.subarray(0, 5), octets.subarray(5, 17), octets.subarray(17)], 25_000)
      break
    case 'feed':
    case 'flood':
      // Against a real peer there are more of them (the machine's own limits are no matter here).
      peer.receive(Buffer.concat(Array.from({ length: 3000 }, () => octets)))
      break
    case 'second':
      peer = new FakeConnection()
      session.accept(peer)
      peer.receive(octets)
      break
    default:
      peer.receive(octets)
  }
  clock.advance(20)
  return { ...started, first: started.peer, peer, before }
}

/** What is left when the KEEPALIVEs and the OPEN of a new connection are not looked at. */
const told = (peer: FakeConnection): string[] =>
  peer.takeHex().filter((hex) => !hex.endsWith('001304') && hex.slice(36, 38) !== '01')

function check(one: MalformedCase, state: State) {
  const { session, clock, peer, first, before } = play(one, state)
  const status = session.status()
  switch (one.expect.kind) {
    case 'notification':
      expect(told(peer)).toEqual([notification(one.expect.pair, one.expect.data)])
      expect(peer.closed).toBe(true)
      expect(status).toMatchObject({ state: 'Idle', counters: { notificationsSent: 1 } })
      expect(status.lastError?.text).toContain(`(${one.expect.pair})`)
      expect(status.notificationSent?.text).toContain(`(${one.expect.pair})`)
      break
    case 'refused':
      expect(told(peer)).toEqual([notification(one.expect.pair)])
      expect(peer.closed).toBe(true)
      expect(first.closed).toBe(false)
      expect(status.state).toBe(state)
      break
    case 'closed':
      expect(told(peer)).toEqual([])
      expect(['Idle', 'Active']).toContain(status.state)
      expect(status.lastError?.text).toContain(one.expect.words)
      break
    case 'accepted':
      expect(peer.takeHex()).toEqual([message('001304').toString('hex')])
      expect(status.state).toBe('OpenConfirm')
      break
    case 'counted':
    case 'ignored': {
      expect(told(peer)).toEqual([])
      expect(status.state).toBe(state)
      const malformed = status.counters.malformedUpdates - before.counters.malformedUpdates
      expect(malformed).toBe(one.expect.kind === 'counted' ? 1 : 0)
      break
    }
    case 'resent': {
      clock.advance(100)
      const update = message('002e 02 0000 0012 400101 00 400206 02 01 0000fbf4 400304 c0000202 20 00000001')
      expect(peer.takeHex()).toEqual([update.toString('hex').replace('002e0200000012', '00300200000014')])
    }
  }
}

test('there are 74 cases', () => {
  expect(malformedCases.map(({ number }) => number)).toEqual(
    Array.from({ length: 74 }, (_, index) => index + 1),
  )
})

describe.each(malformedCases)('case $number, $name', (one) => {
  test.each(one.state === 'any' ? connected : [one.state])('in %s', (state) => check(one, state))
})

test('octet by octet they get the same answers', () => {
  for (const one of malformedCases) {
    if (one.expect.kind !== 'notification' || one.play !== undefined) continue
    const { peer } = sessionIn(one.state === 'any' ? 'OpenSent' : one.state, configOf(one))
    for (const octet of caseOctets(one)) peer.receive(Uint8Array.of(octet))
    expect(peer.takeHex(), one.name).toEqual([notification(one.expect.pair, one.expect.data)])
  }
})

test('a flood delays no route', () => {
  const { session, peer, clock } = sessionIn('Established')
  session.put({ prefix: { address: { family: 4, value: 1n }, length: 32 }, communities: [] })
  const flood = Buffer.concat(Array.from({ length: 3000 }, () => message('001304')))
  for (let count = 0; count < 5; count++) peer.receive(flood)
  clock.advance(20)
  expect(peer.takeHex()).toHaveLength(1)
  expect(session.status().counters.keepalivesReceived).toBe(15_001)
})

test('after a case a good session comes up again', () => {
  const { session, peer, clock, connections } = sessionIn('Established')
  peer.receive(message('001300'))
  clock.advance(5000)
  expect(connections).toHaveLength(2)
  connections[1].opened('192.0.2.2', '192.0.2.1')
  connections[1].receive(Buffer.concat([encodeOpenBytes(), message('001304')]))
  expect(session.status().state).toBe('Established')
})
