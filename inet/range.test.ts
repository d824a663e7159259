import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAddress } from './address.ts'
import { formatPrefix, parsePrefix, prefixBounds, prefixContains, tryParsePrefix } from './prefix.ts'
import {
  formatRange,
  intersectRange,
  mergeRanges,
  parseRange,
  rangeContains,
  rangeOfPrefix,
  rangesOverlap,
  rangeSize,
  rangeToPrefixes,
  subtractRanges,
  type AddressRange,
} from './range.ts'

describe('prefixes', () => {
  test.each([
    ['192.168.1.10/24', '192.168.1.0/24'],
    ['10.0.0.0/0', '0.0.0.0/0'],
    ['2001:db8::1/64', '2001:db8::/64'],
    ['::1/128', '::1/128'],
  ])('%s is %s: host bits are cleared', (text, canonical) => {
    expect(formatPrefix(parsePrefix(text))).toBe(canonical)
  })

  test.each(['1.2.3.0/33', '100.200.300.400/24', '1.2.3.4', '1.2.3.4/', '1.2.3.4/024', '::/129', '::/-1'])(
    'refuses %s',
    (text) => {
      expect(tryParsePrefix(text)).toBeUndefined()
      expect(() => parsePrefix(text)).toThrow(expect.objectContaining({ code: 'FL_INET_PREFIX' }))
    },
  )

  test('contains its own bounds and nothing of the other family', () => {
    const prefix = parsePrefix('192.0.2.64/26')
    const { first, last } = prefixBounds(prefix)
    expect(prefixContains(prefix, first) && prefixContains(prefix, last)).toBe(true)
    expect(prefixContains(prefix, parseAddress('192.0.2.128'))).toBe(false)
    expect(prefixContains(prefix, parseAddress('::1'))).toBe(false)
  })
})

describe('ranges', () => {
  test.each([
    ['192.168.1.100-192.168.1.150', '192.168.1.100-192.168.1.150', 51n],
    ['192.168.1.100 - 192.168.1.150', '192.168.1.100-192.168.1.150', 51n],
    ['10.0.0.0/30', '10.0.0.0-10.0.0.3', 4n],
    ['2001:db8::/64', '2001:db8::-2001:db8::ffff:ffff:ffff:ffff', 1n << 64n],
    ['1.2.3.4-1.2.3.4', '1.2.3.4-1.2.3.4', 1n],
  ])('%s is %s with %s addresses', (text, canonical, size) => {
    const range = parseRange(text)
    expect(formatRange(range)).toBe(canonical)
    expect(rangeSize(range)).toBe(size)
  })

  test.each([
    ['1.2.3.10-1.2.3.1', 'start after its end'],
    ['1.2.3.4-2001:db8::1', 'mixes'],
    ['1.2.3.4-', 'invalid end'],
    ['x-1.2.3.4', 'invalid start'],
    ['1.2.3.4-1.2.3.5-1.2.3.6', 'not a range'],
  ])('refuses %s: %s', (text, why) => {
    expect(() => parseRange(text)).toThrow(why)
  })

  test('overlap is symmetric and exact at the borders', () => {
    const a = parseRange('10.0.0.0-10.0.0.9')
    expect(rangesOverlap(a, parseRange('10.0.0.9-10.0.0.20'))).toBe(true)
    expect(rangesOverlap(a, parseRange('10.0.0.10-10.0.0.20'))).toBe(false)
    expect(rangesOverlap(a, parseRange('::/0'))).toBe(false)
  })

  test('the prefixes of a range are disjoint, ordered, and together the range', () => {
    const ends = fc.tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 5000 }))
    fc.assert(
      fc.property(ends, ([start, more]) => {
        const first = BigInt(start)
        const last = first + BigInt(more) > 0xffffffffn ? 0xffffffffn : first + BigInt(more)
        const parts = rangeToPrefixes({ family: 4, first, last }).map(rangeOfPrefix)
        expect(parts[0].first).toBe(first)
        expect(parts.at(-1)?.last).toBe(last)
        for (const [index, part] of parts.slice(1).entries()) expect(part.first).toBe(parts[index].last + 1n)
      }),
    )
  })

  test('contains', () => {
    expect(rangeContains(parseRange('10.0.0.5-10.0.0.7'), parseAddress('10.0.0.7'))).toBe(true)
    expect(rangeContains(parseRange('10.0.0.5-10.0.0.7'), parseAddress('10.0.0.8'))).toBe(false)
  })

  test('merging joins what overlaps or touches and keeps the families apart', () => {
    const merged = mergeRanges(
      ['::/127', '10.0.0.8/30', '10.0.0.0/29', '10.0.0.10-10.0.0.20', '10.0.1.0/31', '10.0.0.2/32'].map(
        parseRange,
      ),
    )
    expect(merged.map(formatRange)).toEqual(['10.0.0.0-10.0.0.20', '10.0.1.0-10.0.1.1', '::-::1'])
  })

  test('what is shared and what is left are together the range', () => {
    const range = parseRange('10.0.0.0/24')
    const others = mergeRanges(
      ['9.0.0.0-10.0.0.3', '10.0.0.7/32', '10.0.0.250-10.0.1.9', '::/0'].map(parseRange),
    )
    expect(intersectRange(range, others).map(formatRange)).toEqual([
      '10.0.0.0-10.0.0.3',
      '10.0.0.7-10.0.0.7',
      '10.0.0.250-10.0.0.255',
    ])
    expect(subtractRanges(range, others).map(formatRange)).toEqual([
      '10.0.0.4-10.0.0.6',
      '10.0.0.8-10.0.0.249',
    ])
    expect(subtractRanges(range, [])).toEqual([range])
    expect(subtractRanges(range, [range])).toEqual([])
  })

  test('subtracting is what a set of addresses does, 200 runs', () => {
    const small = fc
      .tuple(fc.nat(60), fc.nat(12))
      .map(([first, more]): AddressRange => ({ family: 4, first: BigInt(first), last: BigInt(first + more) }))
    fc.assert(
      fc.property(small, fc.array(small, { maxLength: 6 }), (range, others) => {
        const inside = (one: AddressRange, value: bigint) => value >= one.first && value <= one.last
        const left = subtractRanges(range, mergeRanges(others))
        for (let value = 0n; value < 80n; value++) {
          const expected = inside(range, value) && !others.some((one) => inside(one, value))
          expect(left.filter((one) => inside(one, value)).length).toBe(Number(expected))
        }
      }),
      { numRuns: 200 },
    )
  })
})
