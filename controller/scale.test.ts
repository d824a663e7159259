import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import { emptyConfig, type Pool } from '#crds/config.ts'
import { parseConfig } from '#crds/parse.ts'
import { noObjects, raw } from '#crds/test-objects.ts'
import type { KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { Allocator } from './allocator/allocator.ts'
import { pool, request } from './allocator/test-pools.ts'
import type { Decision } from './decide.ts'
import { Session } from './session.ts'
import { ReservationWorld } from './test-reservations.ts'
import { rawService, service } from './test-services.ts'

const first = (allocator: Allocator, key: string, more: Parameters<typeof request>[0] = {}): string => {
  const outcome = allocator.allocate(key, request(more))
  return outcome.ok ? outcome.assignment.addresses.map(formatAddress).join() : outcome.refusal.reason
}

function allocatorOf(...pools: Pool[]): Allocator {
  const allocator = new Allocator()
  allocator.setPools(pools)
  return allocator
}

describe('neither the size of a pool nor how full it is costs anything', () => {
  test('a /16 with 65,000 addresses in use', () => {
    const allocator = allocatorOf(pool('p', ['10.0.0.0/16']))
    for (let index = 0; index < 65_000; index++) allocator.allocate(`s${index}`, request())
    // 50 µs each is the aim. The best of several tries, because the machine is busy with other tests too.
    const tries = Array.from({ length: 10 }, () => {
      const start = performance.now()
      for (let index = 0; index < 20; index++) {
        expect(first(allocator, 'one')).toBe('10.0.253.232')
        allocator.release('one')
      }
      return (performance.now() - start) / 20
    })
    expect(Math.min(...tries)).toBeLessThan(1)
    for (let index = 0; index < 536; index++) allocator.allocate(`t${index}`, request())
    expect(first(allocator, 'none')).toBe('PoolExhausted')
    allocator.release('s32768')
    expect(first(allocator, 'none')).toBe('10.0.128.0')
  })

  test.each([
    ['0.0.0.0/0', '1.0.0.0', 2n ** 32n - 2n ** 25n - 2n ** 28n - 1n],
    ['::/0', '::2', 2n ** 128n - 2n ** 120n - 2n ** 32n - 2n],
    ['2001:db8::/64', '2001:db8::', 2n ** 64n],
  ])('%s', (range, lowest, capacity) => {
    const { config, problems } = parseConfig({ ...noObjects, pools: [raw('p', { addresses: [range] })] })
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
    const allocator = allocatorOf(...config.pools)
    const families = [range.includes(':') ? 6 : 4] as const
    expect(first(allocator, 'one', { families })).toBe(lowest)
    const counts = allocator.counts('p')?.capacity
    expect((counts?.v4 ?? 0n) + (counts?.v6 ?? 0n)).toBe(capacity)
  })

  test('avoiding .0 and .255 in all of IPv4, with holes', () => {
    const excludes = pool('', ['1.0.0.0-1.0.0.9', '1.0.0.11-1.255.255.255']).ranges
    const allocator = allocatorOf(pool('p', ['1.0.0.0-223.255.255.255'], { avoidBuggyIPs: true, excludes }))
    expect(first(allocator, 'one')).toBe('1.0.0.10')
    expect(first(allocator, 'two')).toBe('2.0.0.1')
  })

  test('10,000 excluded addresses', () => {
    const holes = Array.from({ length: 10_000 }, (_, index) => `10.0.${index >> 7}.${(index & 127) * 2}`)
    const { config, problems } = parseConfig({
      ...noObjects,
      pools: [raw('p', { addresses: ['10.0.0.0/16'], excludes: holes })],
    })
    expect(problems).toEqual([])
    const allocator = allocatorOf(...config.pools)
    expect(allocator.counts('p')?.capacity.v4).toBe(55_536n)
    expect(first(allocator, 'one')).toBe('10.0.0.1')
  })

  test('10,000 Services with one sharing key', () => {
    const allocator = allocatorOf(pool('p', ['10.0.0.0/16']))
    const shared = { sharingKey: 'k' }
    for (let index = 0; index < 10_000; index++) allocator.allocate(`s${index}`, request(shared))
    for (let index = 0; index < 10_000; index++)
      allocator.allocate(`t${index}`, request({ ...shared, ports: [`UDP/${index}`] }))
    expect(allocator.counts('p')?.assigned.v4).toBe(10_000n)
    expect(first(allocator, 'next', shared)).toBe('10.0.39.16')
    allocator.release('s5000')
    expect(first(allocator, 'again', shared)).toBe('10.0.19.136')
  })
})

test('10,000 addresses in one annotation are refused in a few words', () => {
  const session = new Session('', { ...emptyConfig, pools: [pool('p', ['10.0.0.0/16'])] }, [], [], [])
  const list = Array.from({ length: 10_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`).join()
  const decision = session.decide(service('one', { annotations: { 'metallb.io/loadBalancerIPs': list } }))
  expect((decision as Decision).message).toBe(
    'invalid requested loadbalancer IPs: more than two addresses ["10.0.0.0" "10.0.0.1" "10.0.0.2"] and 9997 more',
  )
  const long = { 'metallb.io/loadBalancerIPs': 'x'.repeat(100_000) }
  expect((session.decide(service('two', { annotations: long })) as Decision).message.length).toBeLessThan(200)
  const pools = { 'metallb.io/address-pool': 'y'.repeat(100_000) }
  expect((session.decide(service('three', { annotations: pools })) as Decision).message.length).toBe(1024)
})

test('one freed address wakes one of 5,000 that wait, and one freed port too', () => {
  const session = new Session('', { ...emptyConfig, pools: [pool('p', ['10.0.0.0/32'])] }, [], [], [])
  const wants = (name: string, port: number, key: string) =>
    service(name, { annotations: { 'metallb.io/allow-shared-ip': key }, spec: { ports: [{ port }] } })
  session.decide(wants('holder', 80, 'k'))
  session.decide(wants('other', 443, 'k'))
  for (let index = 0; index < 5000; index++) session.decide(wants(`s${index}`, 80, index % 2 ? 'k' : ''))
  session.takeHopeful()
  session.forget('test/holder')
  expect(session.takeHopeful()).toEqual(['test/s1'])
  expect(session.decide(wants('s1', 80, 'k'))).toMatchObject({ reason: 'Assigned' })
  expect(session.takeHopeful()).toEqual([])
  session.forget('test/other')
  session.forget('test/s1')
  expect(session.takeHopeful()).toEqual(['test/s0'])
  session.decide(wants('s0', 80, ''))
  expect(session.takeHopeful()).toEqual([])
})

describe('a change of the configuration is looked at by those whom it can concern', () => {
  let world: ReservationWorld
  const decide = vi.spyOn(Session.prototype, 'decide')

  beforeEach(async () => {
    world = new ReservationWorld()
    for (const [index, name] of ['a', 'b', 'c'].entries())
      await world.pool(name, {
        addresses: [`10.${index}.0.0/24`],
        serviceAllocation: { serviceSelectors: [{ matchLabels: { pool: name } }] },
      })
    for (let index = 0; index < 90; index++) {
      const labels = { pool: 'abc'[index % 3] }
      const spec = { clusterIPs: [`172.16.${index >> 8}.${index & 255}`] }
      await world.api.create(resources.services, rawService(`s${index}`, { labels, spec }))
    }
    await world.start()
    await calm()
    decide.mockClear()
  })
  afterEach(() => world.stop())

  /** Until nothing is decided and written any more. */
  async function calm(): Promise<void> {
    for (let before = -1; before !== world.api.requests.length + decide.mock.calls.length;) {
      before = world.api.requests.length + decide.mock.calls.length
      await world.clock.advance(2000)
    }
  }

  const decided = () => decide.mock.calls.map(([{ labels }]) => labels['pool'])

  test('a pool that is edited: its own Services', async () => {
    await world.pool('b', { excludes: ['10.1.0.200'] })
    await calm()
    expect(decided()).toHaveLength(30)
    expect(new Set(decided())).toEqual(new Set(['b']))
  })

  test('a pool that comes, or that is only relabelled: nobody', async () => {
    await world.pool('d', { addresses: ['10.3.0.0/24'] })
    await calm()
    expect(decided()).toEqual([])
  })

  test('a pool that loses one address: its own Services, and only one moves', async () => {
    const before = world.api.requests.length
    await world.pool('c', { excludes: ['10.2.0.7'] })
    await calm()
    expect(decided().filter((name) => name === 'c')).toHaveLength(30)
    const writes = world.api.requests.slice(before).filter((one) => one.startsWith('patch services/status'))
    expect(writes).toHaveLength(1)
  })

  test('labels of a namespace that no pool asks about: nobody', async () => {
    await world.api.create(resources.namespaces, { metadata: { name: 'test' } } as KubeObject)
    const patch = { metadata: { labels: { team: 'x' } } }
    await world.api.patch(resources.namespaces, { name: 'test' }, patch, { type: 'merge' })
    await calm()
    expect(decided()).toEqual([])
  })

  test('a Service that goes: nobody else', async () => {
    await world.remove('s0')
    await calm()
    expect(decided()).toEqual([])
  })

  test('a reservation: nobody', async () => {
    await world.reservation('web', ['10.0.0.250'])
    await calm()
    expect(decided()).toEqual([])
  })
})
