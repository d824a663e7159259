import { beforeEach, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import { makeAuthority } from '#kube/test-certificates.ts'
import { TestClock } from '#kube/test-clock.ts'
import { CaBundle, customResourceDefinitions, validatingWebhookConfigurations } from './ca-bundle.ts'
import { CertificateStore } from './certificate-store.ts'
import { AUTHORITY_NAME, certificateState, containsBundle, mergeBundles, splitBundle } from './certificate.ts'
import { TestMaker } from './test-maker.ts'

const namespace = 'metallb-system'
const name = 'metallb-webhook-cert'
const hostNames = ['metallb-webhook-service.metallb-system.svc']
// Certificates of the test's maker live from 2020 to 2120.
const EARLY = Date.UTC(2030, 0, 1)
const LATE = Date.UTC(2090, 0, 1)

let clock: TestClock
let api: FakeKubeApi
let maker: TestMaker
let store: CertificateStore

beforeEach(() => {
  clock = new TestClock(EARLY)
  api = new FakeKubeApi({ clock })
  maker = new TestMaker()
  store = storeOf()
})

const storeOf = () =>
  new CertificateStore({ api, clock, log: silentLogger, namespace, name, hostNames, maker })
const readSecret = async () =>
  (await api.get(resources.secrets, { namespace, name })) as KubeObject & {
    type: string
    data: Record<string, string>
  }
const writes = () => api.requests.filter((request) => /^(create|update)/.test(request)).length

test('a certificate is good, then due, then of no use', async () => {
  const made = await maker.make(hostNames)
  expect(certificateState(made, hostNames, EARLY)).toBe('good')
  expect(certificateState(made, hostNames, LATE)).toBe('due')
  expect(certificateState(made, hostNames, Date.UTC(2121, 0, 1))).toBe('unusable')
  expect(certificateState(made, ['other.svc'], EARLY)).toBe('unusable')
  const other = await maker.make(hostNames)
  expect(certificateState({ ...made, key: other.key }, hostNames, EARLY)).toBe('unusable')
  expect(certificateState({ ...made, ca: other.ca }, hostNames, EARLY)).toBe('unusable')
  expect(certificateState({ cert: 'x', key: 'y', ca: '' }, hostNames, EARLY)).toBe('unusable')
})

test('the first replica makes a Secret and the second takes it', async () => {
  const first = await store.current()
  expect(await storeOf().current()).toEqual(first)
  expect(await store.current()).toEqual(first)
  expect(maker.made).toHaveLength(1)
  const { type, data } = await readSecret()
  expect(type).toBe('kubernetes.io/tls')
  expect(Object.keys(data).sort()).toEqual(['ca.crt', 'tls.crt', 'tls.key'])
})

test('of two replicas that begin at once one wins, and both serve its certificate', async () => {
  const [one, other] = await Promise.all([store.current(), storeOf().current()])
  expect(one).toEqual(other)
  expect(writes()).toBe(2)
})

test('what is due is renewed, and the former authority is trusted for the time being', async () => {
  const first = await store.current()
  await clock.advance(LATE - EARLY)
  const second = await store.current()
  expect(second.cert).not.toBe(first.cert)
  expect(splitBundle(second.ca)).toEqual([maker.made[1].ca, first.ca])
})

test('what is due is served when it cannot be renewed', async () => {
  const first = await store.current()
  await clock.advance(LATE - EARLY)
  api.fail = (verb) => (verb === 'update' ? new Error('forbidden') : undefined)
  expect(await store.current()).toEqual(first)
  api.fail = (verb) => (verb === 'get' ? new Error('down') : undefined)
  await expect(store.current()).rejects.toThrow('down')
})

test('the Secret that MetalLB left is used, whatever is in it', async () => {
  const data = { 'ca.key': 'eA==', 'tls.crt': 'eA==', 'tls.key': 'eA==', 'ca.crt': 'eA==' }
  await api.create(resources.secrets, { metadata: { namespace, name }, type: 'Opaque', data } as KubeObject)
  await store.current()
  expect(await readSecret()).toMatchObject({ type: 'Opaque' })
  expect(Object.keys((await readSecret()).data)).not.toContain('ca.key')
})

test('bundles have the present authority first and forget strangers and the oldest', () => {
  const [a, b, c, d] = Array.from({ length: 4 }, () => makeAuthority(AUTHORITY_NAME).cert)
  const stranger = makeAuthority('cert').cert
  expect(splitBundle(mergeBundles(a, stranger + b, EARLY))).toEqual([a, b])
  expect(splitBundle(mergeBundles(a, b + c + d, EARLY))).toEqual([a, b, c])
  expect(mergeBundles(a, b, Date.UTC(2121, 0, 1))).toBe(a)
  expect(mergeBundles(a, 'nonsense', EARLY)).toBe(a)
  expect(containsBundle(a + b, b)).toBe(true)
  expect(containsBundle(a, a + b)).toBe(false)
})

const service = { namespace, name: 'metallb-webhook-service' }
const webhook = (part: string, to: object = service) => ({
  name: `${part}.metallb.io`,
  clientConfig: { service: { ...to, path: `/${part}` } },
})
const bundle = () => new CaBundle({ api, clock, service, configuration: 'metallb-webhook-configuration' })
const stored = async () => {
  const found = await api.get(validatingWebhookConfigurations, { name: 'metallb-webhook-configuration' })
  return (found as KubeObject & { webhooks: { clientConfig: { caBundle?: string } }[] }).webhooks.map(
    ({ clientConfig }) => clientConfig.caBundle && Buffer.from(clientConfig.caBundle, 'base64').toString(),
  )
}
const createConfiguration = (webhooks: object[]) =>
  api.create(validatingWebhookConfigurations, {
    metadata: { name: 'metallb-webhook-configuration' },
    webhooks,
  } as KubeObject)

test('the API server learns whom to trust, for our Service only', async () => {
  const { ca } = await maker.make(hostNames)
  await createConfiguration([webhook('a'), webhook('b', { ...service, name: 'other' }), webhook('c')])
  expect(await bundle().ensure(ca)).toBe('')
  expect(await stored()).toEqual([ca, undefined, ca])
  const before = api.requests.length
  await bundle().ensure(ca)
  expect(api.requests.slice(before).some((request) => request.startsWith('patch'))).toBe(false)
})

test('a replica that is behind does not take the newer authority away', async () => {
  const [first, second] = [await maker.make(hostNames), await maker.make(hostNames)]
  await createConfiguration([webhook('a')])
  await bundle().ensure(first.ca)
  await bundle().ensure(second.ca + first.ca)
  await bundle().ensure(first.ca)
  expect(await stored()).toEqual([second.ca + first.ca])
})

test('somebody who reorders the webhooks meanwhile makes it fail and not go wrong', async () => {
  const { ca } = await maker.make(hostNames)
  await createConfiguration([webhook('a'), webhook('b', { ...service, name: 'other' })])
  let once = true
  api.fail = (verb) => {
    if (verb !== 'patch' || !once) return undefined
    once = false
    const webhooks = [webhook('b', { ...service, name: 'other' }), webhook('a')]
    const key = { name: 'metallb-webhook-configuration' }
    void api.patch(validatingWebhookConfigurations, key, { webhooks }, { type: 'merge' })
    return undefined
  }
  await expect(bundle().ensure(ca)).rejects.toMatchObject({ code: 'FL_KUBE_INVALID' })
  await bundle().ensure(ca)
  expect(await stored()).toEqual([undefined, ca])
})

test("MetalLB's CRD, which is converted by a webhook, learns it too; ours has nothing to learn", async () => {
  const { ca } = await maker.make(hostNames)
  const metadata = { name: 'bgppeers.metallb.io' }
  expect(await bundle().ensure(ca)).toContain('there is no ValidatingWebhookConfiguration')
  await api.create(customResourceDefinitions, {
    metadata,
    spec: { conversion: { strategy: 'None' } },
  } as KubeObject)
  await bundle().ensure(ca)
  const { clientConfig } = webhook('convert')
  const conversion = { strategy: 'Webhook', webhook: { clientConfig } }
  await api.patch(customResourceDefinitions, metadata, { spec: { conversion } }, { type: 'merge' })
  await bundle().ensure(ca)
  expect(await api.get(customResourceDefinitions, metadata)).toMatchObject({
    spec: {
      conversion: { webhook: { clientConfig: { caBundle: Buffer.from(ca).toString('base64') } } },
    },
  })
})
