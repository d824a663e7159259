import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { connect } from './connect.ts'
import type { ConnectOptions } from './connect.ts'
import { resources } from './resources.ts'
import { makeAuthority, makeCertificate } from './test-certificates.ts'
import { sendJson, TestServer } from './test-server.ts'

/** What the server saw of the last request. */
interface Seen {
  authorization?: string
  impersonate?: unknown
  user?: string
}

const authority = makeAuthority('test-ca')
const serving = makeCertificate(authority, 'server', ['127.0.0.1', 'kubernetes.test'])
const base64 = (text: string) => Buffer.from(text).toString('base64')

let directory: string
let server: TestServer
let url: string
let seen: Seen = {}
const cleanups: (() => Promise<void>)[] = []

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-connect-'))
  const tls = { cert: serving.cert, key: serving.key, ca: authority.cert }
  const mutual = { ...tls, requestCert: true, rejectUnauthorized: false }
  server = await new TestServer(({ headers, socket }, response) => {
    const subject = (socket as TLSSocket).getPeerCertificate().subject as { CN?: string } | undefined
    seen = {
      ...(headers.authorization ? { authorization: headers.authorization } : {}),
      ...(headers['impersonate-user'] ? { impersonate: headers['impersonate-user'] } : {}),
      ...(subject?.CN ? { user: subject.CN } : {}),
    }
    if (headers.authorization === 'Bearer refused') sendJson(response, 401, { reason: 'Unauthorized' })
    else sendJson(response, 200, { metadata: { name: 'n' } })
  }, mutual).listen()
  url = `https://127.0.0.1:${server.port}`
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  seen = {}
})
afterAll(async () => {
  await server.close()
  rmSync(directory, { recursive: true })
})

function write(name: string, content: string): string {
  const path = join(directory, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}

const pod = () => ({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) })

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

const trusted = () => ({ server: url, 'certificate-authority-data': base64(authority.cert) })

const kubeconfig = (cluster: object, user: object = {}, context: object = {}): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', ...context } }],
  })

async function open(options: Partial<ConnectOptions>) {
  const client = await connect({ userAgent: 'test/1', requestTimeoutMs: 5000, env: {}, ...options })
  cleanups.push(() => client.close())
  return client
}

async function ask(options: Partial<ConnectOptions>): Promise<Seen> {
  const client = await open(options)
  await client.get(resources.nodes, { name: 'n' })
  return seen
}

describe('connect with a kubeconfig', () => {
  it('reads server, namespace, CA and token', async () => {
    const path = write('token', kubeconfig(trusted(), { token: 'secret' }, { namespace: 'shop' }))
    const client = await open({ kubeconfig: path })
    expect([client.server, client.namespace]).toEqual([url, 'shop'])
    await client.get(resources.nodes, { name: 'n' })
    expect(seen).toEqual({ authorization: 'Bearer secret' })
  })

  it('takes files beside the kubeconfig: CA, client certificate', async () => {
    write('files/ca.pem', authority.cert)
    const { cert, key } = makeCertificate(authority, 'jane')
    write('files/jane.pem', cert)
    write('files/jane.key', key)
    const path = write(
      'files/config',
      kubeconfig(
        { server: url, 'certificate-authority': 'ca.pem' },
        { 'client-certificate': 'jane.pem', 'client-key': 'jane.key' },
      ),
    )
    expect(await ask({ kubeconfig: path })).toEqual({ user: 'jane' })
  })

  it('takes client certificates in the file, user and password, and impersonation', async () => {
    const { cert, key } = makeCertificate(authority, 'joe')
    const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key), as: 'jane' }
    expect(await ask({ kubeconfig: write('cert', kubeconfig(trusted(), user)) })).toEqual({
      user: 'joe',
      impersonate: 'jane',
    })
    const basic = write('basic', kubeconfig(trusted(), { username: 'a', password: 'b' }))
    expect(await ask({ kubeconfig: basic })).toEqual({ authorization: `Basic ${base64('a:b')}` })
  })

  it('reads a token file, and again after the server refused what it had', async () => {
    write('rotating', 'first\n')
    const path = write('token-file', kubeconfig(trusted(), { tokenFile: 'rotating' }))
    const client = await open({ kubeconfig: path })
    await client.get(resources.nodes, { name: 'n' })
    expect(seen).toEqual({ authorization: 'Bearer first' })
    write('rotating', 'refused\n')
    const other = await open({ kubeconfig: path })
    await expect(other.get(resources.nodes, { name: 'n' })).rejects.toMatchObject({
      code: 'FL_KUBE_UNAUTHORIZED',
    })
    write('rotating', 'second\n')
    await other.get(resources.nodes, { name: 'n' })
    expect(seen).toEqual({ authorization: 'Bearer second' })
  })

  it('runs a plugin for a token, relative to the file, and tells it what client-go does', async () => {
    const plugin = write(
      'bin/plugin',
      `#!/bin/sh\necho '{"status":{"token":"'"$1-$WHO-$(echo "$KUBERNETES_EXEC_INFO" | grep -c ExecCredential)"'"}}'\n`,
    )
    chmodSync(plugin, 0o755)
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './bin/plugin',
      args: ['arg'],
      env: [{ name: 'WHO', value: 'me' }],
    }
    const path = write('exec', kubeconfig(trusted(), { exec }))
    expect(await ask({ kubeconfig: path })).toEqual({ authorization: 'Bearer arg-me-1' })
  })

  it('says what is wrong with a plugin', async () => {
    const exec = { command: 'sh', args: ['-c', 'echo not logged in >&2; exit 1'] }
    const client = await open({ kubeconfig: write('exec-fails', kubeconfig(trusted(), { exec })) })
    await expect(client.get(resources.nodes, { name: 'n' })).rejects.toMatchObject({
      code: 'FL_KUBE_CONFIG',
      message: expect.stringContaining('not logged in'),
    })
  })

  it('sends an OIDC token that has not expired', async () => {
    const token = `${part({})}.${part({ exp: 4_000_000_000 })}.x`
    const user = { 'auth-provider': { name: 'oidc', config: { 'id-token': token } } }
    const path = write('oidc', kubeconfig(trusted(), user))
    expect(await ask({ kubeconfig: path })).toEqual({ authorization: `Bearer ${token}` })
  })

  it('verifies the server: by CA, by tls-server-name, or not at all when told', async () => {
    const refused = { code: 'FL_KUBE_UNREACHABLE' }
    const unknown = write('unknown', kubeconfig({ server: url }))
    await expect(ask({ kubeconfig: unknown })).rejects.toMatchObject(refused)
    const named = (name: string) =>
      write(`name-${name}`, kubeconfig({ ...trusted(), 'tls-server-name': name }))
    expect(await ask({ kubeconfig: named('kubernetes.test') })).toEqual({})
    await expect(ask({ kubeconfig: named('other.test') })).rejects.toMatchObject({
      ...refused,
      reason: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    const skip = write('skip', kubeconfig({ server: url, 'insecure-skip-tls-verify': true }))
    expect(await ask({ kubeconfig: skip })).toEqual({})
  })

  it('talks to a server without TLS', async () => {
    const plain = await new TestServer((_request, response) =>
      sendJson(response, 200, { metadata: {} }),
    ).listen()
    cleanups.push(() => plain.close())
    const path = write('plain', kubeconfig({ server: `http://127.0.0.1:${plain.port}` }))
    const client = await open({ kubeconfig: path })
    expect(await client.get(resources.nodes, { name: 'n' })).toEqual({ metadata: {} })
  })

  it('picks the context that is asked for', async () => {
    const two = stringify({
      'current-context': 'a',
      clusters: [{ name: 'c', cluster: trusted() }],
      users: [
        { name: 'a', user: { token: 'ta' } },
        { name: 'b', user: { token: 'tb' } },
      ],
      contexts: [
        { name: 'a', context: { cluster: 'c', user: 'a' } },
        { name: 'b', context: { cluster: 'c', user: 'b' } },
        { name: 'anonymous', context: { cluster: 'c' } },
      ],
    })
    const path = write('two', two)
    expect(await ask({ kubeconfig: path })).toEqual({ authorization: 'Bearer ta' })
    expect(await ask({ kubeconfig: path, context: 'b' })).toEqual({ authorization: 'Bearer tb' })
    seen = {}
    expect(await ask({ kubeconfig: path, context: 'anonymous' })).toEqual({})
  })

  it.each([
    ['no such file', undefined, /ENOENT/],
    ['not YAML', 'a: [', /kubeconfig .*not YAML/],
    ['an empty file', '', /no context/],
    ['a cluster without server', stringify({ clusters: [{ name: 'c', cluster: {} }] }), /server is missing/],
    ['an unknown context', kubeconfig({ server: 'https://x' }).replace('main', 'gone'), /no context "gone"/],
    ['an unknown user', kubeconfig({ server: 'https://x' }, {}, { user: 'gone' }), /no user "gone"/],
    ['an unknown cluster', kubeconfig({ server: 'https://x' }, {}, { cluster: 'gone' }), /no cluster "gone"/],
    ['a proxy', kubeconfig({ server: 'https://x', 'proxy-url': 'http://p' }), /proxy-url is not supported/],
    ['a bad URL', kubeconfig({ server: 'x:1' }), /not an http or https URL/],
  ])('refuses %s', async (what, content, message) => {
    const path = content === undefined ? join(directory, 'nothing') : write(what, content)
    await expect(open({ kubeconfig: path })).rejects.toMatchObject({
      code: 'FL_KUBE_CONFIG',
      message: expect.stringMatching(message),
    })
  })

  it('refuses providers that Kubernetes dropped', async () => {
    const path = write('gcp', kubeconfig(trusted(), { 'auth-provider': { name: 'gcp' } }))
    await expect(ask({ kubeconfig: path })).rejects.toMatchObject({
      code: 'FL_KUBE_CONFIG',
      message: expect.stringContaining('use exec'),
    })
  })
})

describe('connect without a kubeconfig', () => {
  it('uses the service account of a Pod', async () => {
    write('sa/token', 'pod-token\n')
    write('sa/ca.crt', authority.cert)
    write('sa/namespace', 'fairlead-system\n')
    const options = { env: pod(), serviceAccountDir: join(directory, 'sa') }
    expect(await ask(options)).toEqual({ authorization: 'Bearer pod-token' })
    expect((await open(options)).namespace).toBe('fairlead-system')
    const v6 = await open({ ...options, env: { ...pod(), KUBERNETES_SERVICE_HOST: 'fd00::1' } })
    expect(v6.server).toBe(`https://[fd00::1]:${server.port}`)
  })

  it('prefers what it is told over the Pod', async () => {
    const path = write('told', kubeconfig(trusted(), { token: 'told' }))
    expect(await ask({ kubeconfig: path, env: pod() })).toEqual({ authorization: 'Bearer told' })
  })

  it('takes KUBECONFIG, several files, the first of a name wins', async () => {
    const first = write('first', stringify({ users: [{ name: 'u', user: { token: 'first' } }] }))
    const second = write('second', kubeconfig(trusted(), { token: 'second' }))
    const KUBECONFIG = [join(directory, 'missing'), first, second].join(':')
    expect(await ask({ env: { KUBECONFIG } })).toEqual({ authorization: 'Bearer first' })
  })

  it('takes ~/.kube/config at last, and says where it looked', async () => {
    write('home/.kube/config', kubeconfig(trusted(), { token: 'home' }))
    expect(await ask({ env: { HOME: join(directory, 'home') } })).toEqual({ authorization: 'Bearer home' })
    const nowhere = open({ env: { HOME: '/nonexistent' } })
    await expect(nowhere).rejects.toThrow('/nonexistent/.kube/config')
  })
})
