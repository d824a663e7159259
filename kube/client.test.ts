import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { KubeObject, WatchEvent } from './api.ts'
import { KubeClient } from './client.ts'
import type { KubeClientOptions } from './client.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { noCredentials } from './credentials.ts'
import { Reflector } from './reflector.ts'
import { resources } from './resources.ts'
import { TestClock } from './test-clock.ts'
import { sendJson, TestServer } from './test-server.ts'
import type { Script } from './test-server.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function make(script: Script, options: Partial<KubeClientOptions> = {}) {
  const server = await new TestServer(script).listen()
  const client = new KubeClient({
    server: `http://127.0.0.1:${server.port}`,
    credentials: noCredentials,
    userAgent: 'fairlead-test/1',
    requestTimeoutMs: 5000,
    ...options,
  })
  cleanups.push(
    () => server.close(),
    () => client.close(),
  )
  return { server, client }
}

const web = { namespace: 'shop', name: 'web' }
const event = (type: string, name: string, version: number) =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: String(version) } } })}\n`
const initialEnd = (version: number) =>
  `${JSON.stringify({
    type: 'BOOKMARK',
    object: {
      metadata: { resourceVersion: String(version), annotations: { 'k8s.io/initial-events-end': 'true' } },
    },
  })}\n`

const stream = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'application/json' })

async function collect(events: AsyncIterable<WatchEvent>, into: string[]): Promise<void> {
  for await (const { type, object } of events) into.push(`${type} ${object.metadata.name}`)
}

const watchOptions = { timeoutSeconds: 300, resourceVersion: '1', signal: new AbortController().signal }

describe('KubeClient requests', () => {
  it('says each verb as the API wants it', async () => {
    const asked: unknown[] = []
    const { client, server } = await make((request, response) => {
      asked.push({
        method: request.method,
        url: request.url,
        type: request.headers['content-type'],
        body: request.body === '' ? undefined : JSON.parse(request.body),
      })
      sendJson(response, 200, { metadata: { name: 'web' }, items: null })
    })
    const object = { metadata: web } as KubeObject
    await client.get(resources.services, web)
    await client.list(resources.nodes, { labelSelector: 'a=b', limit: 5, continue: 'x y' })
    await client.create(resources.services, object, { fieldManager: 'me' })
    await client.update(resources.services, object, { subresource: 'status' })
    await client.patch(resources.services, web, { a: 1 }, { type: 'merge', subresource: 'status' })
    await client.patch(resources.services, web, [], { type: 'json' })
    await client.patch(
      resources.services,
      web,
      { metadata: web },
      { type: 'apply', fieldManager: 'me', force: true },
    )
    await client.delete(resources.services, web)
    const path = '/api/v1/namespaces/shop/services'
    const json = 'application/json'
    const typed = { apiVersion: 'v1', kind: 'Service', metadata: web }
    expect(asked).toEqual([
      { method: 'GET', url: `${path}/web` },
      { method: 'GET', url: '/api/v1/nodes?labelSelector=a%3Db&limit=5&continue=x+y' },
      { method: 'POST', url: `${path}?fieldManager=me`, type: json, body: typed },
      { method: 'PUT', url: `${path}/web/status`, type: json, body: typed },
      { method: 'PATCH', url: `${path}/web/status`, type: 'application/merge-patch+json', body: { a: 1 } },
      { method: 'PATCH', url: `${path}/web`, type: 'application/json-patch+json', body: [] },
      {
        method: 'PATCH',
        url: `${path}/web?fieldManager=me&force=true`,
        type: 'application/apply-patch+yaml',
        body: typed,
      },
      { method: 'DELETE', url: `${path}/web` },
    ])
    expect(server.requests).toHaveLength(8)
  })

  it('sends who it is, and keeps the path of a proxy in front', async () => {
    let seen: unknown
    const { client, server } = await make(
      ({ headers }, response) => {
        seen = [headers['user-agent'], headers['accept'], headers.authorization]
        sendJson(response, 200, {})
      },
      { credentials: { ...noCredentials, headers: async () => ({ authorization: 'Bearer t' }) } },
    )
    await client.get(resources.nodes, { name: 'n' })
    expect(seen).toEqual(['fairlead-test/1', 'application/json', 'Bearer t'])
    const behind = new KubeClient({
      server: `http://127.0.0.1:${server.port}/k8s/c1/`,
      credentials: noCredentials,
      userAgent: 'x',
    })
    cleanups.push(() => behind.close())
    await behind.get(resources.nodes, { name: 'n' })
    expect(server.requests.at(-1)).toBe('GET /k8s/c1/api/v1/nodes/n')
  })

  it('lists with version and continue token', async () => {
    const { client } = await make((_request, response) =>
      sendJson(response, 200, {
        metadata: { resourceVersion: '7', continue: 'more' },
        items: [{ metadata: web }],
      }),
    )
    expect(await client.list(resources.services, {})).toEqual({
      items: [{ metadata: web }],
      resourceVersion: '7',
      continue: 'more',
    })
  })

  it('turns refusals into coded errors, with what the server says about waiting', async () => {
    const { client } = await make((_request, response) => {
      response.setHeader('retry-after', '3')
      sendJson(response, 429, { kind: 'Status', reason: 'TooManyRequests', message: 'later' })
    })
    await expect(client.get(resources.services, web)).rejects.toMatchObject({
      name: 'KubeError',
      code: 'FL_KUBE_THROTTLED',
      status: 429,
      reason: 'TooManyRequests',
      message: 'later',
      retryAfterMs: 3000,
    })
  })

  it('quotes a 500 that is no JSON', async () => {
    const { client } = await make((_request, response) => response.writeHead(502).end('<h1>bad gateway</h1>'))
    await expect(client.get(resources.services, web)).rejects.toMatchObject({
      code: 'FL_KUBE_SERVER',
      message: '<h1>bad gateway</h1>',
    })
  })

  it('refuses garbage with status 200', async () => {
    const { client } = await make((_request, response) => response.end('{"metadata": {"na'))
    await expect(client.get(resources.services, web)).rejects.toMatchObject({ code: 'FL_KUBE_STREAM' })
  })

  it('gives up a server that never answers, or stops in the middle of an answer', async () => {
    const clock = new TestClock()
    const { client, server } = await make(() => undefined, { clock, requestTimeoutMs: 10_000 })
    const timeout = { code: 'FL_KUBE_UNREACHABLE', status: 0, reason: 'Timeout' }
    const timesOut = async (request: Promise<unknown>, asked: number) => {
      const refused = expect(request).rejects.toMatchObject(timeout)
      await vi.waitFor(() => expect(server.requests).toHaveLength(asked))
      await clock.advance(9999)
      expect(clock.pending).toBe(1)
      await clock.advance(1)
      await refused
    }
    await timesOut(client.get(resources.services, web), 1)
    await timesOut(collect(client.watch(resources.services, watchOptions), []), 2)
    server.script = (_request, response) => void response.writeHead(200).write('{"metadata"')
    await timesOut(client.get(resources.services, web), 3)
    expect(clock.pending).toBe(0)
  })

  it('does not send what nobody waits for any more when there is a connection at last', async () => {
    const clock = new TestClock()
    const tls = Promise.withResolvers<object>()
    const { client, server } = await make(
      (_request, response) => sendJson(response, 200, { metadata: { name: 'n' } }),
      { clock, requestTimeoutMs: 10_000, credentials: { ...noCredentials, tls: () => tls.promise } },
    )
    const late = expect(client.get(resources.nodes, { name: 'late' })).rejects.toMatchObject({
      reason: 'Timeout',
    })
    await clock.advance(10_000)
    await late
    const next = client.get(resources.nodes, { name: 'next' })
    tls.resolve({})
    await next
    expect(server.requests).toEqual(['GET /api/v1/nodes/next'])
  })

  it('gives back what it was given when nobody reads the answer, and refusals all the same', async () => {
    const { client, server } = await make((_request, response) => response.end('{"metadata": {"na'))
    const object = { metadata: web } as KubeObject
    expect(await client.create(resources.services, object, { unread: true })).toBe(object)
    server.script = (_request, response) => sendJson(response, 409, { reason: 'AlreadyExists' })
    await expect(client.create(resources.services, object, { unread: true })).rejects.toMatchObject({
      code: 'FL_KUBE_EXISTS',
    })
  })

  it('takes an answer in many pieces, cut inside a character', async () => {
    const { client } = await make(async (_request, response) => {
      stream(response)
      for (const byte of Buffer.from('{"metadata":{"name":"ä"}}')) {
        response.write(Buffer.of(byte))
        await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    })
    expect(await client.get(resources.nodes, { name: 'n' })).toEqual({ metadata: { name: 'ä' } })
  })

  it('says why it could not connect, and what broke', async () => {
    const { client, server } = await make((request) => request.socket.destroy())
    await expect(client.get(resources.services, web)).rejects.toMatchObject({ code: 'FL_KUBE_UNREACHABLE' })
    await server.close()
    await expect(client.get(resources.services, web)).rejects.toMatchObject({
      code: 'FL_KUBE_UNREACHABLE',
      reason: 'ECONNREFUSED',
      message: expect.stringMatching(/^GET http:.*services\/web: .*ECONNREFUSED/),
    })
  })

  it('asks for credentials again after a 401, once', async () => {
    let current = 'old'
    let forgotten = 0
    const { client, server } = await make(
      ({ headers }, response) =>
        headers.authorization === 'Bearer new'
          ? sendJson(response, 200, { metadata: web })
          : sendJson(response, 401, { reason: 'Unauthorized' }),
      {
        credentials: {
          ...noCredentials,
          headers: async () => ({ authorization: `Bearer ${current}` }),
          forget: () => {
            forgotten++
            if (forgotten > 1) current = 'new'
            return true
          },
        },
      },
    )
    await expect(client.get(resources.services, web)).rejects.toMatchObject({ code: 'FL_KUBE_UNAUTHORIZED' })
    expect(server.requests).toHaveLength(2)
    expect(await client.get(resources.services, web)).toEqual({ metadata: web })
  })

  it('does not wait for credentials for ever', async () => {
    const { client } = await make((_request, response) => sendJson(response, 200, {}), {
      requestTimeoutMs: 50,
      credentials: { ...noCredentials, headers: () => new Promise(() => {}) },
    })
    await expect(client.get(resources.services, web)).rejects.toMatchObject({ reason: 'Timeout' })
  })

  it('refuses a server that is no URL', () => {
    for (const server of ['', 'host:6443', 'ftp://x']) {
      const options = { server, credentials: noCredentials, userAgent: 'x' }
      expect(() => new KubeClient(options)).toThrow(expect.objectContaining({ code: 'FL_KUBE_CONFIG' }))
    }
  })

  it('keeps connections, and watches do not take those of requests', async () => {
    const sockets = new Set<unknown>()
    const { client } = await make((request, response) => {
      if (request.url?.includes('watch=true')) return void response.writeHead(200).flushHeaders()
      sockets.add(request.socket)
      sendJson(response, 200, { metadata: web })
    })
    const controller = new AbortController()
    const watches = Array.from({ length: 20 }, () =>
      collect(client.watch(resources.nodes, { ...watchOptions, signal: controller.signal }), []),
    )
    for (let time = 0; time < 5; time++) await client.get(resources.services, web)
    expect(sockets.size).toBeLessThan(3)
    controller.abort()
    await Promise.all(watches)
  })
})

describe('KubeClient watch', () => {
  it('asks for bookmarks, and for initial events when told', async () => {
    const { client, server } = await make((_request, response) => stream(response).end())
    await collect(
      client.watch(resources.services, { ...watchOptions, namespace: 'a', fieldSelector: 'x=y' }),
      [],
    )
    const { signal } = watchOptions
    await collect(client.watch(resources.nodes, { sendInitialEvents: true, timeoutSeconds: 60, signal }), [])
    const queries = server.requests.map((request) => {
      const url = new URL(request.split(' ')[1]!, 'http://x')
      return [url.pathname, Object.fromEntries(url.searchParams)]
    })
    const always = { watch: 'true', allowWatchBookmarks: 'true' }
    expect(queries).toEqual([
      [
        '/api/v1/namespaces/a/services',
        { ...always, resourceVersion: '1', fieldSelector: 'x=y', timeoutSeconds: '300' },
      ],
      [
        '/api/v1/nodes',
        {
          ...always,
          sendInitialEvents: 'true',
          resourceVersionMatch: 'NotOlderThan',
          timeoutSeconds: '60',
        },
      ],
    ])
  })

  it('gives events as they come, however the bytes are cut, and ends with the server', async () => {
    const { client } = await make(async (_request, response) => {
      stream(response)
      for (const byte of Buffer.from(event('ADDED', 'ä', 1) + event('MODIFIED', 'b', 2))) {
        response.write(Buffer.of(byte))
        await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    })
    const seen: string[] = []
    await collect(client.watch(resources.nodes, watchOptions), seen)
    expect(seen).toEqual(['ADDED ä', 'MODIFIED b'])
  })

  it.each([
    [
      'a line cut by the end',
      (response: ServerResponse) => response.end(event('ADDED', 'b', 2).slice(0, 20)),
      'FL_KUBE_STREAM',
    ],
    ['a line that is no JSON', (response: ServerResponse) => response.end('<html>\n'), 'FL_KUBE_STREAM'],
    [
      'a line that is too long',
      (response: ServerResponse) => response.end('x'.repeat(2000)),
      'FL_KUBE_STREAM',
    ],
    ['a connection that breaks', (response: ServerResponse) => response.destroy(), 'FL_KUBE_UNREACHABLE'],
  ] as const)('throws on %s, after what came before it', async (_what, breakIt, code) => {
    const { client } = await make(
      (_request, response) => {
        stream(response).write(event('ADDED', 'a', 1), () => breakIt(response))
      },
      { lineLimit: 1000 },
    )
    const seen: string[] = []
    await expect(collect(client.watch(resources.nodes, watchOptions), seen)).rejects.toMatchObject({ code })
    expect(seen).toEqual(['ADDED a'])
  })

  it('throws what the server says instead of a stream', async () => {
    const { client } = await make((_request, response) => sendJson(response, 410, { reason: 'Expired' }))
    await expect(collect(client.watch(resources.nodes, watchOptions), [])).rejects.toMatchObject({
      code: 'FL_KUBE_GONE',
      reason: 'Expired',
    })
  })

  it('outlives the request timeout once it has begun, and ends quietly when aborted', async () => {
    const clock = new TestClock()
    let answer: ServerResponse | undefined
    const { client } = await make(
      (_request, response) => {
        answer = stream(response)
        answer.write(event('ADDED', 'a', 1))
      },
      { clock },
    )
    const controller = new AbortController()
    const seen: string[] = []
    const options = { ...watchOptions, signal: controller.signal }
    for await (const { object } of client.watch(resources.nodes, options)) {
      seen.push(object.metadata.name)
      await clock.advance(3_600_000)
      if (seen.length === 2) controller.abort()
      else answer?.write(event('ADDED', 'b', 2))
    }
    expect(seen).toEqual(['a', 'b'])
    const aborted = client.watch(resources.nodes, { ...watchOptions, signal: AbortSignal.abort() })
    expect(await aborted.next()).toEqual({ done: true, value: undefined })
  })

  it('closes the connection when nobody reads on', async () => {
    let closed: Promise<unknown> | undefined
    const { client } = await make((_request, response) => {
      closed = new Promise((resolve) => response.on('close', resolve))
      stream(response).write(event('ADDED', 'a', 1))
    })
    for await (const _event of client.watch(resources.nodes, watchOptions)) break
    await closed
  })
})

describe('Reflector over HTTP', () => {
  // Back-off takes no time, and no silence is too long.
  const clock: Clock = {
    now: () => systemClock.now(),
    setTimeout: (run, ms) => systemClock.setTimeout(run, ms < 10_000 ? 0 : ms),
  }

  it('gets everything in the end from a server that fails in every way', async () => {
    const seen: string[] = []
    const requestClock = new TestClock()
    const scripts: Script[] = [
      (_request, response) => response.writeHead(500).end('broken'),
      (request) => void request.socket.destroy(),
      () => void requestClock.advance(10_000),
      (_request, response) => {
        response.write(event('ADDED', 'a', 1) + event('ADDED', 'b', 2) + initialEnd(2))
        response.end(event('ADDED', 'c', 3) + event('MODIFIED', 'a', 4).slice(0, 30))
      },
      (_request, response) => response.end('garbage\n'),
      (_request, response) => {
        response.write(event('MODIFIED', 'a', 4), () => response.destroy())
      },
      (_request, response) => response.end(event('DELETED', 'b', 5)),
      (_request, response) => sendJson(response, 410, { reason: 'Expired' }),
      (_request, response) => sendJson(response, 422, { reason: 'Invalid' }),
      (_request, response) =>
        sendJson(response, 200, {
          metadata: { resourceVersion: '9' },
          items: [
            { metadata: { name: 'a', resourceVersion: '4' } },
            { metadata: { name: 'd', resourceVersion: '8' } },
          ],
        }),
      (_request, response) => {
        const status = { metadata: {}, code: 410, reason: 'Expired', message: 'too old' }
        response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
      },
      (_request, response) =>
        sendJson(response, 200, {
          metadata: { resourceVersion: '12' },
          items: [{ metadata: { name: 'e', resourceVersion: '11' } }],
        }),
      (_request, response) => void response.write(event('ADDED', 'f', 13)),
    ]
    const { client, server } = await make(
      (request, response) => {
        const query = new URL(request.url!, 'http://x').searchParams
        const how = query.get('sendInitialEvents') ? 'initial' : (query.get('resourceVersion') ?? 'list')
        seen.push(how)
        scripts[seen.length - 1]?.(request, response)
      },
      { clock: requestClock, requestTimeoutMs: 10_000 },
    )
    const changes: string[] = []
    const reflector = new Reflector({
      api: client,
      resource: resources.nodes,
      project: (object) => object.metadata.resourceVersion,
      clock,
    })
    reflector.onChange(({ key, previous, current }) =>
      changes.push(`${key} ${previous ?? '-'} ${current ?? '-'}`),
    )
    const finished = new Promise<void>((resolve) => reflector.onChange(({ key }) => key === 'f' && resolve()))
    reflector.start()
    await finished
    reflector.stop()
    expect(seen.join(' ')).toBe('initial initial initial initial 3 3 4 5 initial list 9 list 12')
    expect(server.requests.filter((request) => request.includes('limit=500'))).toHaveLength(2)
    expect(changes.join(', ')).toBe(
      'a - 1, b - 2, c - 3, a 1 4, b 2 -, c 3 -, d - 8, a 4 -, d 8 -, e - 11, f - 13',
    )
    expect([...reflector.store]).toEqual([
      ['e', '11'],
      ['f', '13'],
    ])
  })
})
