import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import type { ExportContext } from './export.ts'
import type { Community, Route } from './route.ts'
import { bothFamilies, ReadableRib } from './testing.ts'
import { frameOf } from './wire/header.ts'
import { encodeMessage } from './wire/message.ts'
import { decodeUpdate } from './wire/update.ts'

/** eBGP, AS 64500, over 192.0.2.2. */
const ebgp: ExportContext = {
  ...bothFamilies,
  localAS: 64500,
  nextHops: { 4: parseAddress('192.0.2.2'), 6: parseAddress('2001:db8::2') },
}
const ibgp: ExportContext = { ...ebgp, internal: true }
const linkLocal = parseAddress('fe80::2')
const linkLocalOnly = { ...ebgp, nextHops: { 6: linkLocal }, linkLocal }

const over = (context: ExportContext): ExportContext => ({ ...context, extendedNextHop: true })
const four = (change: Partial<Route> = {}): Route => ({
  prefix: parsePrefix('198.51.100.1/32'),
  communities: [],
  ...change,
})
const six = (change: Partial<Route> = {}): Route => ({
  ...four(change),
  prefix: parsePrefix('2001:db8:1::1/128'),
})

/** A session in which End-of-RIB has been sent. */
function opened(context: ExportContext): ReadableRib {
  const rib = new ReadableRib()
  rib.open(context)
  rib.updates(10)
  return rib
}

/** What goes out for the one route, without the marker. */
function octets(route: Route, context: ExportContext): string {
  const rib = opened(context)
  rib.gracefulShutdown(context.gracefulShutdown ?? false)
  rib.put(route)
  const messages = rib.messages(10)
  expect(messages).toHaveLength(1)
  return hex(messages[0])
}

/** An UPDATE without withdrawn prefixes. */
function update(attributes: string, nlri = ''): string {
  const length = (text: string, more: number) =>
    (spaceless(text).length / 2 + more).toString(16).padStart(4, '0')
  return `${length(attributes + nlri, 23)} 02 0000 ${length(attributes, 0)} ${attributes} ${nlri}`
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').slice(32)
const spaceless = (text: string): string => text.replaceAll(' ', '')

const origin = '40010100'
const path = '4002060201 0000fbf4'
const nextHop = '400304c0000202'
const nlri = '20c6336401'
const nextHop6 = '20010db8000000000000000000000002'
const nextHopLL = 'fe800000000000000000000000000002'
const nlri6 = '8020010db8000100000000000000000001'

const standard = (low: number): Community => ({ kind: 'standard', value: [64500, low] })
const target: Community = { kind: 'extended', value: [0x0002fbf4, 100] }
const large: Community = { kind: 'large', value: [64500, 1, 2] }

describe('golden octets of one route', () => {
  test.each<[string, Route, ExportContext, string]>([
    ['eBGP', four(), ebgp, update(`${origin}${path}${nextHop}`, nlri)],
    [
      'iBGP: empty AS_PATH, LOCAL_PREF 100',
      four(),
      ibgp,
      update(`${origin}400200${nextHop}40050400000064`, nlri),
    ],
    [
      'iBGP with a preference',
      four({ localPref: 200 }),
      ibgp,
      update(`${origin}400200${nextHop}400504000000c8`, nlri),
    ],
    ['MED', four({ med: 5 }), ebgp, update(`${origin}${path}${nextHop}80040400000005`, nlri)],
    [
      'AS_PATH prepended twice',
      four({ asPathPrepend: 2 }),
      ebgp,
      update(`${origin}40020e0203 0000fbf4 0000fbf4 0000fbf4${nextHop}`, nlri),
    ],
    [
      'nothing is prepended inside the AS',
      four({ asPathPrepend: 2 }),
      ibgp,
      update(`${origin}400200${nextHop}40050400000064`, nlri),
    ],
    [
      'a third-party next hop',
      four({ nextHop: parseAddress('192.0.2.9') }),
      ebgp,
      update(`${origin}${path}400304c0000209`, nlri),
    ],
    [
      'communities of all kinds, in the order of their types',
      four({ communities: [large, target, standard(7)] }),
      ebgp,
      update(
        `${origin}${path}${nextHop}c00804fbf40007 c010080002fbf400000064 c0200c0000fbf40000000100000002`,
        nlri,
      ),
    ],
    [
      'link bandwidth',
      four({ linkBandwidth: 125e6 }),
      ebgp,
      update(`${origin}${path}${nextHop}c010084004fbf44cee6b28`, nlri),
    ],
    [
      'GRACEFUL_SHUTDOWN',
      four(),
      { ...ebgp, gracefulShutdown: true },
      update(`${origin}${path}${nextHop}c00804ffff0000`, nlri),
    ],
    [
      'IPv6: MP_REACH_NLRI first',
      six(),
      ebgp,
      update(`800e26 0002 01 10 ${nextHop6} 00 ${nlri6} ${origin}${path}`),
    ],
    [
      'IPv6 on the link: two next hops',
      six(),
      { ...ebgp, linkLocal },
      update(`800e36 0002 01 20 ${nextHop6}${nextHopLL} 00 ${nlri6} ${origin}${path}`),
    ],
    [
      'a next hop that is not ours has no link-local one',
      six({ nextHop: parseAddress('2001:db8::9') }),
      { ...ebgp, linkLocal },
      update(`800e26 0002 01 10 20010db8000000000000000000000009 00 ${nlri6} ${origin}${path}`),
    ],
    [
      'unnumbered, IPv6',
      six(),
      linkLocalOnly,
      update(`800e26 0002 01 10 ${nextHopLL} 00 ${nlri6} ${origin}${path}`),
    ],
    [
      'unnumbered, IPv4 (RFC 8950)',
      four(),
      over(linkLocalOnly),
      update(`800e1a 0001 01 10 ${nextHopLL} 00 ${nlri} ${origin}${path}`),
    ],
    [
      'IPv4 over two IPv6 next hops',
      four(),
      over({ ...ebgp, linkLocal, nextHops: { 6: parseAddress('2001:db8::2') } }),
      update(`800e2a 0001 01 20 ${nextHop6}${nextHopLL} 00 ${nlri} ${origin}${path}`),
    ],
    [
      'an IPv4 next hop is better where there is one',
      four(),
      over(ebgp),
      update(`${origin}${path}${nextHop}`, nlri),
    ],
    [
      'Only to Customer (RFC 9234)',
      four({ communities: [large] }),
      { ...ebgp, otc: 64500 },
      update(`${origin}${path}${nextHop}c0200c0000fbf40000000100000002 c023040000fbf4`, nlri),
    ],
    [
      'a peer without 4-octet AS numbers',
      four(),
      { ...ebgp, fourOctetAS: false, localAS: 4_200_000_000 },
      update(`${origin}40020402015ba0${nextHop}c011060201fa56ea00`, nlri),
    ],
  ])('%s', (_name, route, context, expected) => {
    expect(octets(route, context)).toBe(spaceless(expected))
  })

  test('GRACEFUL_SHUTDOWN inside the AS: LOCAL_PREF 0, whatever was configured', () => {
    expect(octets(four({ localPref: 200 }), { ...ibgp, gracefulShutdown: true })).toBe(
      spaceless(update(`${origin}400200${nextHop}40050400000000c00804ffff0000`, nlri)),
    )
  })
})

test('withdrawals: the old field for IPv4, MP_UNREACH_NLRI for IPv6, and for both where next hops are extended', () => {
  const withdrawn = (context: ExportContext): string[] => {
    const rib = opened(context)
    for (const { prefix, ...route } of [four(), six()]) rib.put({ ...route, prefix })
    rib.updates(10)
    for (const { prefix } of [four(), six()]) rib.withdraw(prefix)
    return rib.messages(10).map(hex)
  }
  const v6 = spaceless(update(`800f14 0002 01 ${nlri6}`))
  expect(withdrawn(ebgp)).toEqual([spaceless(`001c 02 0005 ${nlri} 0000`), v6])
  expect(withdrawn(over(linkLocalOnly))).toEqual([spaceless(update(`800f08 0001 01 ${nlri}`)), v6])
})

test('what cannot be sent says why', () => {
  const unsent = (route: Route, context: ExportContext) => {
    const rib = opened(context)
    rib.put(route)
    return rib.unsent
  }
  expect(unsent(four(), linkLocalOnly)).toEqual({ 'no-next-hop': 1 })
  expect(unsent(six(), { ...ebgp, nextHops: { 4: parseAddress('192.0.2.2') } })).toEqual({ 'no-next-hop': 1 })
  expect(unsent(six(), { ...ebgp, families: ['ipv4-unicast'] })).toEqual({ 'family-not-negotiated': 1 })
  expect(unsent(four(), { ...ebgp, peerAddress: parseAddress('192.0.2.2') })).toEqual({
    'next-hop-is-peer': 1,
  })
  const many = Array.from({ length: 1100 }, (_, index) => standard(index))
  expect(unsent(four({ communities: many }), ebgp)).toEqual({ 'attributes-too-long': 1 })
})

describe('the peer learns of a switch, and only of what differs', () => {
  test('graceful shutdown on and off, also over a new session', () => {
    const rib = opened(ebgp)
    rib.put(four())
    rib.updates(10)
    rib.gracefulShutdown(true)
    const [update] = rib.updates(10)
    expect(update.attributes.communities).toEqual([{ kind: 'standard', value: [65535, 0] }])
    rib.gracefulShutdown(true)
    expect(rib.updates(10)).toEqual([])
    rib.open(ebgp)
    expect(rib.updates(10)[0].attributes.communities).toHaveLength(1)
    rib.gracefulShutdown(false)
    expect(rib.updates(10)[0].attributes.communities).toEqual([])
  })

  test('each attribute that can be configured', () => {
    const rib = opened(ibgp)
    rib.put(four())
    rib.updates(10)
    const changes: Partial<Route>[] = [
      { med: 0 },
      { localPref: 101 },
      { linkBandwidth: 1 },
      { linkBandwidth: 2 },
      { communities: [target] },
      { nextHop: parseAddress('192.0.2.9') },
    ]
    for (const change of changes) {
      rib.put(four(change))
      expect(rib.updates(10)).toHaveLength(1)
      rib.put(four(change))
      expect(rib.updates(10)).toEqual([])
    }
    const outside = opened(ebgp)
    outside.put(four())
    outside.updates(10)
    outside.put(four({ asPathPrepend: 1 }))
    expect(outside.updates(10)).toHaveLength(1)
  })
})

test('End-of-RIB waits until the wanted routes are complete', () => {
  const rib = new ReadableRib()
  rib.complete(false)
  rib.open(ebgp)
  rib.put(four())
  expect(rib.updates(10)).toHaveLength(1)
  expect(rib.idle).toBe(true)
  rib.complete(true)
  expect(rib.idle).toBe(false)
  expect(rib.messages(10).map(hex)).toEqual(['00170200000000', spaceless('001d 02 0000 0006 800f03000201')])
  expect(rib.idle).toBe(true)
})

/** The attributes of an UPDATE as [flags, type, length] with the length of what stands before and behind them. */
function anatomy(message: Buffer): { withdrawn: number; attributes: number[][]; nlri: number } {
  const withdrawn = message.readUInt16BE(19)
  const start = 21 + withdrawn
  const end = start + 2 + message.readUInt16BE(start)
  const attributes: number[][] = []
  for (let at = start + 2; at < end;) {
    const [flags, type] = message.subarray(at)
    const length = flags & 0x10 ? message.readUInt16BE(at + 2) : message[at + 2]
    attributes.push([flags, type, length])
    at += (flags & 0x10 ? 4 : 3) + length
  }
  return { withdrawn, attributes, nlri: message.length - end }
}

test('the rules that every UPDATE of ours keeps', () => {
  const flags: Readonly<Record<number, number>> = {
    1: 0x40,
    2: 0x40,
    3: 0x40,
    4: 0x80,
    5: 0x40,
    8: 0xc0,
    14: 0x80,
    15: 0x80,
    16: 0xc0,
    17: 0xc0,
    32: 0xc0,
    35: 0xc0,
  }
  const community: fc.Arbitrary<Community> = fc.constantFrom(target, large, standard(1), standard(2))
  const route = fc.record(
    {
      prefix: fc.constantFrom(
        ...['198.51.100.77/32', '198.51.100.77/25', '2001:db8::77/128', '2001:db8::77/61'].map(parsePrefix),
      ),
      communities: fc.oneof(
        fc.array(community, { maxLength: 4 }),
        fc.constant(Array.from({ length: 70 }, (_, index) => standard(index))),
      ),
      med: fc.nat(9),
      asPathPrepend: fc.nat(16),
      linkBandwidth: fc.nat(1e9),
      localPref: fc.nat(9),
    },
    { requiredKeys: ['prefix', 'communities'] },
  )
  const contexts = [
    ebgp,
    ibgp,
    { ...ebgp, linkLocal },
    over(linkLocalOnly),
    { ...ebgp, localAS: 70000, fourOctetAS: false, otc: 70000 },
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...contexts),
      fc.array(route, { maxLength: 8 }),
      fc.boolean(),
      (context, routes, withdraw) => {
        const rib = new ReadableRib()
        rib.open(context)
        for (const one of routes) rib.put(one)
        const messages = rib.messages(100)
        if (withdraw) for (const { prefix } of routes) rib.withdraw(prefix)
        for (const bytes of [...messages, ...rib.messages(100)]) {
          // What is packed here is what the codec makes of the same message.
          const { message: update } = decodeUpdate(frameOf('update', bytes).body, context)
          expect(hex(encodeMessage(update, context))).toBe(hex(bytes))
          const message = Buffer.from(bytes)
          const { withdrawn, attributes, nlri } = anatomy(message)
          const types = attributes.map(([, type]) => type)
          const kinds = [withdrawn > 0, nlri > 0, types.includes(14), types.includes(15)].filter(
            Boolean,
          ).length
          expect(message.length).toBeLessThanOrEqual(4096)
          // None of them is End-of-RIB for IPv4.
          expect(kinds).toBe(message.length === 23 ? 0 : 1)
          expect(types.slice(0, -1).every((type) => type < 14 || type > 15 || types[0] === type)).toBe(true)
          const rest = types.filter((type) => type !== 14 && type !== 15)
          expect(rest).toEqual([...rest].sort((a, b) => a - b))
          for (const [flag, type, length] of attributes)
            expect(flag).toBe(flags[type] | (length > 255 ? 0x10 : 0))
          if (nlri > 0 || types.includes(14)) {
            expect(types).toEqual(expect.arrayContaining([1, 2]))
            expect(types.includes(3)).toBe(nlri > 0)
            expect(types.includes(5)).toBe(context.internal)
            if (context.internal) expect(attributes).toContainEqual([0x40, 2, 0])
          }
          for (const { prefix } of routes)
            expect(hostBits(prefix.address.value, prefix.length, prefix.address.family)).toBe(0n)
        }
      },
    ),
    { numRuns: 60 },
  )
})

const hostBits = (value: bigint, length: number, family: 4 | 6): bigint =>
  value & ((1n << BigInt((family === 4 ? 32 : 128) - length)) - 1n)
