import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseConfig } from '#crds/parse.ts'
import { noObjects, raw } from '#crds/test-objects.ts'
import type { KubeObject } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger, type Logger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { validatingWebhookConfigurations } from './ca-bundle.ts'
import { TestMaker } from './test-maker.ts'
import { namespace, requestOf } from './test-requests.ts'
import { Webhook, webhookNames } from './webhook.ts'

const POOL_PATH = '/validate-metallb-io-v1beta1-ipaddresspool'
const servername = `${webhookNames.service}.${namespace}.svc`
const EARLY = Date.UTC(2030, 0, 1)
const LATE = Date.UTC(2090, 0, 1)

let clock: TestClock
/** added to the time, without the timers of sixty years */
let later: number
let api: FakeKubeApi
let maker: TestMaker
let webhook: Webhook
let ready: boolean
let lines: string[]
let reviews: string[]

const log: Logger = {
  ...silentLogger,
  info: (fields, message) => void lines.push(JSON.stringify([fields, message])),
  warn: (fields, message) => void lines.push(JSON.stringify([fields, message])),
  error: (fields, message) => void lines.push(JSON.stringify([fields, message])),
}

beforeEach(async () => {
  clock = new TestClock(EARLY)
  later = 0
  api = new FakeKubeApi({ clock })
  maker = new TestMaker()
  ready = true
  lines = []
  reviews = []
  const objects = { ...noObjects, pools: [raw('old', { addresses: ['10.0.0.0/24'] })] }
  webhook = new Webhook({
    api,
    clock: { now: () => clock.now() + later, setTimeout: (run, ms) => clock.setTimeout(run, ms) },
    log,
    namespace,
    maker,
    onReview: (kind, verdict) => reviews.push(`${kind} ${verdict}`),
    host: '127.0.0.1',
    port: 0,
    world: () => (ready ? { objects, ...parseConfig(objects) } : undefined),
  })
  await api.create(validatingWebhookConfigurations, {
    metadata: { name: webhookNames.configuration },
    webhooks: [
      {
        name: 'ipaddresspoolvalidationwebhook.metallb.io',
        clientConfig: { service: { name: webhookNames.service, namespace, path: POOL_PATH } },
      },
    ],
  } as KubeObject)
  await webhook.start()
  await clock.advance(10)
})

afterEach(() => webhook.stop())

/** What the API server was told to trust. */
async function trusted(): Promise<string> {
  const found = await api.get(validatingWebhookConfigurations, { name: webhookNames.configuration })
  const [first] = (found as KubeObject & { webhooks: { clientConfig: { caBundle: string } }[] }).webhooks
  return Buffer.from(first.clientConfig.caBundle, 'base64').toString()
}

async function post(path: string, body: string, method = 'POST'): Promise<{ status: number; body: unknown }> {
  const asking = request({
    host: '127.0.0.1',
    port: webhook.port,
    servername,
    ca: await trusted(),
    method,
    path: `${path}?timeout=10s`,
    agent: false,
    headers: { 'content-type': 'application/json' },
  })
  asking.end(body)
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of response) text += String(part)
  return { status: response.statusCode ?? 0, body: JSON.parse(text) }
}

function review(address: string): string {
  const { kind, ...rest } = requestOf('pools', raw('new', { addresses: [address] }))
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { ...rest, kind: { group: 'metallb.io', version: 'v1beta1', kind } },
  })
}

test('the API server is answered over TLS that it was told to trust', async () => {
  expect(await post(POOL_PATH, review('10.0.1.0/24'))).toMatchObject({
    status: 200,
    body: { kind: 'AdmissionReview', response: { uid: 'u1', allowed: true } },
  })
  expect(await post(POOL_PATH, review('10.0.0.0/16'))).toMatchObject({
    body: {
      response: { allowed: false, status: { code: 403, message: expect.stringContaining('overlaps') } },
    },
  })
  expect(reviews).toEqual(['pools allowed', 'pools denied'])
})

test('BGPPeers are converted at the path that MetalLB names', async () => {
  const peer = { apiVersion: 'metallb.io/v1beta1', kind: 'BGPPeer', metadata: { name: 'p' }, spec: {} }
  const body = JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'ConversionReview',
    request: { uid: 'c', desiredAPIVersion: 'metallb.io/v1beta2', objects: [peer] },
  })
  expect(await post('/convert', body)).toMatchObject({
    status: 200,
    body: { response: { convertedObjects: [{ apiVersion: 'metallb.io/v1beta2' }] } },
  })
})

test.each([
  ['another path', '/', 'POST', '{}', 404],
  ['another method', POOL_PATH, 'GET', '', 405],
  ['what is not JSON', POOL_PATH, 'POST', '{', 400],
  ['what is no review', POOL_PATH, 'POST', '{}', 400],
  ['a body without end', POOL_PATH, 'POST', 'x'.repeat(17 * 1024 * 1024), 413],
])('%s is refused', async (_what, path, method, body, status) => {
  const answered = post(path, body, method)
  // The server may close before it has read what it refuses.
  const refused = await answered.catch((error: NodeJS.ErrnoException) => ({ status: error.code }))
  expect([status, 'EPIPE', 'ECONNRESET']).toContain(refused.status)
  expect(await post(POOL_PATH, review('10.0.1.0/24'))).toMatchObject({ status: 200 })
})

test('before the configuration is known nothing is judged', async () => {
  ready = false
  expect(await post(POOL_PATH, review('10.0.1.0/24'))).toMatchObject({ status: 400 })
})

test('a renewed certificate is served without a restart, and both are trusted meanwhile', async () => {
  const before = await trusted()
  later = LATE - EARLY
  await clock.advance(61_000)
  expect(maker.made).toHaveLength(2)
  expect(await trusted()).toBe(maker.made[1].ca + before)
  const socket = connect({ host: '127.0.0.1', port: webhook.port, servername, ca: maker.made[1].ca })
  await once(socket, 'secureConnect')
  expect(socket.authorized).toBe(true)
  socket.destroy()
  expect(await post(POOL_PATH, review('10.0.1.0/24'))).toMatchObject({ status: 200 })
})

test('a caBundle that somebody takes away comes back', async () => {
  const before = await trusted()
  const cleared = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }]
  await api.patch(validatingWebhookConfigurations, { name: webhookNames.configuration }, cleared, {
    type: 'json',
  })
  await clock.advance(61_000)
  expect(await trusted()).toBe(before)
})

test('no log line has the key', async () => {
  later = LATE - EARLY
  await clock.advance(61_000)
  await post(POOL_PATH, review('10.0.0.0/16'))
  expect(lines.some((line) => line.includes('denied'))).toBe(true)
  expect(lines.join('\n')).not.toMatch(/PRIVATE KEY|BEGIN/)
})

test('an outage of the API server leaves the webhook as it is', async () => {
  const ca = await trusted()
  api.outage(true)
  await clock.advance(600_000)
  api.outage(false)
  await clock.advance(61_000)
  expect(await trusted()).toBe(ca)
  expect(maker.made).toHaveLength(1)
  expect((await api.get(resources.secrets, { namespace, name: webhookNames.secret })).metadata.name).toBe(
    webhookNames.secret,
  )
})
