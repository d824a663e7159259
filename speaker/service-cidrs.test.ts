import { expect, it } from 'vitest'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { ServiceCidrSource } from './service-cidrs.ts'

const cidr = (name: string, ...cidrs: string[]) => ({ metadata: { name }, spec: { cidrs } })

it('knows every range once', async () => {
  const api = new FakeKubeApi()
  await api.create(resources.serviceCidrs, cidr('kubernetes', '10.96.0.0/16', 'fd00::/112'))
  await api.create(resources.serviceCidrs, cidr('extra', '10.97.0.0/16', '10.96.0.0/16'))
  let changes = 0
  const errors: unknown[] = []
  const source = new ServiceCidrSource({
    api,
    clock: new TestClock(),
    onChange: () => changes++,
    onError: (error) => errors.push(error),
  })
  source.start()
  await source.whenSynced()
  expect(source.cidrs).toEqual(['10.97.0.0/16', '10.96.0.0/16', 'fd00::/112'])
  expect(changes).toBeGreaterThan(0)
  expect(errors).toEqual([])
  source.stop()
})

it('does without them where the API server has none, and says so once', async () => {
  const api = new FakeKubeApi()
  api.fail = () => new KubeError('FL_KUBE_NOT_FOUND', 'the server could not find the requested resource')
  const errors: unknown[] = []
  const clock = new TestClock()
  const source = new ServiceCidrSource({
    api,
    clock,
    onChange: () => {},
    onError: (error) => errors.push(error),
  })
  source.start()
  await source.whenSynced()
  await clock.advance(120_000)
  expect(source.synced).toBe(true)
  expect(source.cidrs).toEqual([])
  expect(errors).toHaveLength(1)
  expect(api.requests.length).toBeGreaterThan(2)
  source.stop()
})
