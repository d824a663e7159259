import { expect, test } from 'vitest'
import type { RecordingLine } from './recording.ts'
import { encodeOpenBytes, message, sessionIn } from './testing.ts'

const keepalive = message('001304')
/** AS_PATH in four octets a number: in two it would have AS 0. */
const update = message('002f02000000144001010040020602010000fc00400304c000020118c00002')
const malformed = message('002f02000000144001010340020602010000fc00400304c000020118c00002')
const endOfRib = message('00170200000000')

const times = (count: number, ...messages: Uint8Array[]): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => messages).flat())

test('a whole conversation in one chunk: what the OPEN agrees on counts for what follows', () => {
  const { session, peer } = sessionIn('OpenSent')
  peer.receive(Buffer.concat([encodeOpenBytes(), keepalive, times(3, update), endOfRib, keepalive]))
  expect(session.status()).toMatchObject({
    state: 'Established',
    counters: { updatesReceived: 4, keepalivesReceived: 2, malformedUpdates: 0, endOfRibReceived: 1 },
  })
})

test('each message counts and is in the log, good or not', () => {
  const { session, peer } = sessionIn('Established')
  peer.receive(times(500, update, malformed, update, endOfRib))
  expect(session.status().counters).toMatchObject({
    updatesReceived: 2000,
    malformedUpdates: 500,
    endOfRibReceived: 500,
  })
  expect(session.messages()).toHaveLength(100)
  const [first, second] = session.messages().map(({ text }) => text)
  expect(first).toBe('UPDATE 192.0.2.0/24, next hop 192.0.2.1, AS path 64512')
  expect(second).toContain('malformed: ORIGIN 3')
})

test('many that say the same are one event, and begin the hold time anew', () => {
  const { session, peer, clock } = sessionIn('Established')
  const kinds: string[] = []
  session.record((text) => {
    const line = JSON.parse(text) as RecordingLine
    if ('input' in line && line.input.kind !== 'timer') kinds.push(line.input.kind)
  })
  clock.advance(60_000)
  peer.receive(Buffer.concat([times(1000, update), times(1000, keepalive), times(2, malformed)]))
  expect(kinds).toEqual(['update', 'keepalive', 'update'])
  clock.advance(89_999)
  expect(session.status().state).toBe('Established')
  clock.advance(1)
  expect(session.status().lastError?.code).toBe('FL_BGP_HOLD_TIMER')
})

test('nothing is read behind the message that ends the session', () => {
  const { session, peer } = sessionIn('Established')
  peer.receive(Buffer.concat([update, message('001903060203627965'), times(5, update)]))
  expect(session.status().counters).toMatchObject({ updatesReceived: 1, notificationsReceived: 1 })
})
