import { describe, expect, test } from 'vitest'
import { errnoError } from '#raw-socket/errors.ts'
import { cleanup } from './cleanup.ts'
import type { Dataplane } from './dataplane.ts'
import { ForwardingError } from './errors.ts'
import { noDataplane } from './no-dataplane.ts'
import { isForwardingSpeaker } from './running-speakers.ts'

const EPERM = 1
const nobody = () => []

/** A data plane that holds what is said, and whether it was closed. */
function holding(remove: Dataplane['remove']) {
  const dataplane = { ...noDataplane, remove, closed: false, close: () => void (dataplane.closed = true) }
  return dataplane
}

test('it says what it removed and what stays', async () => {
  const dataplane = holding(async () => ['nftables table ip fairlead', 'nftables table ip6 fairlead'])
  expect(await cleanup(() => dataplane, nobody)).toEqual([
    'removed nftables table ip fairlead, nftables table ip6 fairlead',
    expect.stringMatching(/^connections .* go on while something else .* translates addresses/),
    expect.stringMatching(/sysctls.* stay/),
  ])
  expect(dataplane.closed).toBe(true)
})

test('where nothing is, nothing is said but that', async () => {
  expect(await cleanup(() => holding(async () => []), nobody)).toEqual(['there was nothing of ours'])
})

test('a speaker that would put it back is named', async () => {
  const lines = await cleanup(
    () => holding(async () => []),
    () => [17],
  )
  expect(lines.at(-1)).toMatch(/^a speaker that forwards runs here \(process 17\) and puts its rules back/)
})

test('without the right to it says which, and closes what it opened', async () => {
  const denied = errnoError('sendto', EPERM)
  const dataplane = holding(async () => {
    throw new ForwardingError('FL_FORWARDING_KERNEL', 'netlink: EPERM', { cause: denied })
  })
  const refused = { code: 'FL_FORWARDING_KERNEL', message: expect.stringContaining('CAP_NET_ADMIN') }
  await expect(cleanup(() => dataplane, nobody)).rejects.toMatchObject(refused)
  expect(dataplane.closed).toBe(true)
  const open = () => {
    throw denied
  }
  await expect(cleanup(open, nobody)).rejects.toMatchObject(refused)
})

test('another failure is told as it is', async () => {
  const failure = new ForwardingError('FL_FORWARDING_INSTALL', 'nft: out of memory')
  const dataplane = holding(async () => {
    throw failure
  })
  await expect(cleanup(() => dataplane, nobody)).rejects.toBe(failure)
})

describe('a process is a speaker that forwards', () => {
  test.each([
    ['node', '/app/cli/main.ts', 'speaker', '--node-name', 'a'],
    ['/usr/local/bin/node', 'cli/main.ts', 'speaker', '--forwarding=full'],
    ['node', '--liftoff-only', '--heap-growing-percent=50', '/app/cli/main.js', 'speaker'],
    ['/usr/bin/fairlead', 'speaker'],
    ['node', '/usr/bin/fairlead', 'speaker', '--forwarding', 'full', '--lb-class', 'off'],
  ])('%s %s %s', (...args) => expect(isForwardingSpeaker(args)).toBe(true))

  test.each([
    ['node', '/app/cli/main.ts', 'speaker', '--forwarding=off'],
    ['fairlead', 'speaker', '--forwarding', 'off'],
    ['fairlead', 'controller'],
    ['fairlead', 'forwarding', 'cleanup'],
    ['vi', 'cli/main.ts'],
    ['grep', '-r', 'fairlead', 'speaker'],
    ['node', '--version'],
    ['node'],
    ['nsenter', '--net=/run/netns/a', 'node', 'cli/main.ts', 'speaker'],
    [],
  ])('and not %s %s %s', (...args) => expect(isForwardingSpeaker(args)).toBe(false))
})
