import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { MessageLog } from './message-log.ts'
import { bothFamilies, cut, encodeOpenBytes, message } from './testing.ts'
import type { CodecContext } from './wire/context.ts'
import { mendUpdate } from './wire/cut-update.ts'
import { describeFrame } from './wire/describe.ts'
import { messageTypes, type Frame, type MessageType } from './wire/header.ts'
import { encodeMessage } from './wire/message.ts'
import { endOfRib, updateMessage } from './wire/update.ts'

const frames = (bytes: Uint8Array): Frame[] => cut(bytes) as Frame[]

function add(
  log: MessageLog,
  at: number,
  direction: 'in' | 'out',
  { type, body }: Frame,
  context: CodecContext = bothFamilies,
  second = false,
): void {
  log.add(at, direction, type, { bytes: body, from: 0, to: body.length }, context, second)
}

/** The line for these octets. */
function lineOf(bytes: Uint8Array, context: CodecContext = bothFamilies): string {
  const log = new MessageLog()
  for (const frame of frames(bytes)) add(log, 1, 'in', frame, context)
  const [line] = log.lines()
  expect(line.octets).toBe(bytes.length)
  return line.text
}

const prefixes = (count: number) =>
  Array.from({ length: count }, (_, index) => parsePrefix(`10.1.${index >> 8}.${index & 255}/32`))
const prefixes6 = (count: number) =>
  Array.from({ length: count }, (_, index) => parsePrefix(`2001:db8::${(index + 1).toString(16)}/128`))

const attributes = {
  origin: 'igp',
  asPath: [{ kind: 'sequence', as: [64500, 64501] }],
  communities: [{ kind: 'standard', value: [64500, 7] }],
} as const
const nextHop = parseAddress('192.0.2.2')
const nextHop6 = parseAddress('fd00::2')

describe('a message is a line', () => {
  test.each<[string, Uint8Array]>([
    ['KEEPALIVE', message('001304')],
    [
      'OPEN version 4, AS 64512, hold time 90 s, identifier 10.0.0.1, capabilities: IPv4 unicast, IPv6 unicast, ' +
        'route refresh, 4-octet AS 64512',
      encodeOpenBytes(),
    ],
    [
      'OPEN version 4, AS 64512, hold time 90 s, identifier 10.0.0.1, capabilities: none',
      encodeOpenBytes({ capabilities: [] }),
    ],
    [
      'OPEN version 4, AS 64512, hold time 90 s, identifier 10.0.0.1, capabilities: family 1/128, ' +
        'extended next hop (IPv4 unicast over IPv6), role customer, role 9, ' +
        'graceful restart 120 s (restarted, with NOTIFICATIONs, IPv4 unicast kept forwarding), ' +
        'graceful restart 5 s, host name tor-1.dc, long-lived graceful restart, capability 239',
      encodeOpenBytes({
        capabilities: [
          { kind: 'multiprotocol', afi: 1, safi: 128 },
          { kind: 'extendedNextHop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
          { kind: 'role', value: 3 },
          { kind: 'role', value: 9 },
          {
            kind: 'gracefulRestart',
            restarting: true,
            notification: true,
            restartTime: 120,
            families: [{ afi: 1, safi: 1, forwarding: true }],
          },
          { kind: 'gracefulRestart', restarting: false, notification: false, restartTime: 5, families: [] },
          { kind: 'hostname', host: 'tor-1', domain: 'dc' },
          { kind: 'unknown', code: 71, value: [] },
          { kind: 'unknown', code: 239, value: [] },
        ],
      }),
    ],
    ['NOTIFICATION Cease, Administrative Shutdown (6/2): "bye"', message('001903060203627965')],
    ['ROUTE-REFRESH IPv4 unicast', message('00170500010001')],
    ['ROUTE-REFRESH family 25/65, subtype 1', message('00170500190141')],
    ['UPDATE End-of-RIB, IPv4 unicast', encodeMessage(endOfRib('ipv4-unicast'), bothFamilies)],
    ['UPDATE End-of-RIB, IPv6 unicast', encodeMessage(endOfRib('ipv6-unicast'), bothFamilies)],
    [
      'UPDATE 10.1.0.0/32 10.1.0.1/32, next hop 192.0.2.2, AS path 64500 64501, MED 30, communities 64500:7',
      encodeMessage(
        updateMessage({ attributes: { ...attributes, nextHop, med: 30 }, nlri: prefixes(2) }),
        bothFamilies,
      ),
    ],
    [
      'UPDATE withdraws 10.1.0.0/32 10.1.0.1/32 10.1.0.2/32 10.1.0.3/32 and 3 more',
      encodeMessage(updateMessage({ withdrawn: prefixes(7) }), bothFamilies),
    ],
    [
      'UPDATE 2001:db8::1/128, next hop fd00::2 and fe80::2, AS path empty, local preference 100',
      encodeMessage(
        updateMessage({
          attributes: { origin: 'igp', asPath: [], localPref: 100, communities: [] },
          reach: {
            family: 'ipv6-unicast',
            nextHop: nextHop6,
            linkLocal: parseAddress('fe80::2'),
            prefixes: prefixes6(1),
          },
        }),
        { ...bothFamilies, internal: true },
      ),
    ],
  ])('%s', (text, bytes) => {
    expect(lineOf(bytes, { ...bothFamilies, internal: true })).toBe(text)
  })

  test('what cannot be read says why', () => {
    expect(lineOf(message('001d0104fc00005a0a00000120'))).toBe(
      'OPEN, malformed: optional parameters of 32 octets, but 0 octets follow',
    )
    expect(lineOf(message('002f02000000144001010340020602010000fc00400304c000020118c00002'))).toMatch(
      /^UPDATE 192\.0\.2\.0\/24, next hop 192\.0\.2\.1, AS path 64512, malformed: ORIGIN 3/,
    )
  })
})

describe('a long UPDATE is cut, and its line says what is left', () => {
  test('IPv4 routes', () => {
    const update = updateMessage({ attributes: { ...attributes, nextHop }, nlri: prefixes(800) })
    expect(lineOf(encodeMessage(update, bothFamilies))).toBe(
      'UPDATE 10.1.0.0/32 10.1.0.1/32 10.1.0.2/32 10.1.0.3/32 and more, next hop 192.0.2.2, AS path 64500 64501, ' +
        'communities 64500:7',
    )
  })

  test('IPv6 routes: the attributes behind them are lost', () => {
    const reach = { family: 'ipv6-unicast', nextHop: nextHop6, prefixes: prefixes6(200) } as const
    expect(lineOf(encodeMessage(updateMessage({ attributes, reach }), bothFamilies))).toBe(
      'UPDATE 2001:db8::1/128 2001:db8::2/128 2001:db8::3/128 2001:db8::4/128 and more, next hop fd00::2',
    )
  })

  test('withdrawals', () => {
    expect(lineOf(encodeMessage(updateMessage({ withdrawn: prefixes(800) }), bothFamilies))).toMatch(
      /^UPDATE withdraws 10\.1\.0\.0\/32 .* and more$/,
    )
    const unreach = { family: 'ipv6-unicast', prefixes: prefixes6(200) } as const
    expect(lineOf(encodeMessage(updateMessage({ unreach }), bothFamilies))).toMatch(
      /^UPDATE withdraws 2001:db8::1\/128 .* and more$/,
    )
  })

  test('an attribute that is longer than what was kept', () => {
    const communities = Array.from(
      { length: 400 },
      (_, index) => ({ kind: 'standard', value: [1, index] }) as const,
    )
    const update = updateMessage({ attributes: { ...attributes, nextHop, communities }, nlri: prefixes(1) })
    expect(lineOf(encodeMessage(update, bothFamilies))).toBe('UPDATE next hop 192.0.2.2, AS path 64500 64501')
  })
})

test('the last hundred, oldest first, in bounded memory', () => {
  const log = new MessageLog()
  const update = encodeMessage(
    updateMessage({ attributes: { ...attributes, nextHop }, nlri: prefixes(800) }),
    bothFamilies,
  )
  const [long] = frames(update)
  for (let at = 0; at < 250; at++) add(log, at, at % 2 ? 'in' : 'out', long)
  const lines = log.lines()
  expect(lines.map(({ at }) => at)).toEqual(Array.from({ length: 100 }, (_, index) => 150 + index))
  expect(lines[0]).toMatchObject({ direction: 'out', octets: update.length })
  expect(lines[1].direction).toBe('in')
})

test('a body is copied: the chunk it came in is used again', () => {
  const bytes = Buffer.from(encodeOpenBytes())
  const log = new MessageLog()
  add(log, 0, 'in', frames(bytes)[0], bothFamilies, true)
  bytes.fill(0)
  expect(log.lines()[0].text).toMatch(/^on a second connection: OPEN version 4, AS 64512/)
})

test('AS numbers are read as they were negotiated then', () => {
  const context = { ...bothFamilies, fourOctetAS: false }
  const update = updateMessage({ attributes: { ...attributes, nextHop }, nlri: prefixes(1) })
  expect(lineOf(encodeMessage(update, context), context)).toContain('AS path 64500 64501')
})

test('whatever octets came, there is a line of printable text', () => {
  const type = fc.constantFrom(...(Object.keys(messageTypes) as MessageType[]))
  const body = fc.uint8Array({ minLength: 10, maxLength: 2000 })
  fc.assert(
    fc.property(type, body, fc.boolean(), (type, body, fourOctetAS) => {
      const log = new MessageLog()
      add(log, 0, 'in', { type, body }, { ...bothFamilies, fourOctetAS })
      const [line] = log.lines()
      expect(line.text).toMatch(/^(OPEN|UPDATE|NOTIFICATION|KEEPALIVE|ROUTE-REFRESH)/)
      expect(line.text).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
    }),
    { numRuns: 200 },
  )
})

test('an UPDATE that is cut anywhere still has a line', () => {
  const reach = { family: 'ipv6-unicast', nextHop: nextHop6, prefixes: prefixes6(3) } as const
  const whole = encodeMessage(
    updateMessage({
      attributes: { ...attributes, nextHop },
      nlri: prefixes(3),
      reach,
      withdrawn: prefixes(2),
    }),
    bothFamilies,
  )
  for (let length = 0; length < whole.length - 19; length++) {
    const body = mendUpdate(whole.subarray(19, 19 + length))
    expect(describeFrame({ type: 'update', body }, bothFamilies, true)).toMatch(/^UPDATE/)
  }
})
