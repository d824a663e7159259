import { describe, expect, test } from 'vitest'
import { notifications, notificationWords } from '../errors.ts'
import { ceaseMessage, describeNotification, shutdownText, type NotificationMessage } from './notification.ts'

const received = (subcode: number, data: readonly number[]): NotificationMessage => ({
  type: 'notification',
  code: 6,
  subcode,
  data,
})
const withText = (text: string): NotificationMessage => {
  const octets = [...Buffer.from(text)]
  return received(2, [octets.length, ...octets])
}

describe('shutdown communication (RFC 9003)', () => {
  test('goes out with a length octet, for shutdown and reset only', () => {
    expect(ceaseMessage(2, 'bye').data).toEqual([3, 0x62, 0x79, 0x65])
    expect(ceaseMessage(4, 'bye').data).toEqual([3, 0x62, 0x79, 0x65])
    expect(ceaseMessage(3, 'bye').data).toEqual([])
    expect(ceaseMessage(2).data).toEqual([])
  })

  test('is cut at 128 octets between characters', () => {
    const { data } = ceaseMessage(2, 'ä'.repeat(100))
    expect(data[0]).toBe(128)
    expect(data.length).toBe(129)
    expect(shutdownText({ ...received(2, data) }).text).toBe('ä'.repeat(64))
    expect(ceaseMessage(2, `x${'ä'.repeat(100)}`).data[0]).toBe(127)
  })

  test.each([
    ['plain', withText('bye'), 'bye', false],
    ['none', received(2, []), '', false],
    ['empty', received(2, [0]), '', false],
    ['not UTF-8', received(2, [2, 0xff, 0x41]), '\ufffdA', false],
    ['a line break and an escape', withText('a\nb\u001b[31m'), 'a\ufffdb\ufffd[31m', false],
    ['text that turns direction', withText('a\u202eb'), 'a\ufffdb', false],
    ['a length beyond the data', received(2, [200, 0x62, 0x79, 0x65]), '', true],
    ['another subcode', received(5, [3, 0x62, 0x79, 0x65]), '', false],
  ])('received: %s', (_name, message, text, malformed) => {
    expect(shutdownText(message)).toEqual({ text, malformed })
  })
})

test.each([
  [withText('bye'), 'Cease, Administrative Shutdown (6/2): "bye"'],
  [received(2, [200, 1]), 'Cease, Administrative Shutdown (6/2), with a malformed text'],
  [received(7, []), 'Cease, Connection Collision Resolution (6/7)'],
  [received(77, []), 'Cease (6/77)'],
  [{ ...received(0, []), code: 4 }, 'Hold Timer Expired (4/0)'],
  [{ ...received(2, [0xfc, 0]), code: 2 }, 'OPEN Message Error, Bad Peer AS (2/2), AS 64512'],
  [{ ...received(2, [0, 0, 0xfc, 0]), code: 2 }, 'OPEN Message Error, Bad Peer AS (2/2), AS 64512'],
  [
    { ...received(2, [0xfa, 0x56, 0xea, 0]), code: 2 },
    'OPEN Message Error, Bad Peer AS (2/2), AS 4200000000',
  ],
  // In the order of an Intel CPU, none at all, and something else.
  [{ ...received(2, [0xf4, 0xfb, 0, 0]), code: 2 }, 'OPEN Message Error, Bad Peer AS (2/2), data f4fb0000'],
  [{ ...received(2, [0, 0]), code: 2 }, 'OPEN Message Error, Bad Peer AS (2/2), data 0000'],
  [{ ...received(2, [1, 2, 3]), code: 2 }, 'OPEN Message Error, Bad Peer AS (2/2), data 010203'],
  [{ ...received(2, []), code: 2 }, 'OPEN Message Error, Bad Peer AS (2/2)'],
  [{ ...received(3, [10, 0, 0, 1]), code: 2 }, 'OPEN Message Error, Bad BGP Identifier (2/3), data 0a000001'],
  [{ ...received(9, []), code: 99 }, 'unknown error (99/9)'],
  [
    received(9, [6, 2, 3, 0x62, 0x79, 0x65]),
    'Cease, Hard Reset (6/9): Cease, Administrative Shutdown (6/2): "bye"',
  ],
  [received(9, [4, 0]), 'Cease, Hard Reset (6/9): Hold Timer Expired (4/0)'],
  [received(9, [6, 9, 6, 9, 6, 9]), 'Cease, Hard Reset (6/9): Cease, Hard Reset (6/9)'],
  [received(9, []), 'Cease, Hard Reset (6/9)'],
  [
    received(1, [0, 1, 1, 0, 0, 0, 100]),
    'Cease, Maximum Number of Prefixes Reached (6/1), 100 of ipv4-unicast',
  ],
  [
    received(1, [0, 25, 65, 0, 0, 0, 1]),
    'Cease, Maximum Number of Prefixes Reached (6/1), 1 of family 25/65',
  ],
  [received(1, [1]), 'Cease, Maximum Number of Prefixes Reached (6/1)'],
  [
    { ...received(1, [0, 4]), code: 2 },
    'OPEN Message Error, Unsupported Version Number (2/1), it speaks version 4',
  ],
])('%o in words', (message, words) => {
  expect(describeNotification(message)).toBe(words)
})

test('every NOTIFICATION has its own pair of numbers and words', () => {
  const pairs = Object.values(notifications).map(([code, subcode]) => `${code}/${subcode}`)
  expect(new Set(pairs).size).toBe(pairs.length)
  for (const [code, subcode] of Object.values(notifications)) {
    expect(notificationWords(code, subcode)).not.toContain('unknown')
  }
})
