import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { Allocator } from './allocator.ts'
import type { AllocationRequest } from './request.ts'
import { allocation, pool, request } from './test-pools.ts'

/** An allocator whose answers are texts: addresses, or `reason: message`. */
class Subject {
  readonly allocator = new Allocator()

  constructor(...pools: Pool[]) {
    this.allocator.setPools(pools)
  }

  allocate(key: string, more: Parameters<typeof request>[0] = {}): string {
    return this.#text(this.allocator.allocate(key, request(more)))
  }

  assign(key: string, addresses: string, more: Parameters<typeof request>[0] = {}): string {
    const list = addresses.split(',')
    const wanted: AllocationRequest = request({ ...more })
    return this.#text(this.allocator.assign(key, wanted, list.map(parseAddress)))
  }

  has(key: string): string {
    const assignment = this.allocator.assignment(key)
    return assignment === undefined
      ? ''
      : `${assignment.addresses.map(formatAddress).join(',')} ${assignment.pool}`
  }

  #text(outcome: ReturnType<Allocator['allocate']>): string {
    return outcome.ok
      ? outcome.assignment.addresses.map(formatAddress).join(',')
      : `${outcome.refusal.reason}: ${outcome.refusal.message}`
  }
}

const inUse = (key: string, by: string) =>
  `RequestedAddressInUse: can't change sharing key for "${key}", address also in use by ${by}`

test('B1, B2: an address has one holder; moving frees the old one', () => {
  const subject = new Subject(pool('p', ['1.2.3.4/31']))
  expect(subject.assign('s1', '1.2.3.4')).toBe('1.2.3.4')
  expect(subject.assign('s2', '1.2.3.4')).toBe(inUse('s2', 's1'))
  expect(subject.assign('s2', '1.2.3.5')).toBe('1.2.3.5')
  expect(subject.assign('s1', '1.2.3.5')).toBe(inUse('s1', 's2'))
  subject.allocator.release('s1')
  expect(subject.assign('s2', '1.2.3.4')).toBe('1.2.3.4')
  expect(subject.assign('s1', '1.2.3.5')).toBe('1.2.3.5')
  expect(subject.assign('s3', '9.9.9.9')).toBe(
    'RequestedAddressNotInPool: ["9.9.9.9"] is not allowed in config',
  )
})

const share = (ports: string[], more = {}) => ({ sharingKey: 'share', ports, ...more })

test('B4 to B8: sharing', () => {
  const subject = new Subject(pool('p', ['1.2.4.0/24']))
  expect(subject.assign('s4', '1.2.4.3', { sharingKey: 'sharing' })).toBe('1.2.4.3')
  expect(subject.assign('s4', '1.2.4.3', share(['TCP/80']))).toBe('1.2.4.3')
  expect(subject.assign('s3', '1.2.4.3', share(['TCP/80']))).toBe(
    'RequestedAddressInUse: port TCP/80 is already in use on "1.2.4.3"',
  )
  expect(subject.assign('s3', '1.2.4.3', share(['TCP/443']))).toBe('1.2.4.3')
  expect(subject.assign('s3', '1.2.4.3', share(['UDP/53']))).toBe('1.2.4.3')
  expect(subject.assign('s3', '1.2.4.3', { sharingKey: 'other' })).toBe(inUse('s3', 's4'))
  expect(subject.assign('s3', '1.2.4.3', share(['UDP/53'], { backendKey: 'a=b' }))).toBe(inUse('s3', 's4'))
  expect(subject.allocator.counts('p')).toMatchObject({ assigned: { v4: 1n }, services: 2 })
})

test('B10, B11: restricted pools refuse explicit requests of others', () => {
  const subject = new Subject(
    pool('ns', ['1.2.5.0/24'], allocation({ namespaces: ['test-ns1'] })),
    pool('svc', ['1.2.6.0/24'], allocation({ serviceSelectors: [{ matchLabels: { team: 'metallb' } }] })),
    pool('nowhere', ['1.2.7.0/24'], allocation({ namespaceSelectors: [{ matchLabels: { team: 'none' } }] })),
  )
  expect(subject.assign('a', '1.2.5.10', { namespace: 'test-ns1' })).toBe('1.2.5.10')
  expect(subject.assign('b', '1.2.5.11')).toBe(
    'PoolNotCompatible: pool ns not compatible for ip assignment: it is not for namespace test',
  )
  expect(subject.assign('c', '1.2.6.10', { labels: { team: 'metallb' } })).toBe('1.2.6.10')
  expect(subject.assign('d', '1.2.6.11', { labels: { team: 'red' } })).toMatch(/^PoolNotCompatible/)
  // Upstream lets any namespace in here.
  expect(subject.assign('e', '1.2.7.1')).toMatch(/^PoolNotCompatible/)
  subject.allocator.setNamespace('test', { team: 'none' })
  expect(subject.assign('e', '1.2.7.1')).toBe('1.2.7.1')
})

test('B13, B14: a full pool, and sharing in it', () => {
  const subject = new Subject(pool('p', ['1.2.3.4/31', '1.2.3.10/31']))
  expect(['s1', 's2', 's3', 's4'].map((key) => subject.allocate(key))).toEqual([
    '1.2.3.4',
    '1.2.3.5',
    '1.2.3.10',
    '1.2.3.11',
  ])
  expect(subject.allocate('s5')).toBe('PoolExhausted: no available IPs: p has no free address')
  subject.allocator.release('s2')
  expect(subject.allocate('s5', { sharingKey: 'key' })).toBe('1.2.3.5')
  expect(subject.allocate('s6', { sharingKey: 'key' })).toMatch(/^PoolExhausted/)
  expect(subject.allocate('s6', { sharingKey: 'key', ports: ['TCP/443'] })).toBe('1.2.3.5')
})

test('ranges are used in the order of the spec, and shared addresses before higher free ones', () => {
  const subject = new Subject(pool('p', ['1.2.3.10/31', '1.2.3.4/31']))
  expect(subject.allocate('a', { sharingKey: 'k' })).toBe('1.2.3.10')
  expect(subject.allocate('b')).toBe('1.2.3.11')
  expect(subject.allocate('c')).toBe('1.2.3.4')
  expect(subject.allocate('d', { sharingKey: 'k', ports: ['UDP/1'] })).toBe('1.2.3.10')
})

test('B16: requested pools', () => {
  const subject = new Subject(pool('p', ['1.2.3.4/32'], { autoAssign: false }), pool('v6', ['1000::/127']))
  expect(subject.allocate('a', { pool: 'nonexistentpool' })).toBe(
    'UnknownPool: unknown pool "nonexistentpool"',
  )
  expect(subject.allocate('a', { pool: 'p' })).toBe('1.2.3.4')
  expect(subject.allocate('b', { pool: 'p' })).toBe('PoolExhausted: no available IPs in pool p')
  expect(subject.allocate('b', { pool: 'v6' })).toBe('PoolExhausted: no available IPs in pool v6')
  expect(subject.allocate('b', { pool: 'v6', addresses: ['1.2.3.4'] })).toBe(
    'InvalidRequest: requested loadBalancer IP(s) ["1.2.3.4"] is not compatible with requested address pool v6',
  )
})

test('B17: avoidBuggyIPs', () => {
  const avoid = { avoidBuggyIPs: true }
  const subject = new Subject(
    pool('a', ['1.2.3.0/31']),
    pool('b', ['1.2.3.254/31']),
    pool('c', ['1.2.4.0/31'], avoid),
    pool('d', ['1.2.4.254/31'], avoid),
  )
  const given = Array.from({ length: 6 }, (_, index) => subject.allocate(`s${index}`))
  expect(given).toEqual(['1.2.3.0', '1.2.3.1', '1.2.3.254', '1.2.3.255', '1.2.4.1', '1.2.4.254'])
  expect(subject.allocate('s7')).toMatch(/^PoolExhausted/)
  expect(subject.assign('s8', '1.2.4.255')).toMatch(/^RequestedAddressNotInPool/)
})

test('B19, B20: shrinking and splitting a pool', () => {
  const subject = new Subject(pool('test', ['1.2.3.0/30', '1000::/126']))
  subject.assign('s1', '1.2.3.0,1000::2', { families: [4, 6] })
  subject.assign('s2', '1.2.3.2,1000::', { families: [4, 6] })
  subject.assign('s3', '1.2.3.3', {})
  const test2 = pool('test2', ['1.2.3.2/31', '1000::/127'])
  subject.allocator.setPools([pool('test', ['1.2.3.0/31', '1000::2/127']), test2])
  const has = ['s1', 's2', 's3'].map((key) => subject.has(key))
  expect(has).toEqual(['1.2.3.0,1000::2 test', '1.2.3.2,1000:: test2', '1.2.3.3 test2'])
  expect(subject.allocator.setPools([test2])).toEqual(['s1'])
  expect(subject.has('s1')).toBe('1.2.3.0,1000::2 ')
  expect(subject.allocator.counts('test2')).toMatchObject({ assigned: { v4: 2n, v6: 1n }, services: 2 })
})

test('an unchanged pool keeps its state and its Services are not affected', () => {
  const one = pool('one', ['1.2.3.0/24'])
  const subject = new Subject(one)
  subject.allocate('s1')
  expect(subject.allocator.setPools([one, pool('two', ['1.2.4.0/24'])])).toEqual([])
  expect(subject.allocate('s2')).toBe('1.2.3.1')
})

test('B22: autoAssign', () => {
  const subject = new Subject(
    pool('test1', ['1.2.3.4/31'], { autoAssign: false }),
    pool('test2', ['1.2.3.10/31']),
  )
  expect(['a', 'b'].map((key) => subject.allocate(key))).toEqual(['1.2.3.10', '1.2.3.11'])
  expect(subject.allocate('c')).toBe(
    'PoolExhausted: no available IPs: test1 autoAssign is off, test2 has no free address',
  )
})

test.each([
  ['B23', ['1.2.3.0/24'], false, 256n, 0n],
  ['B25', ['1.2.3.0/24', '1.2.4.0-1.2.4.124', '1000::/64'], false, 381n, 1n << 64n],
  ['B26', ['1.2.3.0/31', '1000::/127'], true, 1n, 2n],
  ['avoided in a /16', ['1.2.0.0/16'], true, 65_536n - 512n, 0n],
  ['avoided across a boundary', ['1.2.3.250-1.2.4.4'], true, 9n, 0n],
])('%s: capacity', (_case, ranges, avoidBuggyIPs, v4, v6) => {
  const { allocator } = new Subject(pool('p', ranges, { avoidBuggyIPs }))
  expect(allocator.counts('p')?.capacity).toEqual({ v4, v6 })
})

test('dual stack: one pool with both, else what is preferred', () => {
  const dual = { families: [4, 6] as const }
  const subject = new Subject(
    pool('a4', ['1.2.3.0/31']),
    pool('b6', ['1000::/127']),
    pool('c', ['4.4.4.4/32', '2000::/127']),
  )
  expect(subject.allocate('req', dual)).toBe('4.4.4.4,2000::')
  expect(subject.allocate('req2', dual)).toBe(
    'PoolExhausted: no available IPs: a4 has no IPv6 addresses, b6 has no IPv4 addresses, c has no free address',
  )
  expect(subject.allocate('pref', { ...dual, preferDual: true })).toBe('1.2.3.0')
  expect(subject.allocate('pref6', { ...dual, preferDual: true, primary: 6 })).toBe('1000::')
  expect(subject.allocate('pref', { ...dual, preferDual: true, pool: 'b6' })).toBe('1000::1')
})

test('topping up stays in the pool of the present address', () => {
  const subject = new Subject(pool('a4', ['1.2.3.0/31']), pool('c', ['4.4.4.4/32', '2000::/127']))
  const prefer = request({ families: [4, 6], preferDual: true })
  subject.assign('one', '1.2.3.0')
  expect(subject.allocator.topUp('one', prefer)).toBeUndefined()
  subject.assign('two', '4.4.4.4')
  expect(subject.allocator.topUp('two', prefer)).toEqual(parseAddress('2000::'))
  expect(subject.has('two')).toBe('4.4.4.4,2000:: c')
})

test('order of pools: restricted ones by priority, then those for all by name', () => {
  const ns = { namespaces: ['test'] }
  const subject = new Subject(
    pool('a', ['1.0.0.1/32']),
    pool('b', ['1.0.0.2/32'], allocation(ns)),
    pool('c', ['1.0.0.3/32'], allocation({ ...ns, priority: 11 })),
    pool('d', ['1.0.0.4/32'], allocation({ priority: 10 })),
    pool('e', ['1.0.0.5/32'], allocation({ namespaces: ['other'], priority: 1 })),
  )
  const given = Array.from({ length: 4 }, (_, index) => subject.allocate(`s${index}`))
  expect(given).toEqual(['1.0.0.4', '1.0.0.3', '1.0.0.2', '1.0.0.1'])
  expect(subject.allocator.allocate('last', request())).toMatchObject({
    considered: [
      { pool: 'e', refused: 'is not for namespace test' },
      { pool: 'd', refused: 'has no free address' },
      { pool: 'c', refused: 'has no free address' },
      { pool: 'b', refused: 'has no free address' },
      { pool: 'a', refused: 'has no free address' },
    ],
  })
})

test('says which pools have something to give again', () => {
  const subject = new Subject(pool('a', ['1.0.0.0/31']), pool('b', ['1.0.1.0/31']))
  subject.allocator.takeFreed()
  subject.allocate('s1')
  expect(subject.allocator.takeFreed()).toEqual([])
  expect(subject.allocator.takeTouched()).toContain('a')
  subject.allocator.release('s1')
  expect(subject.allocator.takeFreed()).toEqual(['a'])
})

test('size and fill of a pool do not matter', () => {
  const subject = new Subject(pool('p', ['10.0.0.0/16', '2001:db8::/64']))
  for (let index = 0; index < 20_000; index++) subject.allocator.allocate(`s${index}`, request())
  expect(subject.allocate('v6', { families: [6] })).toBe('2001:db8::')
  expect(subject.allocate('next')).toBe('10.0.78.32')
})
