import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Problem } from '#crds/config.ts'
import type { ConfigurationStateStatus } from '#crds/objects.ts'
import { ConfigStateWriter } from './config-state.ts'
import { verdictOf } from './config-verdict.ts'
import { FakeKubeApi } from './fake-api.ts'
import { resources } from './resources.ts'
import { TestClock } from './test-clock.ts'

const namespace = 'metallb-system'
const key = { namespace, name: 'speaker-node1' }

let clock: TestClock
let api: FakeKubeApi
let problems: readonly Problem[] | undefined
let disturbed: number
let writer: ConfigStateWriter

const problem = (more: Partial<Problem> = {}): Problem => ({
  severity: 'error',
  code: 'FL_CRD_VALUE',
  kind: 'BGPPeer',
  namespace,
  name: 'router',
  field: 'spec.myASN',
  message: 'missing local ASN',
  ...more,
})

beforeEach(() => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  problems = []
  disturbed = 0
  writer = new ConfigStateWriter({
    api,
    clock,
    namespace,
    component: { speakerOn: 'node1' },
    owner: () => ({ apiVersion: 'v1', kind: 'Node', name: 'node1', uid: 'u1' }),
    problems: () => problems,
    onDisturbed: () => disturbed++,
  })
  writer.start()
})

afterEach(() => writer.stop())

const stored = async () => {
  const object = await api.get(resources.configurationStates, key)
  return object as typeof object & { status: ConfigurationStateStatus }
}
const patches = () => api.requests.filter((request) => request.startsWith('patch'))

test('a speaker says in its own object that all is well', async () => {
  expect(await writer.reconcile()).toEqual({ kind: 'done' })
  expect(await stored()).toMatchObject({
    metadata: {
      labels: { 'metallb.io/component-type': 'speaker', 'metallb.io/node-name': 'node1' },
      ownerReferences: [{ kind: 'Node', name: 'node1' }],
    },
    status: {
      result: 'Valid',
      errorSummary: '',
      conditions: [
        { type: 'configReconcilerValid', status: 'True', reason: 'Reconciled' },
        { type: 'fairlead.io/ReferencesResolved', status: 'True' },
      ],
    },
  })
})

test('what is right is not written again', async () => {
  await writer.reconcile()
  const before = patches().length
  await writer.reconcile()
  expect(patches()).toHaveLength(before)
})

test('an error makes it invalid, and the time of the change is kept', async () => {
  await writer.reconcile()
  await clock.advance(60_000)
  problems = [problem()]
  await writer.reconcile()
  const { status } = await stored()
  expect(status).toMatchObject({
    result: 'Invalid',
    errorSummary: 'BGPPeer metallb-system/router spec.myASN: missing local ASN',
  })
  const [config, references] = status.conditions ?? []
  expect(config).toMatchObject({ status: 'False', reason: 'ConfigurationError' })
  expect(config.lastTransitionTime > references.lastTransitionTime).toBe(true)
})

test('names of objects that do not exist make nothing invalid', () => {
  const unknown = problem({ severity: 'warning', code: 'FL_CRD_UNKNOWN_REFERENCE', message: 'no x' })
  const { result, conditions } = verdictOf([unknown], true)
  expect(result).toBe('Valid')
  expect([...conditions.values()]).toMatchObject([
    { type: 'poolReconcilerValid', status: 'True' },
    { type: 'configReconcilerValid', status: 'True' },
    {
      type: 'fairlead.io/ReferencesResolved',
      status: 'False',
      reason: 'UnknownReference',
      message: 'BGPPeer metallb-system/router spec.myASN: no x',
    },
  ])
})

test('each condition belongs to its own field manager, also when the summary is long', () => {
  const many = Array.from({ length: 5000 }, (_, index) => problem({ name: `router-${index}` }))
  const { conditions, errorSummary } = verdictOf([...many, problem({ kind: 'IPAddressPool' })], true)
  expect([...conditions.keys()]).toEqual(['poolReconciler', 'configReconciler', 'fairlead'])
  expect(errorSummary.length).toBeLessThanOrEqual(16_384)
})

test('it is noticed when somebody deletes the object, or says otherwise', async () => {
  await writer.reconcile()
  await clock.advance(10)
  expect(disturbed).toBe(0)
  await api.patch(
    resources.configurationStates,
    key,
    { status: { result: 'Unknown' } },
    { type: 'merge', subresource: 'status' },
  )
  await clock.advance(10)
  expect(disturbed).toBe(1)
  await writer.reconcile()
  expect((await stored()).status.result).toBe('Valid')
  await api.delete(resources.configurationStates, key)
  await clock.advance(10)
  expect(disturbed).toBeGreaterThan(1)
  await writer.reconcile()
  expect((await stored()).status.result).toBe('Valid')
})

test('nothing is written by whom it is not allowed', async () => {
  problems = undefined
  expect(await writer.reconcile()).toMatchObject({ kind: 'after' })
  expect(api.requests.filter((request) => !/^(get|watch|list)/.test(request))).toEqual([])
})

test('a write that is late meets another version and undoes nothing', async () => {
  await writer.reconcile()
  problems = [problem()]
  let first = true
  api.fail = (verb) => {
    if (verb !== 'patch' || !first) return undefined
    first = false
    void api.patch(
      resources.configurationStates,
      key,
      { status: { errorSummary: 'of the next leader' } },
      { type: 'merge', subresource: 'status' },
    )
    return undefined
  }
  await expect(writer.reconcile()).rejects.toMatchObject({ code: 'FL_KUBE_CONFLICT' })
  expect((await stored()).status.errorSummary).toBe('of the next leader')
})
