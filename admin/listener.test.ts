import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createAdminListener, createProbeListener } from './listener.ts'
import type { AdminSource } from './source.ts'

const ready = { ok: false, reason: 'first lists are not complete' }
const probes = {
  ready: () => ready,
  metrics: async () => ({ text: 'a_metric 1\n', contentType: 'text/plain; version=0.0.4' }),
}
const source = {
  component: 'speaker',
  status: async () => ({ component: 'speaker' }),
} as unknown as AdminSource

let server: Server | undefined
afterEach(() => server?.close())

async function get(path: string, init?: RequestInit): Promise<Response> {
  if (server?.listening !== true) await once((server as Server).listen(0, '127.0.0.1'), 'listening')
  const { port } = (server as Server).address() as AddressInfo
  return fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' }, ...init })
}

test.each([
  ['probes alone', () => createProbeListener(probes)],
  ['the admin API', () => createAdminListener({ ...probes, version: '1', source })],
])('%s: ready or why not, and metrics', async (_what, create) => {
  server = create()
  expect(await (await get('/healthz')).text()).toBe('ok\n')
  const answer = await get('/readyz')
  expect([answer.status, await answer.text()]).toEqual([503, 'first lists are not complete\n'])
  const metrics = await get('/metrics?name[]=a_metric')
  expect(metrics.headers.get('content-type')).toContain('version=0.0.4')
  expect(await metrics.text()).toBe('a_metric 1\n')
  const head = await get('/healthz', { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
})

test('metrics that cannot be read are an error of that request', async () => {
  server = createProbeListener({ ...probes, metrics: () => Promise.reject(new Error('no registry')) })
  const answer = await get('/metrics')
  expect([answer.status, await answer.text()]).toEqual([500, 'Error: no registry\n'])
})

test('with probes alone there is nothing else', async () => {
  server = createProbeListener(probes)
  expect((await get('/api/v1/status')).status).toBe(404)
  expect((await get('/healthz', { method: 'POST' })).status).toBe(404)
})

test('who asks first and who asks at the same time is answered as whoever asks later', async () => {
  server = createAdminListener({ ...probes, version: '1', source })
  await get('/healthz')
  const answers = await Promise.all([1, 2, 3].map(() => get('/api/v1/status')))
  answers.push(await get('/api/v1/status'))
  for (const answer of answers) expect(await answer.json()).toEqual({ component: 'speaker' })
  expect((await get('/api/v1/nothing')).status).toBe(404)
})

test('an admin API that cannot be made is an error of that request, not of the process', async () => {
  const broken = Object.defineProperty({ ...source }, 'component', {
    get: () => {
      throw new Error('not yet')
    },
  })
  server = createAdminListener({ ...probes, version: '1', source: broken })
  const answer = await get('/api/v1/status')
  expect([answer.status, await answer.json()]).toEqual([
    500,
    { code: 'FL_ADMIN_INTERNAL', message: 'Error: not yet' },
  ])
  expect((await get('/healthz')).status).toBe(200)
})
