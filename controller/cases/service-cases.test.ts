import { expect, test } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { Allocator } from '../allocator/allocator.ts'
import { pool } from '../allocator/test-pools.ts'
import { decide, type Decision } from '../decide.ts'
import { ingress, service } from '../test-services.ts'
import { ownCases, upstreamCases, type ServiceCase } from './service-cases.ts'

const scopeOf = (pools: readonly Pool[]) => {
  const allocator = new Allocator()
  allocator.setPools(pools)
  return { allocator, loadBalancerClass: '', brokenPools: new Map(), noPools: pools.length === 0 }
}
const addressesOf = (decision: ReturnType<typeof decide>): string[] =>
  'notOurs' in decision ? [decision.notOurs] : decision.addresses.map(formatAddress)
const eventsOf = (decision: ReturnType<typeof decide>): string[] =>
  'notOurs' in decision ? [] : decision.events.map(({ type, reason }) => `${type} ${reason}`)

function check({ pools, service: more, addresses, events, pool: named }: ServiceCase): void {
  const scope = scopeOf(pools)
  const decision = decide(service('svc', more), scope)
  expect(addressesOf(decision)).toEqual(addresses)
  expect(eventsOf(decision)).toEqual(events)
  if ('notOurs' in decision) return
  if (named !== undefined) expect(decision.pool).toBe(named)
  if (addresses.length === 0) expect(decision.message).not.toBe('')
  // Once it is written, nothing changes and nothing more is said about what went well.
  const again = decide(service('svc', { ...more, status: ingress(...addresses) }), scope)
  expect(addressesOf(again)).toEqual(addresses)
  expect(eventsOf(again).filter((event) => event.startsWith('Normal'))).toEqual([])
}

test.each(upstreamCases)('$name', check)

test.each(ownCases)('ours: $name (upstream: $upstream)', check)

const byNumber = (cases: readonly { readonly name: string }[]) =>
  new Set(cases.flatMap(({ name }) => name.match(/^A\d+/) ?? []))

test('A: no case is missing', () => {
  const inTable = [
    1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 34, 35, 37, 38,
  ]
  for (const number of inTable) expect(byNumber(upstreamCases)).toContain(`A${number}`)
})

test('A40 a Service keeps its address until the configuration forbids it', () => {
  const first = pool('default', ['1.2.3.0/24', '1000::/127'])
  const second = pool('second', ['4.5.6.0/24'])
  const scope = scopeOf([first])
  const svc = service('svc')
  expect(addressesOf(decide(svc, scope))).toEqual(['1.2.3.0'])
  scope.allocator.setPools([first, second])
  expect(addressesOf(decide(svc, scope))).toEqual(['1.2.3.0'])
  scope.allocator.setPools([second])
  const moved = decide(svc, scope)
  expect(addressesOf(moved)).toEqual(['4.5.6.0'])
  expect(eventsOf(moved)).toEqual(['Normal ClearAssignment', 'Normal IPAllocated'])
})

test('A41 before there is a pool nothing is given; without pools nothing is kept', () => {
  const scope = { ...scopeOf([]) }
  const svc = service('svc')
  expect(decide(svc, scope)).toMatchObject({ addresses: [], reason: 'NoPools' })
  scope.allocator.setPools([pool('p', ['1.2.3.0/24'])])
  expect(addressesOf(decide(svc, { ...scope, noPools: false }))).toEqual(['1.2.3.0'])
  scope.allocator.setPools([])
  expect(decide(svc, scope)).toMatchObject({ addresses: [], reason: 'NoPools' })
})

test('ours: an empty sharing key is none (upstream: it counts against layer 2 selectors)', () => {
  const scope = scopeOf([pool('p', ['1.2.3.0/24'])])
  const empty = { 'metallb.io/allow-shared-ip': '', 'metallb.io/loadBalancerIPs': '1.2.3.0' }
  decide(service('a', { annotations: empty }), scope)
  const second = decide(service('b', { annotations: empty, spec: { ports: [{ port: 443 }] } }), scope)
  expect((second as Decision).reason).toBe('RequestedAddressInUse')
})
