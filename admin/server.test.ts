import { afterEach, describe, expect, test } from 'vitest'
import type { FastifyInstance } from 'fastify'
import type { KubeApi } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { tokenAuthorizer } from './auth.ts'
import { createAdminServer } from './server.ts'
import type { AdminSource } from './source.ts'

const empty = async () => ({ items: [] })
const source: AdminSource = {
  component: 'controller',
  status: async () => ({ component: 'controller', synced: true }),
  services: async () => ({ items: [{ name: 'web' }] }),
  service: async (key) => (key === 'default/web' ? { name: 'web' } : undefined),
  pools: empty,
  nodes: empty,
  layer2: empty,
  layer2Timeline: async (address = '') => ({ node: 'node1', address, held: true, interfaces: [], items: [] }),
  bgpPeers: empty,
  bfdSessions: empty,
  bgp: {
    routes: async (peer) => ({
      node: 'node1',
      peer,
      total: 1,
      items: [{ prefix: '192.0.2.1/32', state: 'sent', communities: ['64500:1'] }],
    }),
    messages: async (peer) => ({ node: 'node1', peer, items: [] }),
  },
  forwardingServices: async () => ({ items: [], unknown: 'ask a speaker' }),
  forwardingTrace: async ({ from, to }) => ({
    from,
    to,
    verdict: 'untouched',
    reason: '',
    service: '',
    frontend: '',
    endpoints: [],
    steps: [],
    note: '',
  }),
  forwardingDump: async (query) => ({
    head: { query },
    items: ['a/b', 'c/d'].map((service) => ({ head: { service }, elements: [{ mark: '=' }, { mark: '+' }] })),
    close: () => {},
  }),
  config: async () => ({ problems: [] }),
  simulate: async (request) => ({
    moves: [],
    loses: [{ service: 'a/b', from: ['10.0.0.1'], fromPool: 'p', to: [], toPool: '', why: 'gone' }],
    gains: [],
    unchanged: request.apply.length,
    problems: [{ asked: request }],
    ignored: [],
  }),
  evidence: async (key) => ({ key, service: undefined, loadBalancerClass: '' }),
}

const probes = {
  ready: () => ({ ok: false, reason: 'first lists are not complete' }),
  metrics: async () => ({ text: 'a_metric 1\n', contentType: 'text/plain; version=0.0.4' }),
}

let server: FastifyInstance | undefined
afterEach(() => server?.close())

const get = async (url: string, headers = {}) => (server as FastifyInstance).inject({ url, headers })

describe('behind a Unix socket', () => {
  test.each([
    'status',
    'services',
    'services/default/web',
    'services/default/web/explain',
    'pools',
    'nodes',
    'layer2',
    'layer2/timeline',
    'layer2/timeline?address=192.0.2.1',
    'bgp/peers',
    'bgp/routes?peer=tor-1',
    'bgp/messages?peer=tor-1',
    'bfd/sessions',
    'forwarding/services',
    'forwarding/trace?from=10.0.0.1&to=10.96.0.1:80&protocol=udp&interface=eth0',
    'forwarding/dump',
    'config',
  ])('/api/v1/%s answers JSON', async (path) => {
    server = await createAdminServer({ ...probes, version: '1', source })
    const answer = await get(`/api/v1/${path}`)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toBeTypeOf('object')
  })

  test('an unknown Service and a name that cannot be one are told apart', async () => {
    server = await createAdminServer({ ...probes, version: '1', source })
    expect((await get('/api/v1/services/default/no')).json()).toEqual({
      code: 'FL_ADMIN_NOT_FOUND',
      message: 'there is no Service default/no',
    })
    expect((await get('/api/v1/services/default/No_Name')).statusCode).toBe(400)
  })

  test('a dump is one JSON document, and its numbers are numbers', async () => {
    server = await createAdminServer({ ...probes, version: '1', source })
    const answer = await get('/api/v1/forwarding/dump?service=a/b&family=6&differences=true&limit=3')
    expect(answer.headers['content-type']).toContain('application/json')
    expect(answer.json()).toEqual({
      query: { service: 'a/b', family: 6, differences: true, limit: 3 },
      items: [
        { service: 'a/b', elements: [{ mark: '=' }, { mark: '+' }] },
        { service: 'c/d', elements: [{ mark: '=' }, { mark: '+' }] },
      ],
    })
  })

  test.each([
    ['trace?to=10.96.0.1:80', "'from'"],
    ['trace?from=10.0.0.1', "'to'"],
    ['dump?family=5', 'family'],
    ['dump?limit=0', 'limit'],
    ['dump?service=web', 'service'],
  ])('forwarding/%s is refused, and %s named', async (query, words) => {
    server = await createAdminServer({ ...probes, version: '1', source })
    const answer = await get(`/api/v1/forwarding/${query}`)
    expect([answer.statusCode, answer.json().message]).toEqual([400, expect.stringContaining(words)])
  })

  test('simulate takes objects of any form, and far more of them than another request may carry', async () => {
    server = await createAdminServer({ ...probes, version: '1', source })
    const ask = (payload: object) => server?.inject({ method: 'POST', url: '/api/v1/simulate', payload })
    const apply = [{ kind: 'IPAddressPool', spec: { addresses: ['10.0.0.0/24'], text: 'x'.repeat(5000) } }]
    const answer = await ask({ apply })
    expect(answer?.json()).toMatchObject({
      loses: [{ service: 'a/b', to: [], why: 'gone' }],
      unchanged: 1,
      problems: [{ asked: { apply, delete: [] } }],
    })
    expect((await ask({ apply: 'x', delete: 3 }))?.statusCode).toBe(400)
    expect((await ask({ apply: [{ text: 'x'.repeat(5 * 2 ** 20) }] }))?.statusCode).toBe(413)
  })

  test('a process that allocates nothing does not simulate', async () => {
    const { simulate: _without, ...speaker } = source
    server = await createAdminServer({
      ...probes,
      version: '1',
      source: { ...speaker, component: 'speaker' },
    })
    expect((await server.inject({ method: 'POST', url: '/api/v1/simulate', payload: {} })).statusCode).toBe(
      404,
    )
  })

  test('the dashboard is there, and may load nothing from elsewhere', async () => {
    server = await createAdminServer({ ...probes, version: '1', source })
    for (const path of ['/', '/dashboard/style.css', '/dashboard/page.js']) {
      const answer = await get(path)
      expect([path, answer.statusCode]).toEqual([path, 200])
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
    }
  })

  test('the OpenAPI document lists every path', async () => {
    server = await createAdminServer({ ...probes, version: '1', source })
    const { paths } = (await get('/openapi.json')).json()
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        '/healthz',
        '/api/v1/services/{namespace}/{name}',
        '/api/v1/bgp/peers',
        '/api/v1/forwarding/trace',
        '/api/v1/forwarding/dump',
        '/api/v1/simulate',
      ]),
    )
  })
})

describe('with bearer tokens', () => {
  let now = 0
  let reviews = 0
  const clock = { now: () => now, setTimeout: () => ({ cancel: () => {} }) }
  const api = {
    create: async (resource: { kind: string }, object: { spec: { token?: string; user?: string } }) => {
      if (resource.kind === 'TokenReview') {
        reviews++
        if (object.spec.token === 'outage') throw new KubeError('FL_KUBE_UNREACHABLE', 'connection refused')
        const authenticated = object.spec.token !== 'wrong'
        return { metadata: { name: '' }, status: { authenticated, user: { username: object.spec.token } } }
      }
      return { metadata: { name: '' }, status: { allowed: object.spec.user === 'admin' } }
    },
  } as unknown as KubeApi

  test.each([
    ['no token', {}, 401],
    ['a token the API server does not know', { authorization: 'Bearer wrong' }, 401],
    ['a user who may not', { authorization: 'Bearer guest' }, 403],
    ['a user who may', { authorization: 'Bearer admin' }, 200],
    ['no API server to ask', { authorization: 'Bearer outage' }, 503],
  ])('%s: %j is %i', async (_who, headers, status) => {
    server = await createAdminServer({
      ...probes,
      version: '1',
      source,
      authorize: tokenAuthorizer(api, clock),
    })
    expect((await get('/api/v1/services', headers)).statusCode).toBe(status)
    expect((await get('/healthz')).statusCode).toBe(200)
  })

  test('a decision is remembered for a minute', async () => {
    server = await createAdminServer({
      ...probes,
      version: '1',
      source,
      authorize: tokenAuthorizer(api, clock),
    })
    reviews = 0
    for (let count = 0; count < 3; count++) await get('/api/v1/services', { authorization: 'Bearer admin' })
    expect(reviews).toBe(1)
    now += 61_000
    await get('/api/v1/services', { authorization: 'Bearer admin' })
    expect(reviews).toBe(2)
  })
})
