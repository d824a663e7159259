import { spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { KubeClient } from '#kube/client.ts'
import { resources } from '#kube/resources.ts'
import { parse } from 'yaml'
import type { ApiServer } from '../server.ts'
import { ask, makeServer } from '../test-server.ts'
import { negotiate } from './accept.ts'
import { resourcePath } from './route.ts'

let closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing) await close()
  closing = []
})

async function setUp(options: Parameters<typeof makeServer>[0] = {}) {
  const server = makeServer(options)
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  closing.push(() => server.close())
  const api = server.local()
  await server.settled()
  const configMap = (name: string, data: Record<string, string> = {}) =>
    api.create(resources.leases, {
      metadata: { namespace: 'default', name },
      spec: data,
    } as KubeObject)
  return {
    server,
    port,
    api,
    configMap,
    get: (path: string, how = {}) => ask(server, port, 'GET', path, how),
  }
}

function client(server: ApiServer, port: number): KubeClient {
  const made = new KubeClient({
    server: `https://127.0.0.1:${port}`,
    userAgent: 'test',
    credentials: {
      headers: () => Promise.resolve({ authorization: 'Bearer admin' }),
      tls: () => Promise.resolve({ ca: server.ca }),
      forget: () => false,
    },
  })
  closing.unshift(() => made.close())
  return made
}

const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
const json = (body: string) => JSON.parse(body)

describe('paths', () => {
  it.each([
    ['api/v1/pods', { group: '', version: 'v1', plural: 'pods' }],
    ['api/v1/namespaces', { group: '', version: 'v1', plural: 'namespaces' }],
    ['api/v1/namespaces/a', { group: '', version: 'v1', plural: 'namespaces', name: 'a' }],
    [
      'api/v1/namespaces/a/status',
      { group: '', version: 'v1', plural: 'namespaces', name: 'a', subresource: 'status' },
    ],
    ['api/v1/namespaces/a/pods', { group: '', version: 'v1', plural: 'pods', namespace: 'a' }],
    [
      'apis/apps/v1/namespaces/a/deployments/d/scale',
      {
        group: 'apps',
        version: 'v1',
        plural: 'deployments',
        namespace: 'a',
        name: 'd',
        subresource: 'scale',
      },
    ],
    ['apis/apps/v1', undefined],
    ['api/v1', undefined],
    ['version', undefined],
    ['api/v1/namespaces/a/pods/p/x/y', undefined],
  ])('%s', (path, expected) => {
    expect(resourcePath(path.split('/'))).toEqual(expected)
  })
})

describe('forms', () => {
  it.each([
    [undefined, 'json'],
    ['*/*', 'json'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'table'],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json', 'json'],
    ['application/vnd.kubernetes.protobuf,application/json', 'json'],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'partial'],
    ['application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', 'discovery'],
    ['application/yaml', 'yaml'],
    ['application/vnd.kubernetes.protobuf', undefined],
  ])('%s is %s', (accept, as) => {
    expect(negotiate(accept)?.as).toBe(as)
  })
})

describe('access', () => {
  it('needs a token, except for probes', async () => {
    const { get } = await setUp()
    expect((await get('/api/v1/pods', { token: 'wrong' })).status).toBe(401)
    expect((await get('/readyz', { token: 'wrong' })).body).toBe('ok')
    expect((await get('/version')).status).toBe(200)
  })

  it('reviews tokens and access truthfully', async () => {
    const { api } = await setUp({
      rules: [{ users: ['nobody'], verbs: ['get'], nonResourceURLs: ['/metrics'] }],
    })
    const review = async (kind: 'tokenReviews' | 'subjectAccessReviews', spec: object) => {
      const answer = await api.create(resources[kind], { metadata: {}, spec } as unknown as KubeObject)
      return (answer as { status?: unknown }).status
    }
    expect(await review('tokenReviews', { token: 'nobody' })).toMatchObject({
      authenticated: true,
      user: { username: 'nobody', groups: ['system:authenticated'] },
    })
    expect(await review('tokenReviews', { token: 'wrong' })).not.toHaveProperty('authenticated')
    const may = (user: string, groups: string[], path: string) =>
      review('subjectAccessReviews', { user, groups, nonResourceAttributes: { verb: 'get', path } })
    expect(await may('nobody', [], '/metrics')).toMatchObject({ allowed: true })
    expect(await may('nobody', [], '/other')).toEqual({ allowed: false })
    expect(await may('x', ['system:masters'], '/other')).toMatchObject({ allowed: true })
  })

  it('reads access off stored roles, and knows service accounts by their tokens', async () => {
    const { server, port, api } = await setUp()
    server.applyManifest([
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bob' } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'r' },
        rules: [{ apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'b' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
        subjects: [{ kind: 'ServiceAccount', name: 'bob', namespace: 'default' }],
      },
    ] as KubeObject[])
    const path = '/api/v1/namespaces/default/serviceaccounts/bob/token'
    const asked = await ask(server, port, 'POST', path, { body: '{"spec":{"expirationSeconds":600}}' })
    const { token } = json(asked.body).status
    const mine = await ask(server, port, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      token,
      body: JSON.stringify({
        spec: {
          resourceAttributes: { verb: 'get', resource: 'pods', subresource: 'log', namespace: 'default' },
        },
      }),
    })
    expect(json(mine.body).status).toMatchObject({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/default" of Role "r" to ServiceAccount "bob/default"',
    })
    await api.delete(
      { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true },
      { namespace: 'default', name: 'bob' },
    )
    expect((await ask(server, port, 'GET', '/version', { token })).status).toBe(401)
  })
})

describe('enforced access', () => {
  it('allows what roles grant, discovery, and reviews of oneself', async () => {
    const { server, port, get } = await setUp({ authorization: 'rbac' })
    server.applyManifest([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: 'reader' },
        rules: [
          { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list'] },
          { apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'], verbs: ['list', 'watch'] },
        ],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'nobody' },
        roleRef: { kind: 'ClusterRole', name: 'reader' },
        subjects: [{ kind: 'User', name: 'nobody' }],
      },
    ] as unknown as KubeObject[])
    const token = 'nobody'
    const status = async (path: string) => (await get(path, { token })).status
    expect(await status(leases)).toBe(200)
    expect(await status(`${leases}?watch=1`)).toBe(403)
    const configMaps = '/api/v1/namespaces/default/configmaps'
    expect(await status(configMaps)).toBe(403)
    expect(await status(`${configMaps}?fieldSelector=metadata.name%3Done`)).toBe(200)
    expect(await status(`${configMaps}?fieldSelector=metadata.name%3Dtwo`)).toBe(403)
    expect(await status(`${configMaps}?fieldSelector=metadata.name!%3Done`)).toBe(403)
    expect(await status('/apis')).toBe(200)
    expect(await status('/metrics')).toBe(403)
    const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    expect((await ask(server, port, 'POST', review, { token, body: '{}' })).status).toBe(201)
    const refused = await get('/api/v1/namespaces/default/secrets/s', { token })
    expect(json(refused.body)).toMatchObject({
      reason: 'Forbidden',
      message:
        'secrets "s" is forbidden: User "nobody" cannot get resource "secrets" in API group "" in the namespace "default"',
    })
    expect((await get('/api/v1/namespaces/default/secrets/s')).status).toBe(404)
  })
})

describe('answers', () => {
  it('come as tables, metadata, YAML', async () => {
    const { get, configMap } = await setUp()
    await configMap('a', { holderIdentity: 'me' })
    const table = json(
      (await get(leases, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } })).body,
    )
    expect(table).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Holder' }, { name: 'Age' }],
      rows: [
        { cells: ['a', 'me', expect.stringMatching(/^\d+s$/)], object: { kind: 'PartialObjectMetadata' } },
      ],
    })
    const partial = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' }
    expect(json((await get(`${leases}/a`, { headers: partial })).body)).not.toHaveProperty('spec')
    const yaml = await get(`${leases}/a`, { headers: { accept: 'application/yaml' } })
    expect(parse(yaml.body)).toMatchObject({ kind: 'Lease', spec: { holderIdentity: 'me' } })
  })

  it('warn about unknown fields, refuse or ignore them, as asked', async () => {
    const { server, port } = await setUp()
    const post = (validation: string, name: string) =>
      ask(server, port, 'POST', `${leases}?fieldValidation=${validation}`, {
        body: JSON.stringify({ metadata: { name }, spec: { bogus: 1 } }),
      })
    const warned = await post('Warn', 'a')
    expect(warned).toMatchObject({
      status: 201,
      headers: { warning: '299 - "unknown field \\"spec.bogus\\""' },
    })
    expect(await post('Ignore', 'b')).toMatchObject({ status: 201 })
    const refused = await post('Strict', 'c')
    expect(refused.status).toBe(400)
    expect(json(refused.body).message).toContain('strict decoding error: unknown field "spec.bogus"')
  })

  it('to a dry run change nothing', async () => {
    const { server, port } = await setUp()
    const before = server.store.revision
    const body = JSON.stringify({ metadata: { name: 'a' }, spec: { type: 'NodePort', ports: [{ port: 1 }] } })
    const made = await ask(server, port, 'POST', '/api/v1/namespaces/default/services?dryRun=All', { body })
    expect(json(made.body).spec.ports[0].nodePort).toBeGreaterThan(0)
    expect(server.store.revision).toBe(before)
  })

  it.each([
    ['GET', '/api/v1/nothing', 404],
    ['GET', '/nothing', 404],
    ['GET', '/apis/example.com', 404],
    ['POST', '/api/v1/pods', 405],
    ['PUT', leases, 405],
    ['GET', `${leases}?labelSelector=a%20b`, 400],
    ['GET', `${leases}?limit=x`, 400],
    ['GET', `${leases}?continue=x`, 400],
    ['GET', '/api/%zz', 400],
    ['GET', '//double', 404],
  ])('%s %s is %i', async (method, path, status) => {
    const { server, port } = await setUp()
    const answer = await ask(server, port, method, path)
    expect(answer.status).toBe(status)
    expect(json(answer.body)).toMatchObject({ kind: 'Status', status: 'Failure', code: status })
  })

  it('refuse bodies that are too large or of another type', async () => {
    const { server, port } = await setUp()
    const large = { body: JSON.stringify({ a: 'x'.repeat(4 * 2 ** 20) }) }
    expect((await ask(server, port, 'POST', leases, large)).status).toBe(413)
    const cbor = { body: 'x', headers: { 'content-type': 'application/cbor' } }
    expect((await ask(server, port, 'POST', leases, cbor)).status).toBe(415)
  })

  it('keep one revision through the pages of a list, until it is compacted', async () => {
    const { server, port, api, configMap } = await setUp()
    for (const name of ['a', 'b', 'c', 'd']) await configMap(name)
    const one = json((await ask(server, port, 'GET', `${leases}?limit=2`)).body)
    expect(one.metadata).toMatchObject({ remainingItemCount: 2 })
    await api.delete(resources.leases, { namespace: 'default', name: 'c' })
    await configMap('e')
    const next = () => ask(server, port, 'GET', `${leases}?limit=2&continue=${one.metadata.continue}`)
    const two = json((await next()).body)
    expect(two.items.map((item: KubeObject) => item.metadata.name)).toEqual(['c', 'd'])
    expect(two.metadata.resourceVersion).toBe(one.metadata.resourceVersion)
    server.store.compact()
    expect((await next()).status).toBe(410)
  })
})

describe('watches', () => {
  const lines = (body: string) =>
    body
      .split('\n')
      .filter((line) => line !== '')
      .map(json)

  it('end when their time is over, with a bookmark before', async () => {
    const { server, port, configMap } = await setUp()
    await configMap('a')
    const path = `${leases}?watch=1&allowWatchBookmarks=true&timeoutSeconds=0`
    const answer = await ask(server, port, 'GET', path)
    expect(lines(answer.body)).toMatchObject([
      { type: 'ADDED', object: { metadata: { name: 'a' } } },
      // Without a version it begins as with sendInitialEvents.
      { type: 'BOOKMARK', object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } },
      {
        type: 'BOOKMARK',
        object: { kind: 'Lease', metadata: { resourceVersion: String(server.store.revision) } },
      },
    ])
  })

  it('come as tables too', async () => {
    const { get, configMap } = await setUp()
    await configMap('a')
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
    const answer = await get(`${leases}?watch=1&timeoutSeconds=0`, { headers })
    expect(lines(answer.body)).toMatchObject([
      {
        type: 'ADDED',
        object: { kind: 'Table', rows: [{ cells: ['a', '', expect.stringMatching(/^\d+s$/)] }] },
      },
    ])
  })

  it('tell a 410 as an event when their revision is compacted', async () => {
    const { server, port, configMap } = await setUp()
    const { resourceVersion } = (await configMap('a')).metadata
    await configMap('b')
    server.store.compact()
    const answer = await ask(server, port, 'GET', `${leases}?watch=1&resourceVersion=${resourceVersion}`)
    expect(answer.status).toBe(200)
    expect(lines(answer.body)).toMatchObject([
      { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } },
    ])
  })

  it('refuse sendInitialEvents without resourceVersionMatch', async () => {
    const { get } = await setUp()
    expect((await get(`${leases}?watch=1&sendInitialEvents=true`)).status).toBe(422)
  })

  it('send bookmarks in between', async () => {
    const { server, port } = await setUp({ bookmarkIntervalMs: 5 })
    const controller = new AbortController()
    const watch = client(server, port).watch(resources.leases, {
      namespace: 'default',
      resourceVersion: String(server.store.revision),
      timeoutSeconds: 60,
      signal: controller.signal,
    })
    for await (const event of watch) {
      expect(event).toMatchObject({ type: 'BOOKMARK', object: { kind: 'Lease' } })
      controller.abort()
    }
  })

  it('are cut off when their client does not read', async () => {
    const { server, port, api } = await setUp({ watchBacklog: 1000 })
    const socket = connect({ host: '127.0.0.1', port, ca: server.ca })
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.on('error', () => {})
    socket.write(`GET ${leases}?watch=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer admin\r\n\r\n`)
    const head = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    expect(head.toString()).toContain('200 OK')
    socket.pause()
    let n = 0
    // The kernel takes some; in the end the server must give up.
    while (server.watches > 0 && n < 100_000) {
      const metadata = { namespace: 'default', name: `l${n}`, annotations: { filler: 'x'.repeat(50_000) } }
      await api.create(resources.leases, { metadata } as KubeObject)
      await new Promise((resolve) => setImmediate(resolve))
      await api.delete(resources.leases, metadata)
      n += 1
    }
    expect(server.watches).toBe(0)
    socket.resume()
    await closed
  })
})

describe('faults', () => {
  it('answer 500 to the next requests, or to a share of them', async () => {
    const { server, get } = await setUp()
    server.faults.failNext(2, 503)
    expect([(await get(leases)).status, (await get(leases)).status, (await get(leases)).status]).toEqual([
      503, 503, 200,
    ])
    server.faults.failShare(1)
    expect((await get(leases)).status).toBe(500)
    expect((await get('/readyz')).status).toBe(200)
    server.faults.clear()
    expect((await get(leases)).status).toBe(200)
  })

  it('delay answers', async () => {
    const { server, get } = await setUp()
    server.faults.delay(30)
    const start = performance.now()
    await get(leases)
    expect(performance.now() - start).toBeGreaterThan(25)
  })

  it('cut watches in the middle of a line', async () => {
    const { server, port } = await setUp()
    const watch = ask(server, port, 'GET', `${leases}?watch=1`)
    await until(() => server.watches === 1)
    expect(server.faults.cutWatches()).toBe(1)
    const { body } = await watch
    expect(() => json(body)).toThrow(SyntaxError)
    expect(body).toMatch(/^\{"type":"MODIFIED"/)
  })

  it('reset everything during an outage, but not what works in process', async () => {
    const { server, port, api, get } = await setUp()
    const watch = ask(server, port, 'GET', `${leases}?watch=1`)
    await until(() => server.watches === 1)
    server.outage(true)
    await expect(watch).rejects.toThrow(/ECONNRESET|aborted/)
    await expect(get('/readyz')).rejects.toThrow(/ECONNRESET|socket/)
    expect((await api.list(resources.leases, {})).items).toEqual([])
    server.outage(false)
    expect((await get('/readyz')).body).toBe('ok')
    await until(() => server.watches === 0)
  })
})

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within 5 s: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

it('listens on several addresses at once', async () => {
  const { server, port } = await setUp()
  const second = await server.listen({ host: '127.0.0.1', port: 0 })
  for (const one of [port, second.port]) {
    expect((await ask(server, one, 'GET', '/readyz')).body).toBe('ok')
  }
  server.outage(true)
  const third = await server.listen({ host: '127.0.0.1', port: 0 })
  await expect(ask(server, third.port, 'GET', '/readyz')).rejects.toThrow(/ECONNRESET|socket/)
})

it('listens on a socket that its parent opened', async () => {
  const opened = createServer()
  await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve))
  const { port } = opened.address() as AddressInfo
  const { fd } = (opened as unknown as { _handle: { fd: number } })._handle
  const program = `
    const { makeServer } = await import(${JSON.stringify(new URL('../test-server.ts', import.meta.url).href)})
    const server = makeServer()
    const { port } = await server.listen({ fd: 3 })
    console.log(JSON.stringify({ ca: server.ca, port }))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
  })
  closing.push(async () => void child.kill())
  const line = await new Promise<Buffer>((resolve) => child.stdout!.once('data', resolve))
  opened.close()
  const told = json(line.toString())
  expect(told.port).toBe(port)
  expect((await ask(told, port, 'GET', '/version')).status).toBe(200)
})

it('gives a kubeconfig that holds all a client needs', async () => {
  const { server } = await setUp()
  const config = parse(server.kubeconfig('https://10.0.0.1:6443', 'admin'))
  expect(config).toMatchObject({ kind: 'Config', users: [{ user: { token: 'admin' } }] })
  const data = config.clusters[0].cluster['certificate-authority-data']
  expect(Buffer.from(data, 'base64').toString()).toBe(server.ca)
})
