import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Config, Problem } from '#crds/config.ts'
import type { KubeObject } from './api.ts'
import { ConfigSource } from './config-source.ts'
import { KubeError } from './errors.ts'
import { FakeKubeApi } from './fake-api.ts'
import { resources } from './resources.ts'
import { TestClock } from './test-clock.ts'

const namespace = 'metallb-system'

let clock: TestClock
let api: FakeKubeApi
let source: ConfigSource
let heard: { config: Config; previous: Config; problems: readonly Problem[] }[]

beforeEach(() => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  heard = []
  source = new ConfigSource({ api, clock, namespace })
  source.onChange((config, previous, problems) => heard.push({ config, previous, problems }))
})

afterEach(() => source.stop())

const createPool = (name: string, address: string, inNamespace = namespace) =>
  api.create(resources.ipAddressPools, {
    metadata: { name, namespace: inNamespace },
    spec: { addresses: [address] },
  } as KubeObject)

const editPool = (name: string, address: string) =>
  api.patch(
    resources.ipAddressPools,
    { namespace, name },
    { spec: { addresses: [address] } },
    { type: 'merge' },
  )

const names = () => source.config.pools.map(({ name }) => name)

test('the first configuration is complete, and comes once', async () => {
  await createPool('a', '10.0.0.0/24')
  await createPool('b', '10.0.1.0/24')
  await createPool('elsewhere', '10.0.2.0/24', 'default')
  source.start()
  expect(source.synced).toBe(false)
  await clock.advance(10)
  await source.whenSynced()
  expect(heard).toHaveLength(1)
  expect(names()).toEqual(['a', 'b'])
  expect(heard[0].previous.pools).toEqual([])
})

test('without any object there is a configuration too', async () => {
  source.start()
  await clock.advance(10)
  expect(source.synced).toBe(true)
  expect(heard).toHaveLength(1)
})

test('one missing list keeps it from being in force', async () => {
  await createPool('a', '10.0.0.0/24')
  api.fail = (_verb, resource) =>
    resource.plural === 'communities' ? new KubeError('FL_KUBE_SERVER', 'broken') : undefined
  source.start()
  await clock.advance(5000)
  expect(source.synced).toBe(false)
  api.fail = undefined
  await clock.advance(40_000)
  expect(names()).toEqual(['a'])
})

test('changes of one turn come together; what does not matter does not come', async () => {
  source.start()
  await clock.advance(10)
  await createPool('a', '10.0.0.0/24')
  await createPool('b', '10.0.1.0/24')
  await clock.advance(10)
  expect(heard).toHaveLength(2)
  const key = { namespace, name: 'a' }
  const status = { assignedIPv4: 1, assignedIPv6: 0, availableIPv4: 255, availableIPv6: 0 }
  await api.patch(resources.ipAddressPools, key, { status }, { type: 'merge', subresource: 'status' })
  await api.patch(resources.ipAddressPools, key, { metadata: { annotations: { a: 'b' } } }, { type: 'merge' })
  await clock.advance(10)
  expect(heard).toHaveLength(2)
})

test('an object in error is told and its last good version stays', async () => {
  await createPool('a', '10.0.0.0/24')
  source.start()
  await clock.advance(10)
  const before = source.config
  await editPool('a', 'nonsense')
  await clock.advance(10)
  expect(source.config).toBe(before)
  expect(source.problems).toMatchObject([{ name: 'a', field: 'spec.addresses[0]' }])
  expect(heard).toHaveLength(2)
  const { uid } = (await api.get(resources.ipAddressPools, { namespace, name: 'a' })).metadata
  expect(source.uidOf(source.problems[0])).toBe(uid)
  await editPool('a', '10.0.5.0/24')
  await clock.advance(10)
  expect(source.problems).toEqual([])
  expect(heard).toHaveLength(3)
})

test('an outage changes nothing', async () => {
  await createPool('a', '10.0.0.0/24')
  source.start()
  await clock.advance(10)
  const before = source.config
  api.outage(true)
  await clock.advance(600_000)
  expect(source.config).toBe(before)
  expect(source.synced).toBe(true)
  api.outage(false)
  await clock.advance(60_000)
  expect(heard).toHaveLength(1)
  expect(source.lastContact()['ipaddresspools']).toBeGreaterThan(0)
})

test('one listener that throws does not keep the configuration from the others', async () => {
  const errors: unknown[] = []
  source = new ConfigSource({ api, clock, namespace, onError: (error) => errors.push(error) })
  source.onChange(() => {
    throw new Error('mine')
  })
  let told = 0
  source.onChange(() => told++)
  source.start()
  await clock.advance(10)
  expect(told).toBe(1)
  expect(errors).toHaveLength(1)
})

test('a pool that was deleted and made again within one batch is told, with the configuration that it had', async () => {
  await createPool('a', '10.0.0.0/24')
  await createPool('b', '10.0.1.0/24')
  const recreated: unknown[] = []
  source.onChange((_config, _previous, _problems, again) => recreated.push(again))
  source.start()
  await clock.advance(10)
  await api.delete(resources.ipAddressPools, { namespace, name: 'a' })
  await createPool('a', '10.0.0.0/24')
  await clock.advance(10)
  expect(heard).toHaveLength(2)
  expect(heard[1].config).toBe(heard[1].previous)
  expect(recreated).toEqual([[], [{ kind: 'IPAddressPool', namespace, name: 'a' }]])
})
