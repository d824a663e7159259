import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import { formatPrefix, parsePrefix } from '#inet/prefix.ts'
import type { ExportContext } from './export.ts'
import type { Community, Route } from './route.ts'
import { unsentReasons, type UnsentReason } from './status.ts'
import { bothFamilies, ReadableRib } from './testing.ts'
import { formatCommunity } from './wire/communities.ts'
import { familyOfPrefix } from './wire/families.ts'
import { encodeMessage } from './wire/message.ts'
import { endOfRib, type UpdateMessage } from './wire/update.ts'

const context: ExportContext = {
  ...bothFamilies,
  localAS: 64500,
  nextHops: { 4: parseAddress('192.0.2.2'), 6: parseAddress('fd00::2') },
  peerAddress: parseAddress('192.0.2.1'),
}

const route = (prefix: string, more: Partial<Route> = {}): Route => ({
  prefix: parsePrefix(prefix),
  communities: [],
  ...more,
})
const standard = (...values: number[]): Community[] =>
  values.map((value) => ({ kind: 'standard', value: [64500, value] }))

function opened(more: Partial<ExportContext> = {}): ReadableRib {
  const rib = new ReadableRib()
  rib.open({ ...context, ...more })
  rib.updates(10)
  return rib
}

const isEndOfRib = (update: UpdateMessage): boolean =>
  [endOfRib('ipv4-unicast'), endOfRib('ipv6-unicast')].some(
    (marker) =>
      JSON.stringify(marker) ===
      JSON.stringify(update, (_, value) => (typeof value === 'bigint' ? 'n' : value)),
  )

/** A receiver that believes everything: prefix -> attributes as text. Fails on a repetition without change. */
class Receiver {
  readonly table = new Map<string, string>()
  repeated = 0

  take(updates: readonly UpdateMessage[], context: ExportContext): void {
    for (const update of updates) {
      expect(encodeMessage(update, context).length).toBeLessThanOrEqual(4096)
      const { attributes, withdrawn, nlri, reach, unreach } = update
      const kinds = [withdrawn.length > 0, nlri.length > 0, reach !== undefined, unreach !== undefined]
      expect(kinds.filter(Boolean).length).toBeLessThanOrEqual(1)
      for (const prefix of [...withdrawn, ...(unreach?.prefixes ?? [])]) {
        if (!this.table.delete(formatPrefix(prefix))) this.repeated++
      }
      const nextHop = reach?.nextHop ?? attributes.nextHop
      const text = [
        nextHop && formatAddress(nextHop),
        attributes.med,
        attributes.localPref,
        ...attributes.communities.map(formatCommunity),
      ].join(' ')
      for (const prefix of [...nlri, ...(reach?.prefixes ?? [])]) {
        if (this.table.get(formatPrefix(prefix)) === text) this.repeated++
        this.table.set(formatPrefix(prefix), text)
      }
    }
  }
}

describe('one change', () => {
  test('an announcement, a change, the same again, a withdrawal', () => {
    const rib = opened()
    rib.put(route('198.51.100.1/32'))
    expect(rib.pending).toBe(1)
    expect(rib.updates(10)).toMatchObject([
      {
        nlri: [parsePrefix('198.51.100.1/32')],
        attributes: { asPath: [{ kind: 'sequence', as: [64500] }], nextHop: parseAddress('192.0.2.2') },
      },
    ])
    expect(rib.announced).toEqual({ 'ipv4-unicast': 1, 'ipv6-unicast': 0 })
    rib.put(route('198.51.100.1/32'))
    expect(rib.updates(10)).toEqual([])
    rib.put(route('198.51.100.1/32', { med: 5 }))
    expect(rib.updates(10)).toMatchObject([{ attributes: { med: 5 } }])
    rib.withdraw(parsePrefix('198.51.100.1/32'))
    expect(rib.updates(10)).toMatchObject([{ withdrawn: [parsePrefix('198.51.100.1/32')], nlri: [] }])
    expect(rib.announced).toEqual({ 'ipv4-unicast': 0, 'ipv6-unicast': 0 })
  })

  test('changes that cancel out send nothing', () => {
    const rib = opened()
    rib.put(route('198.51.100.1/32'))
    rib.withdraw(parsePrefix('198.51.100.1/32'))
    expect(rib.updates(10)).toEqual([])
    rib.put(route('198.51.100.1/32'))
    rib.updates(10)
    rib.withdraw(parsePrefix('198.51.100.1/32'))
    rib.put(route('198.51.100.1/32'))
    expect(rib.pending).toBe(0)
    expect(rib.idle).toBe(true)
  })

  test('communities in another order, or doubled, are the same', () => {
    const rib = opened()
    rib.put(route('198.51.100.1/32', { communities: standard(2, 1) }))
    expect(rib.updates(10)[0].attributes.communities).toEqual(standard(1, 2))
    rib.put(route('198.51.100.1/32', { communities: standard(1, 2, 1) }))
    expect(rib.updates(10)).toEqual([])
  })
})

describe('packing', () => {
  test('a thousand routes with the same attributes fill messages to the brim', () => {
    const rib = opened()
    for (let index = 0; index < 1000; index++) rib.put(route(`10.0.${index >> 8}.${index & 255}/32`))
    const updates = rib.updates(100)
    expect(updates.map(({ nlri }) => nlri.length)).toEqual([810, 190])
    expect(encodeMessage(updates[0], context).length).toBeGreaterThan(4090)
    for (let index = 0; index < 1000; index++)
      rib.withdraw(parsePrefix(`10.0.${index >> 8}.${index & 255}/32`))
    expect(rib.updates(100).map(({ withdrawn }) => withdrawn.length)).toEqual([814, 186])
  })

  test('IPv6 goes into MP_REACH_NLRI, an attribute set a message', () => {
    const rib = opened()
    for (let index = 0; index < 500; index++) {
      rib.put(route(`2001:db8::${index.toString(16)}/128`, { communities: standard(index % 2) }))
    }
    const updates = rib.updates(100)
    expect(updates.map(({ reach }) => reach?.prefixes.length)).toEqual([236, 14, 236, 14])
    for (const update of updates) expect(encodeMessage(update, context).length).toBeLessThanOrEqual(4096)
  })

  test('no more messages than asked for, the rest later', () => {
    const rib = opened()
    for (let index = 0; index < 10; index++) rib.put(route(`10.0.0.${index}/32`, { med: index }))
    expect(rib.updates(4)).toHaveLength(4)
    expect(rib.pending).toBe(6)
    expect(rib.updates(4)).toHaveLength(4)
    expect(rib.updates(4)).toHaveLength(2)
    expect(rib.idle).toBe(true)
  })
})

describe('a session', () => {
  test('ends the first set of each family with End-of-RIB, also when it is empty', () => {
    const rib = new ReadableRib()
    rib.put(route('198.51.100.1/32'))
    rib.open(context)
    const updates = rib.updates(10)
    expect(updates).toHaveLength(3)
    expect(updates[0].nlri).toHaveLength(1)
    expect(updates.slice(1)).toEqual([endOfRib('ipv4-unicast'), endOfRib('ipv6-unicast')])
    expect(rib.updates(10)).toEqual([])
  })

  test('End-of-RIB waits for the set, however small the portions', () => {
    const rib = new ReadableRib()
    for (let index = 0; index < 3; index++) rib.put(route(`10.0.0.${index}/32`, { med: index }))
    rib.open({ ...context, families: ['ipv4-unicast'] })
    const portions = Array.from({ length: 5 }, () => rib.updates(1))
    expect(portions.map((updates) => updates.map(isEndOfRib))).toEqual([
      [false],
      [false],
      [false],
      [true],
      [],
    ])
  })

  test('the next one gets everything again', () => {
    const rib = opened()
    rib.put(route('198.51.100.1/32'))
    rib.updates(10)
    rib.close()
    expect(rib.announced['ipv4-unicast']).toBe(0)
    expect(rib.updates(10)).toEqual([])
    rib.open(context)
    expect(rib.updates(10)[0].nlri).toHaveLength(1)
  })

  test('another next hop announces again without End-of-RIB', () => {
    const rib = opened()
    rib.put(route('198.51.100.1/32'))
    rib.put(route('198.51.100.2/32', { nextHop: parseAddress('192.0.2.9') }))
    rib.updates(10)
    rib.update({ ...context, nextHops: { 4: parseAddress('192.0.2.3') } })
    expect(rib.updates(10)).toMatchObject([
      { nlri: [parsePrefix('198.51.100.1/32')], attributes: { nextHop: parseAddress('192.0.2.3') } },
    ])
  })
})

describe('LOCAL_PREF and AS_PATH', () => {
  test('iBGP: empty path, 100 when nothing is chosen', () => {
    const rib = opened({ internal: true })
    rib.put(route('198.51.100.1/32'))
    rib.put(route('198.51.100.2/32', { localPref: 300 }))
    expect(rib.updates(10).map(({ attributes }) => [attributes.asPath, attributes.localPref])).toEqual([
      [[], 100],
      [[], 300],
    ])
  })

  test('eBGP: LOCAL_PREF is left out, and routes that differ in it alone go together', () => {
    const rib = opened()
    rib.put(route('198.51.100.1/32', { localPref: 200 }))
    rib.put(route('198.51.100.2/32', { localPref: 300 }))
    const updates = rib.updates(10)
    expect(updates).toHaveLength(1)
    expect(updates[0].attributes.localPref).toBeUndefined()
  })
})

describe('routes that cannot be sent', () => {
  const long = Array.from({ length: 1100 }, (_, index) => index)

  const cases: [UnsentReason, Partial<ExportContext>, Route][] = [
    ['family-not-negotiated', { families: ['ipv4-unicast'] }, route('2001:db8::1/128')],
    ['no-next-hop', { nextHops: { 4: parseAddress('192.0.2.2') } }, route('2001:db8::1/128')],
    ['no-next-hop', {}, route('198.51.100.1/32', { nextHop: parseAddress('fd00::2') })],
    ['next-hop-is-peer', {}, route('198.51.100.1/32', { nextHop: parseAddress('192.0.2.1') })],
    ['attributes-too-long', {}, route('198.51.100.1/32', { communities: standard(...long) })],
    ['attributes-too-long', {}, route('198.51.100.1/32', { communities: standard(...long.slice(0, 1012)) })],
  ]

  test('no reason is missing', () => {
    expect(new Set(cases.map(([reason]) => reason))).toEqual(new Set(Object.keys(unsentReasons)))
  })

  test.each(cases)('%s', (reason, more, unsendable) => {
    const rib = opened(more)
    rib.put(unsendable)
    expect(rib.updates(10)).toEqual([])
    expect(rib.unsent).toEqual({ [reason]: 1 })
    rib.put({ ...unsendable, med: 1 })
    expect(rib.unsent).toEqual({ [reason]: 1 })
    rib.withdraw(unsendable.prefix)
    expect(rib.unsent).toEqual({})
    expect(rib.idle).toBe(true)
  })

  test('a route that becomes so is withdrawn', () => {
    const rib = opened()
    rib.put(route('198.51.100.1/32'))
    rib.updates(10)
    rib.put(route('198.51.100.1/32', { nextHop: parseAddress('192.0.2.1') }))
    expect(rib.updates(10)).toMatchObject([{ withdrawn: [parsePrefix('198.51.100.1/32')] }])
    rib.put(route('198.51.100.1/32'))
    expect(rib.updates(10)).toMatchObject([{ nlri: [parsePrefix('198.51.100.1/32')] }])
    expect(rib.unsent).toEqual({})
  })
})

function filled(): ReadableRib {
  const rib = opened()
  for (let index = 0; index < 5; index++) rib.put(route(`10.0.0.${index}/32`, { med: index }))
  rib.put(route('2001:db8::1/128'))
  rib.updates(10)
  return rib
}

describe('route refresh', () => {
  test('sends all routes of the family and nothing else', () => {
    const rib = filled()
    rib.resendAll('ipv4-unicast')
    expect(rib.idle).toBe(false)
    const updates = rib.updates(10)
    expect(updates).toHaveLength(5)
    expect(updates.every(({ nlri, withdrawn }) => nlri.length === 1 && withdrawn.length === 0)).toBe(true)
    expect(rib.announced['ipv4-unicast']).toBe(5)
    expect(rib.idle).toBe(true)
  })

  test('what was sent again is not sent a third time', () => {
    const rib = filled()
    rib.resendAll('ipv4-unicast')
    rib.updates(10)
    rib.put(route('10.0.0.1/32', { med: 1 }))
    expect(rib.updates(10)).toEqual([])
  })

  test('requests during a re-send are one more re-send', () => {
    const rib = filled()
    rib.resendAll('ipv4-unicast')
    expect(rib.updates(2)).toHaveLength(2)
    for (let count = 0; count < 100; count++) rib.resendAll('ipv4-unicast')
    expect(rib.updates(100)).toHaveLength(3)
    expect(rib.updates(100)).toHaveLength(5)
    expect(rib.updates(100)).toEqual([])
  })

  test('a route withdrawn meanwhile is withdrawn, a changed one sent once', () => {
    const rib = filled()
    rib.resendAll('ipv4-unicast')
    rib.updates(1)
    rib.withdraw(parsePrefix('10.0.0.1/32'))
    rib.put(route('10.0.0.2/32', { med: 99 }))
    const updates = rib.updates(10)
    expect(updates.flatMap(({ withdrawn }) => withdrawn.map(formatPrefix))).toEqual(['10.0.0.1/32'])
    expect(updates.flatMap(({ nlri }) => nlri.map(formatPrefix)).sort()).toEqual([
      '10.0.0.2/32',
      '10.0.0.3/32',
      '10.0.0.4/32',
    ])
  })

  test('of a family that is not in use is ignored', () => {
    const rib = opened({ families: ['ipv4-unicast'] })
    rib.resendAll('ipv6-unicast')
    expect(rib.idle).toBe(true)
  })
})

describe('after any history', () => {
  const prefixes = [
    ...Array.from({ length: 6 }, (_, index) => `10.0.0.${index}/32`),
    '10.0.0.0/8',
    ...Array.from({ length: 4 }, (_, index) => `2001:db8::${index}/128`),
  ]
  const command = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        put: fc.constantFrom(...prefixes),
        med: fc.option(fc.nat(1), { nil: undefined }),
        localPref: fc.option(fc.nat(1), { nil: undefined }),
        community: fc.nat(2),
        badNextHop: fc.nat(9).map((number) => number === 0),
      }),
    },
    { weight: 4, arbitrary: fc.record({ withdraw: fc.constantFrom(...prefixes) }) },
    { weight: 2, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.constantFrom({ session: 'again' as const }) },
    { weight: 1, arbitrary: fc.constantFrom({ nextHop: '192.0.2.3' }, { nextHop: '192.0.2.4' }) },
  )

  test.each([true, false])(
    'the receiver has what is wanted, and nothing came twice (iBGP: %s)',
    (internal) => {
      fc.assert(
        fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
          let now: ExportContext = { ...context, internal }
          const rib = new ReadableRib()
          rib.open(now)
          let receiver = new Receiver()
          const wanted = new Map<string, Route>()
          for (const one of commands) {
            if ('put' in one) {
              const { med, localPref, community } = one
              const nextHop = one.badNextHop ? parseAddress('192.0.2.1') : undefined
              const value = route(one.put, { med, localPref, nextHop, communities: standard(community) })
              wanted.set(one.put, value)
              rib.put(value)
            } else if ('withdraw' in one) {
              wanted.delete(one.withdraw)
              rib.withdraw(parsePrefix(one.withdraw))
            } else if ('drain' in one) {
              receiver.take(rib.updates(one.drain), now)
            } else if ('session' in one) {
              rib.close()
              rib.open(now)
              receiver = new Receiver()
            } else {
              now = { ...now, nextHops: { ...now.nextHops, 4: parseAddress(one.nextHop) } }
              rib.update(now)
            }
          }
          receiver.take(rib.updates(1000), now)
          const sendable = [...wanted.values()].filter(({ nextHop }) => nextHop === undefined)
          const expected = sendable.map(({ prefix, med, localPref, communities }) => {
            const nextHop = formatAddress(now.nextHops[prefix.address.family]!)
            const preference = internal ? (localPref ?? 100) : undefined
            return [
              formatPrefix(prefix),
              [nextHop, med, preference, ...communities.map(formatCommunity)].join(' '),
            ]
          })
          expect(new Map([...receiver.table].sort())).toEqual(
            new Map((expected as [string, string][]).sort()),
          )
          expect(receiver.repeated).toBe(0)
          expect(rib.idle).toBe(true)
          const count = (family: string) =>
            sendable.filter(({ prefix }) => familyOfPrefix(prefix) === family).length
          expect(rib.announced).toEqual({
            'ipv4-unicast': count('ipv4-unicast'),
            'ipv6-unicast': count('ipv6-unicast'),
          })
          expect(Object.values(rib.unsent).reduce((sum, count) => sum + count, 0)).toBe(
            wanted.size - sendable.length,
          )
        }),
        { numRuns: 150 },
      )
    },
  )
})
