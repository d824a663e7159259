import { request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { openHttp, type HttpListening } from './http.ts'

let server: HttpListening | undefined
afterEach(() => server?.close())

const open = async (host = '127.0.0.1'): Promise<HttpListening> =>
  (server = await openHttp({ host, port: 0 }, (path) => ({ code: 200, body: `path ${path}` })))

/** What a server says to raw text. */
const say = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = ''
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(text))
    socket.on('data', (chunk) => (said += String(chunk)))
    socket.on('error', reject)
    socket.on('close', () => resolve(said))
  })

test.each(['GET', 'POST', 'DELETE', 'OPTIONS', 'PROPFIND'])(
  '%s is answered and the connection closed',
  async (method) => {
    const { port } = await open()
    const said = await say(port, `${method} /a/b?c HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n`)
    expect(said).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(said).toMatch(/\r\nConnection: close\r\n/)
    expect(said.endsWith('\r\n\r\npath /a/b')).toBe(true)
  },
)

test('HEAD has the headers and no body', async () => {
  const { port } = await open()
  const said = await say(port, 'HEAD / HTTP/1.0\r\n\r\n')
  expect(said).toContain('Content-Length: 6\r\n')
  expect(said.endsWith('\r\n\r\n')).toBe(true)
})

test('what is no HTTP is refused', async () => {
  const { port } = await open()
  expect(await say(port, 'SSH-2.0-x\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
})

test('headers beyond 8 kB are refused', async () => {
  const { port } = await open()
  expect(await say(port, `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(9000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 /,
  )
})

test.each(['0.0.0.0', '::', ''])('"%s" is every address of both families', async (host) => {
  const { port } = await open(host)
  for (const one of ['127.0.0.1', '::1']) {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ host: one, port }, resolve).on('error', reject).end()
    })
    answer.resume()
    expect(answer.statusCode, one).toBe(200)
  }
})

test('a taken port rejects', async () => {
  const { port } = await open()
  await expect(openHttp({ host: '127.0.0.1', port }, () => ({ code: 200, body: '' }))).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
})

test('an answer that throws is a 500', async () => {
  server = await openHttp({ host: '127.0.0.1', port: 0 }, () => Promise.reject(new Error('no')))
  expect(await say(server.port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 500 [^]*Error: no\n$/)
})

test('closing cuts off who is silent, and frees the port', async () => {
  const { port, close } = await open()
  const silent = connect({ host: '127.0.0.1', port })
  await new Promise((resolve) => silent.once('connect', resolve))
  const cut = new Promise((resolve) => silent.once('close', resolve))
  silent.on('error', () => {})
  await close()
  await cut
  server = await openHttp({ host: '127.0.0.1', port }, () => ({ code: 200, body: '' }))
})
