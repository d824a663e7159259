import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { Allocator } from './allocator.ts'
import { poolsText } from './outcome.ts'
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
      : `${assignment.addresses.map(formatAddress).join(',')} ${poolsText(assignment.pools)}`
  }

  #text(outcome: ReturnType<Allocator['allocate']>): string {
    return outcome.ok
      ? outcome.assignment.addresses.map(formatAddress).join(',')
      : `${outcome.refusal.reason}: ${outcome.refusal.message}`
  }
}

test('ranges are used in the order of the spec, and shared addresses before higher free ones', () => {
  const subject = new Subject(pool('p', ['1.2.3.10/31', '1.2.3.4/31']))
  expect(subject.allocate('a', { sharingKey: 'k' })).toBe('1.2.3.10')
  expect(subject.allocate('b')).toBe('1.2.3.11')
  expect(subject.allocate('c')).toBe('1.2.3.4')
  expect(subject.allocate('d', { sharingKey: 'k', ports: ['UDP/1'] })).toBe('1.2.3.10')
})

test.each([
  ['avoided in a /16', ['1.2.0.0/16'], 65_536n - 512n],
  ['avoided across a boundary', ['1.2.3.250-1.2.4.4'], 9n],
])('%s: capacity', (_case, ranges, v4) => {
  const { allocator } = new Subject(pool('p', ranges, { avoidBuggyIPs: true }))
  expect(allocator.counts('p')?.capacity).toEqual({ v4, v6: 0n })
})

test('dual stack: one pool with both, else two, else what is preferred', () => {
  const dual = { families: [4, 6] as const }
  const prefer = { ...dual, preferDual: true }
  const subject = new Subject(
    pool('a4', ['1.2.3.0/31']),
    pool('b6', ['1000::/127']),
    pool('c', ['4.4.4.4/32', '2000::/127']),
  )
  expect(subject.allocate('one pool', dual)).toBe('4.4.4.4,2000::')
  expect(subject.allocate('two pools', dual)).toBe('1.2.3.0,1000::')
  expect(subject.allocate('forced', { ...prefer, pool: 'b6' })).toBe('1000::1')
  expect(subject.allocate('last of both', prefer)).toBe('1.2.3.1,2000::1')
  expect(subject.allocate('none', dual)).toBe(
    'PoolExhausted: no available IPs: a4 has no IPv6 addresses and has no free IPv4 address, b6 has no IPv4 addresses and has no free IPv6 address, c has no free address',
  )
  subject.allocator.release('forced')
  expect(subject.allocate('none', dual)).toMatch(/^PoolExhausted: .*, c has no free address$/)
  expect(subject.allocate('pref', { ...prefer, primary: 4 })).toBe('1000::1')
  expect(subject.has('two pools')).toBe('1.2.3.0,1000:: a4,b6')
  expect(subject.allocator.counts('b6')).toMatchObject({ services: 2 })
})

test('topping up: from the pool of the present address, else from another, never outside a requested pool', () => {
  const subject = new Subject(
    pool('a6', ['1000::/128']),
    pool('b4', ['1.2.3.0/31']),
    pool('c', ['4.4.4.4/32', '2000::/127']),
  )
  const prefer = { families: [4, 6] as const, preferDual: true }
  subject.assign('own', '4.4.4.4')
  expect(subject.allocator.topUp('own', request(prefer))).toEqual(parseAddress('2000::'))
  subject.assign('forced', '1.2.3.0')
  expect(subject.allocator.topUp('forced', request({ ...prefer, pool: 'b4' }))).toBeUndefined()
  expect(subject.allocator.topUp('forced', request(prefer))).toEqual(parseAddress('1000::'))
  expect(subject.has('forced')).toBe('1.2.3.0,1000:: b4,a6')
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
