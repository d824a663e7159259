import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { Controller } from './controller.ts'
import { ADDRESS_ASSIGNED } from './status-patch.ts'
import { ingress, rawService } from './test-services.ts'

const namespace = 'metallb-system'
const state = { namespace, name: 'controller' }
const pool = { namespace, name: 'p' }

let clock: TestClock
let api: FakeKubeApi
let controller: Controller
/** A Lease that is late: this turns false and true again, and leadership never changed. */
let mayWrite: boolean

beforeEach(async () => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  mayWrite = true
  controller = new Controller({
    api,
    clock,
    namespace,
    identity: 'one',
    loadBalancerClass: '',
    log: silentLogger,
    leadership: { mayWrite: () => mayWrite },
  })
  await createPool('1.2.3.0/24')
})

afterEach(() => controller.stop())

async function lead(): Promise<void> {
  controller.start()
  controller.leadershipChanged(true)
  await clock.advance(10)
}

const createPool = (...addresses: string[]) =>
  api.create(resources.ipAddressPools, { metadata: pool, spec: { addresses } } as KubeObject)

const editPool = (...addresses: string[]) =>
  api.patch(resources.ipAddressPools, pool, { spec: { addresses } }, { type: 'merge' })

const readService = async (name: string) =>
  projectService(await api.get(resources.services, { namespace: 'test', name }))

const writesTo = (plural: string) =>
  api.requests.filter((request) => new RegExp(`^(create|patch) ${plural}`).test(request))

/** Does something once, just before a request is answered. */
function before(verb: string, plural: string, act: () => unknown): void {
  let done = false
  api.fail = (asked, resource) => {
    if (done || asked !== verb || resource.plural !== plural) return undefined
    done = true
    return act()
  }
}

describe('while a renewal is late nothing is written and nothing forgotten', () => {
  test('a Service', async () => {
    await lead()
    mayWrite = false
    await api.create(resources.services, rawService('web'))
    await clock.advance(1500)
    expect(writesTo('services/status')).toEqual([])
    mayWrite = true
    await clock.advance(1000)
    expect((await readService('web')).ingress).toMatchObject([{ ip: '1.2.3.0' }])
  })

  test('the counters of a pool', async () => {
    await lead()
    await clock.advance(2000)
    await api.create(resources.services, rawService('web'))
    await clock.advance(500)
    const written = writesTo('ipaddresspools/status').length
    mayWrite = false
    await clock.advance(1500)
    expect(writesTo('ipaddresspools/status')).toHaveLength(written)
    mayWrite = true
    await clock.advance(1000)
    expect(await api.get(resources.ipAddressPools, pool)).toMatchObject({ status: { assignedIPv4: 1 } })
  })

  test('the verdict on the configuration', async () => {
    await lead()
    mayWrite = false
    await editPool('nonsense')
    await clock.advance(1500)
    expect(await api.get(resources.configurationStates, state)).toMatchObject({ status: { result: 'Valid' } })
    mayWrite = true
    await clock.advance(1000)
    expect(await api.get(resources.configurationStates, state)).toMatchObject({
      status: { result: 'Invalid' },
    })
  })

  test.each(['before it began', 'while it listed the Services'])('taking over (%s)', async (when) => {
    mayWrite = false
    controller.start()
    await clock.advance(10)
    mayWrite = when !== 'before it began'
    before('list', 'services', () => void (mayWrite = false))
    controller.leadershipChanged(true)
    await clock.advance(1500)
    expect(controller.session).toBeUndefined()
    api.fail = undefined
    mayWrite = true
    await clock.advance(1000)
    expect(controller.session).toBeDefined()
  })
})

test.each([
  ['a renewal is late', 'get', () => void (mayWrite = false)],
  ['a write fails', 'patch', () => new KubeError('FL_KUBE_SERVER', 'broken')],
])('a Service that the reflector does not know yet keeps its address when %s', async (_what, verb, act) => {
  mayWrite = false
  controller.start()
  await clock.advance(10)
  // From here on the reflector is behind.
  const watch = api.watch.bind(api)
  api.watch = (resource, options) => {
    if (resource === resources.services) throw new KubeError('FL_KUBE_SERVER', 'no watch')
    return watch(resource, options)
  }
  api.endWatches()
  await clock.advance(10)
  await api.create(resources.services, rawService('web'))
  const status = ingress('1.2.3.5')
  await api.patch(
    resources.services,
    { namespace: 'test', name: 'web' },
    { status },
    { type: 'merge', subresource: 'status' },
  )
  mayWrite = true
  before(verb, 'services', act)
  controller.leadershipChanged(true)
  await clock.advance(500)
  mayWrite = true
  await clock.advance(1500)
  expect(controller.inputs.services.store.get('test/web')).toBeUndefined()
  expect(controller.session?.has('test/web')).toBe(true)
  const { conditions } = await readService('web')
  expect(conditions).toContainEqual(expect.objectContaining({ type: ADDRESS_ASSIGNED, status: 'True' }))
  // Whatever makes it dirty again does not make it gone.
  await editPool('1.2.3.0/25')
  await clock.advance(10)
  expect(controller.session?.has('test/web')).toBe(true)
})

describe('ConfigurationState', () => {
  test.each([
    ['get', []],
    ['create', [`create configurationstates ${namespace}/controller`]],
  ])('leadership that ends during the %s ends the writing', async (verb, written) => {
    before(verb, 'configurationstates', () => void (mayWrite = false))
    await lead()
    expect(writesTo('configurationstates')).toEqual(written)
    mayWrite = true
    await clock.advance(1000)
    expect(await api.get(resources.configurationStates, state)).toMatchObject({ status: { result: 'Valid' } })
  })

  test('what another wrote meanwhile is read again and kept', async () => {
    const foreign = { type: 'example.com/Checked', status: 'True', reason: 'X', message: '' }
    before('patch', 'configurationstates', () => {
      const status = { conditions: [{ ...foreign, lastTransitionTime: '2026-01-01T00:00:00Z' }] }
      void api.patch(
        resources.configurationStates,
        state,
        { status },
        { type: 'merge', subresource: 'status' },
      )
    })
    await lead()
    expect(await api.get(resources.configurationStates, state)).toMatchObject({
      status: {
        result: 'Valid',
        conditions: [
          foreign,
          { type: 'poolReconcilerValid' },
          { type: 'configReconcilerValid' },
          { type: 'fairlead.io/ReferencesResolved' },
        ],
      },
    })
  })

  test('one that another made meanwhile is used', async () => {
    before(
      'create',
      'configurationstates',
      () => void api.create(resources.configurationStates, { metadata: state }),
    )
    await lead()
    expect(await api.get(resources.configurationStates, state)).toMatchObject({ status: { result: 'Valid' } })
  })
})

describe('the counters of a pool', () => {
  test('are written to one that was deleted and made again at once', async () => {
    await lead()
    await clock.advance(2000)
    await api.delete(resources.ipAddressPools, pool)
    await clock.advance(10)
    await createPool('1.2.3.0/24')
    expect(await api.get(resources.ipAddressPools, pool)).not.toHaveProperty('status')
    await clock.advance(2000)
    expect(await api.get(resources.ipAddressPools, pool)).toMatchObject({ status: { availableIPv4: 256 } })
  })

  test('count as written only when there was a pool', async () => {
    before('patch', 'ipaddresspools', () => new KubeError('FL_KUBE_NOT_FOUND', 'gone'))
    await lead()
    await clock.advance(2000)
    expect(await api.get(resources.ipAddressPools, pool)).not.toHaveProperty('status')
    await api.patch(resources.ipAddressPools, pool, { spec: { autoAssign: false } }, { type: 'merge' })
    await clock.advance(2000)
    expect(await api.get(resources.ipAddressPools, pool)).toMatchObject({ status: { availableIPv4: 256 } })
  })
})
