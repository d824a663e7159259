import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import { Allocator } from '../allocator/allocator.ts'
import { poolsText, type AllocationOutcome } from '../allocator/outcome.ts'
import { request } from '../allocator/test-pools.ts'
import { ownCases, upstreamCases, type AllocatorCase, type Step } from './allocator-cases.ts'

function run(allocator: Allocator, step: Step): void {
  if ('assign' in step) {
    const addresses = step.addresses.split(',').map(parseAddress)
    expectGives(allocator.assign(step.assign, request(step.as), addresses), step.gives)
  } else if ('allocate' in step) expectGives(allocator.allocate(step.allocate, request(step.as)), step.gives)
  else if ('release' in step) expect(allocator.release(step.release)).toBe(true)
  else if ('pools' in step) expect(allocator.setPools(step.pools)).toEqual(step.affects)
  else if ('namespace' in step) expect(allocator.setNamespace(step.namespace, step.labels)).toBe(true)
  else if ('count' in step) {
    const { capacity, assigned } = allocator.counts(step.count) ?? expect.unreachable()
    expect({ v4: capacity.v4 - assigned.v4, v6: capacity.v6 - assigned.v6 }).toEqual({
      v4: step.v4,
      v6: step.v6,
    })
  } else {
    const { addresses, pools } = allocator.assignment(step.has) ?? expect.unreachable()
    expect(`${addresses.map(formatAddress).join()} ${poolsText(pools)}`).toBe(step.is)
  }
}

function expectGives(outcome: AllocationOutcome, gives: string): void {
  if (outcome.ok) return expect(outcome.assignment.addresses.map(formatAddress).join()).toBe(gives)
  const { reason, message } = outcome.refusal
  expect(`${reason}: ${message}`.slice(0, gives.length)).toBe(gives)
}

function check({ pools, steps }: AllocatorCase): void {
  const allocator = new Allocator()
  allocator.setPools(pools)
  for (const step of steps) run(allocator, step)
}

test.each(upstreamCases)('$name', check)

test.each(ownCases)('ours: $name', check)

test('B: no case is missing', () => {
  const numbers = new Set(upstreamCases.flatMap(({ name }) => name.match(/B\d+/g) ?? []))
  for (const number of [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26])
    expect(numbers).toContain(`B${number}`)
})
