import { describe, expect, test } from 'vitest'
import { formatRange } from '#inet/range.ts'
import { parseConfig } from '../parse.ts'
import { noObjects, raw } from '../test-objects.ts'

const parse = (spec: object) => {
  const { config, problems } = parseConfig({ ...noObjects, pools: [raw('p', spec)] })
  return { pool: config.pools[0], problems }
}
const told = (spec: object): string[] =>
  parse(spec).problems.map(({ severity, code, field, message }) => `${severity} ${code} ${field}: ${message}`)
const excludesOf = (spec: object) => parse(spec).pool.excludes?.map(formatRange)

describe('addresses that are none', () => {
  const prefix = 'must be a prefix such as 192.0.2.0/24 or a range such as 192.0.2.1-192.0.2.9'
  test.each([
    ['100.200.300.400/24', prefix],
    ['1.2.3.0/33', prefix],
    ['1.2.3.4', prefix],
    ['', prefix],
    ['2001:db8::/129', prefix],
    [
      '1.2.3.10-1.2.3.1',
      'invalid IP range "1.2.3.10-1.2.3.1": start IP "1.2.3.10" is after the end IP "1.2.3.1"',
    ],
    ['x-1.2.3.4', 'invalid IP range "x-1.2.3.4": invalid start IP'],
    ['1.2.3.4-', 'invalid IP range "1.2.3.4-": invalid end IP'],
    ['1.2.3.4-1.2.3.5-1.2.3.6', 'invalid IP range "1.2.3.4-1.2.3.5-1.2.3.6"'],
    [
      '1.2.3.4-2001:db8::1',
      'invalid IP range "1.2.3.4-2001:db8::1": start and end are of different families',
    ],
    ['fe80::1%eth0/64', '"fe80::1%eth0" has a zone identifier, which means something on one machine only'],
    [
      'fe80::1%eth0-fe80::2%eth0',
      'invalid IP range "fe80::1%eth0-fe80::2%eth0": invalid start IP: "fe80::1%eth0" has a zone identifier, which means something on one machine only',
    ],
    ['10.0.0.010/32', '"10.0.0.010" has an octet with a leading zero, which some read as octal'],
    [
      '10.0.0.1-10.0.0.09',
      'invalid IP range "10.0.0.1-10.0.0.09": invalid end IP: "10.0.0.09" has an octet with a leading zero, which some read as octal',
    ],
    ['::ffff:10.0.0.0/120', '"::ffff:10.0.0.0" is an IPv4-mapped IPv6 address: write 10.0.0.0'],
    [
      '::ffff:a00:1-::ffff:a00:9',
      'invalid IP range "::ffff:a00:1-::ffff:a00:9": invalid start IP: "::ffff:a00:1" is an IPv4-mapped IPv6 address: write 10.0.0.1',
    ],
  ])('%j', (text, why) => {
    const words = `invalid CIDR ${JSON.stringify(text)} in pool "p": ${why}`
    expect(told({ addresses: [text] })).toEqual([`error FL_POOL_ADDRESS spec.addresses[0]: ${words}`])
    const spec = { addresses: ['10.0.0.0/24'], excludes: [text] }
    // A single address is an exclude, but no pool.
    if (text !== '1.2.3.4') expect(told(spec)).toEqual([`error FL_POOL_ADDRESS spec.excludes[0]: ${words}`])
  })

  test('however long they are', () => {
    const [only] = told({ addresses: ['x'.repeat(100_000)] })
    expect(only.length).toBeLessThan(300)
  })

  test('one in error does not hide the others, and nothing is said of what depends on it', () => {
    expect(told({ addresses: ['x', '10.0.0.0/24', 'y'], excludes: ['10.1.0.0', 'z'] })).toEqual([
      expect.stringMatching(/spec\.addresses\[0\]/),
      expect.stringMatching(/spec\.addresses\[2\]/),
      expect.stringMatching(/spec\.excludes\[1\]: invalid CIDR "z"/),
    ])
  })
})

describe('excludes', () => {
  test('a prefix, a range and an address; those that overlap or touch become one', () => {
    const spec = {
      addresses: ['10.0.0.0/24', 'fd00::/64'],
      excludes: ['10.0.0.128/25', '10.0.0.1 - 10.0.0.5', '10.0.0.6', '10.0.0.4/31', 'fd00::1', '10.0.0.200'],
    }
    expect(told(spec)).toEqual([])
    expect(excludesOf(spec)).toEqual(['10.0.0.1-10.0.0.6', '10.0.0.128-10.0.0.255', 'fd00::1-fd00::1'])
  })

  test('may cross from one range of the pool to the next', () => {
    const spec = { addresses: ['10.0.0.128/25', '10.0.0.0/25'], excludes: ['10.0.0.120-10.0.0.130'] }
    expect(told(spec)).toEqual([])
    expect(excludesOf(spec)).toEqual(['10.0.0.120-10.0.0.130'])
  })

  test.each([
    ['10.0.1.1', '10.0.1.1'],
    ['10.0.0.250-10.0.1.3', '10.0.1.0-10.0.1.3'],
    ['10.0.0.0/23', '10.0.1.0-10.0.1.255'],
    ['fd00::1', 'fd00::1'],
  ])('%s is outside', (text, outside) => {
    expect(told({ addresses: ['10.0.0.0/24'], excludes: [text] })).toEqual([
      `error FL_POOL_EXCLUDES spec.excludes[0]: excluded addresses "${text}" must lie inside the addresses of pool "p": ${outside} does not`,
    ])
  })

  test('of everything are allowed and pointed out', () => {
    const spec = { addresses: ['10.0.0.0/31', 'fd00::1/128'], excludes: ['10.0.0.0/31', 'fd00::1'] }
    expect(told(spec)).toEqual([
      'warning FL_POOL_EXCLUDES spec.excludes: nothing is left of pool "p" to give out',
    ])
  })

  test.each([[[]], [undefined]])('absent or empty: %j', (excludes) => {
    expect(parse({ addresses: ['10.0.0.0/24'], excludes }).pool).not.toHaveProperty('excludes')
  })

  test.each([
    ['10.0.0.1', 'must be a list'],
    [[7], 'must be a string'],
  ])('of the wrong type: %j', (excludes, words) => {
    expect(told({ addresses: ['10.0.0.0/24'], excludes })).toEqual([expect.stringContaining(words)])
  })

  test('do not let another pool have the address', () => {
    const { problems } = parseConfig({
      ...noObjects,
      pools: [
        raw('a', { addresses: ['10.0.0.0/24'], excludes: ['10.0.0.7'] }),
        raw('b', { addresses: ['10.0.0.7/32'] }),
      ],
    })
    expect(problems.map(({ name, code }) => `${name} ${code}`)).toEqual(['b FL_POOL_OVERLAP'])
  })

  test('do not change what a pool may be aggregated to', () => {
    const { problems } = parseConfig({
      ...noObjects,
      pools: [raw('a', { addresses: ['10.0.0.0/24'], excludes: ['10.0.0.0', '10.0.0.128'] })],
      bgpAdvertisements: [raw('ad', { aggregationLength: 24 })],
    })
    expect(problems).toEqual([])
  })
})

test('addresses that no Service can have are never given out, and that is said', () => {
  const spec = { addresses: ['0.0.0.0/0', '::/0'], excludes: ['10.0.0.0/8'] }
  expect(told(spec)).toEqual([
    'warning FL_POOL_UNUSABLE spec.addresses[0]: pool "p" never gives out 0.0.0.0-0.255.255.255 ("this network", RFC 1122 3.2.1.3), 127.0.0.0-127.255.255.255 (loopback), 224.0.0.0-239.255.255.255 (multicast), 255.255.255.255 (broadcast)',
    'warning FL_POOL_UNUSABLE spec.addresses[1]: pool "p" never gives out ::-::1 (unspecified and loopback), ::ffff:0.0.0.0-::ffff:255.255.255.255 (IPv4-mapped), ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff (multicast)',
  ])
  expect(excludesOf({ addresses: ['126.0.0.0-128.0.0.0'], excludes: ['126.255.255.255'] })).toEqual([
    '126.255.255.255-127.255.255.255',
  ])
})
