import { beforeEach, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import { FakeDataplane } from './fake-dataplane.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { Forwarder } from './forwarder.ts'

let clock: TestClock
let plane: FakeDataplane
let told: string[][]

beforeEach(() => {
  clock = new TestClock()
  plane = new FakeDataplane()
  told = []
})

async function started(force = false): Promise<Forwarder> {
  const one = new Forwarder({
    dataplane: plane,
    clock,
    config: { ...testConfig, force },
    log: silentLogger,
    onProgrammed: (services) => told.push([...services].sort()),
  })
  one.start()
  one.setNode(testNode)
  one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
  one.allListed()
  await clock.advance(0)
  return one
}

test('beside a running kube-proxy nothing is installed, and announcements do not wait for it', async () => {
  plane.foreignProxy = 'kube-proxy (nftables table ip kube-proxy)'
  const one = await started()
  one.setService('ns/t', service('t', { clusterIPs: ['172.30.0.2'] }), [])
  await clock.advance(60_000)
  expect(plane.adoptions).toBe(0)
  expect(plane.transactions).toEqual([])
  expect(one.isProgrammed('ns/s')).toBe(true)
  expect(told).toEqual([['ns/s']])
  expect(one.progress().queuedSince).toBeUndefined()
  const { forwarding, synced, reason } = one.view()
  expect({ forwarding, synced }).toEqual({ forwarding: false, synced: true })
  expect(reason).toContain('kube-proxy (nftables table ip kube-proxy)')
  await one.stop()
})

test('forwarding begins by itself when the other proxy is gone', async () => {
  plane.foreignProxy = 'kube-proxy'
  const one = await started()
  plane.foreignProxy = ''
  await clock.advance(10_000)
  expect(plane.dump().some((line) => line.includes('10.0.0.1'))).toBe(true)
  expect(one.view()).toMatchObject({ forwarding: true, reason: '' })
  expect(told.at(-1)).toEqual(['ns/s'])
  await one.stop()
})

test('a change of the rules of others is looked at within a second while ours stays out', async () => {
  plane.foreignProxy = 'kube-proxy'
  const one = await started()
  plane.foreignProxy = ''
  plane.meddleElsewhere()
  await clock.advance(1000)
  expect(one.view()).toMatchObject({ forwarding: true, reason: '' })
  await one.stop()
})

test('a proxy that comes without a word is found within a minute', async () => {
  const one = await started()
  plane.foreignProxy = 'kube-proxy (legacy iptables)'
  await clock.advance(60_000)
  expect(one.view()).toMatchObject({ forwarding: true, foreign: 'kube-proxy (legacy iptables)' })
  expect(plane.adoptions).toBe(1)
  await one.stop()
})

test('forced, it forwards beside the other and says so', async () => {
  plane.foreignProxy = 'kube-proxy'
  const one = await started(true)
  expect(plane.transactions.length).toBeGreaterThan(0)
  expect(one.view()).toMatchObject({ forwarding: true, foreign: 'kube-proxy' })
  expect(one.view().reason).toContain('forced')
  await one.stop()
})

test('what is in the kernel already is kept up to date whoever comes, also after a restart', async () => {
  const first = await started()
  plane.foreignProxy = 'kube-proxy'
  plane.meddleElsewhere()
  await clock.advance(10_000)
  first.setService('ns/s', service('s'), [slice('s', ['10.0.0.2'])])
  await clock.advance(0)
  expect(plane.dump().some((line) => line.includes('10.0.0.2'))).toBe(true)
  expect(first.view().reason).toContain('kube-proxy')
  await first.stop()
  const second = await started()
  expect(second.view().forwarding).toBe(true)
  expect(plane.dump().some((line) => line.includes('10.0.0.1'))).toBe(true)
  await second.stop()
})
