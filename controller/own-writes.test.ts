import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KubeObject, ObjectKey, PatchOptions, Resource } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { startController, type ControllerProcess } from './main.ts'
import { OwnWrites } from './own-writes.ts'
import { Session } from './session.ts'
import { rawService } from './test-services.ts'

describe('what a version is that the watch shows', () => {
  test('after the answer to the write, with an older one before it', () => {
    const own = new OwnWrites()
    own.begin('a')
    expect(own.end('a', '7')).toBeUndefined()
    expect([own.shown('a', '6'), own.shown('b', '7'), own.shown('a', '7'), own.shown('a', '7')]).toEqual([
      'foreign',
      'foreign',
      'own',
      'foreign',
    ])
  })

  test('before the answer to the write', () => {
    const own = new OwnWrites()
    own.begin('a')
    expect(own.shown('a', '7')).toBe('unclear')
    expect(own.end('a', '7')).toBe('own')
    own.begin('a')
    own.shown('a', '8')
    own.shown('a', '9')
    expect(own.end('a', '8')).toBe('foreign')
    own.begin('a')
    own.shown('a', '10')
    expect(own.end('a', '')).toBe('foreign')
    expect(own.shown('a', '11')).toBe('foreign')
  })
})

const namespace = 'metallb-system'

/** An API server whose answers to writes of a status are slower than its watches. */
class SlowAnswers extends FakeKubeApi {
  /** what happens between a write of a status and its answer */
  meanwhile: ((key: ObjectKey) => Promise<unknown>) | undefined

  override async patch(
    resource: Resource,
    key: ObjectKey,
    body: unknown,
    options: PatchOptions,
  ): Promise<KubeObject> {
    const written = await super.patch(resource, key, body, options)
    if (resource === resources.services && options.subresource === 'status') await this.meanwhile?.(key)
    return written
  }
}

describe('a controller', () => {
  const decide = vi.spyOn(Session.prototype, 'decide')
  let clock: TestClock
  let api: SlowAnswers
  let running: ControllerProcess

  beforeEach(async () => {
    clock = new TestClock()
    api = new SlowAnswers({ clock })
    const spec = { addresses: ['10.0.0.0/24'] }
    await api.create(resources.ipAddressPools, { metadata: { namespace, name: 'p' }, spec } as KubeObject)
    const options = { api, clock, namespace, identity: 'one', loadBalancerClass: '', log: silentLogger }
    running = await startController({ ...options, leaderElect: false })
    await clock.advance(5000)
    decide.mockClear()
  })
  afterEach(() => running.stop())

  const ipsOf = async (name: string) =>
    projectService(await api.get(resources.services, { namespace: 'test', name })).ingress.map(({ ip }) => ip)

  /** Until the watches have shown everything. */
  async function pause(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }

  test.each([
    ['before its watch shows the write', undefined],
    ['after it', pause],
  ])('decides once on each new Service when the answer comes %s', async (_when, meanwhile) => {
    api.meanwhile = meanwhile
    for (let index = 0; index < 20; index++) {
      const spec = { clusterIPs: [`172.16.0.${index}`] }
      await api.create(resources.services, rawService(`s${index}`, { spec }))
    }
    await clock.advance(10_000)
    expect(await ipsOf('s19')).toEqual(['10.0.0.19'])
    expect(decide).toHaveBeenCalledTimes(20)
  })

  test('looks at what a person changed after its write and before the answer', async () => {
    const annotations = { 'metallb.io/loadBalancerIPs': '10.0.0.9' }
    api.meanwhile = async (key) => {
      api.meanwhile = undefined
      await api.patch(resources.services, key, { metadata: { annotations } }, { type: 'merge' })
      await pause()
    }
    await api.create(resources.services, rawService('web'))
    await clock.advance(10_000)
    expect(await ipsOf('web')).toEqual(['10.0.0.9'])
  })

  test('looks at a write of its own of which the server kept something else', async () => {
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }
    const patch = api.patch.bind(api)
    let changed = false
    vi.spyOn(api, 'patch').mockImplementation((resource, key, body, options) => {
      const other = resource === resources.services && options.subresource === 'status' && !changed
      changed ||= other
      return patch(resource, key, other ? { ...(body as object), status } : body, options)
    })
    await api.create(resources.services, rawService('web'))
    await clock.advance(10_000)
    expect(await ipsOf('web')).toEqual(['10.0.0.0'])
  })
})
