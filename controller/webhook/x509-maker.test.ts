import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { AUTHORITY_NAME, certificateState } from './certificate.ts'
import { x509Maker } from './x509-maker.ts'

const DAY_MS = 86_400_000
const names = ['metallb-webhook-service.metallb-system.svc', 'metallb-webhook-service.metallb-system']

test('a certificate is good for two thirds of its 90 days', async () => {
  const now = Date.UTC(2026, 5, 1)
  const made = await x509Maker.make(names, now)
  expect(certificateState(made, names, now)).toBe('good')
  expect(certificateState(made, names, now + 58 * DAY_MS)).toBe('good')
  expect(certificateState(made, names, now + 61 * DAY_MS)).toBe('due')
  expect(certificateState(made, names, now + 90 * DAY_MS)).toBe('unusable')
  const [leaf, authority] = [new X509Certificate(made.cert), new X509Certificate(made.ca)]
  expect(authority).toMatchObject({ ca: true, subject: `CN=${AUTHORITY_NAME}` })
  expect(leaf).toMatchObject({ ca: false, subjectAltName: names.map((name) => `DNS:${name}`).join(', ') })
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
})

test('no two certificates share a key or a serial number', async () => {
  const [a, b] = await Promise.all([x509Maker.make(names, 0), x509Maker.make(names, 0)])
  expect(a.key).not.toBe(b.key)
  expect(new X509Certificate(a.cert).serialNumber).not.toBe(new X509Certificate(b.cert).serialNumber)
})

test('a TLS client that trusts the authority, and only it, trusts the server', async () => {
  const { cert, key, ca } = await x509Maker.make(names, Date.now())
  const server = createServer({ cert, key }, (socket) => socket.end())
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port, servername: names[0], ca })
  await once(socket, 'secureConnect')
  expect(socket.authorized).toBe(true)
  socket.destroy()
  const other = (await x509Maker.make(names, Date.now())).ca
  const stranger = connect({ host: '127.0.0.1', port, servername: names[0], ca: other })
  await expect(once(stranger, 'secureConnect')).rejects.toMatchObject({ code: expect.any(String) })
  server.close()
})
