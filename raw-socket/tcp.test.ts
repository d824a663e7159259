import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { connectTcp, listenTcp, md5Signature, openTcpSocket, setMd5Key } from './tcp.ts'

test('struct tcp_md5sig', () => {
  const signature = md5Signature('192.0.2.1', 's3cret')
  expect(signature).toHaveLength(216)
  expect(signature.subarray(0, 16).toString('hex')).toBe('02000000c00002010000000000000000')
  expect(signature.subarray(16, 128).every((octet) => octet === 0)).toBe(true)
  expect(signature.subarray(128, 136).toString('hex')).toBe('0000060000000000')
  expect(signature.subarray(136, 143).toString('latin1')).toBe('s3cret\0')
})

test('a key of more than 80 octets is refused, counted in octets', () => {
  const refused = expect.objectContaining({ code: 'FL_SYS_ARGUMENT' })
  expect(md5Signature('::1', 'k'.repeat(80)).readUInt16LE(130)).toBe(80)
  expect(() => md5Signature('::1', 'k'.repeat(81))).toThrow(refused)
  expect(() => md5Signature('::1', 'ü'.repeat(41))).toThrow(refused)
})

test.each([
  [4, '127.0.0.1'],
  [6, '::1'],
] as const)('a connection over IPv%d with a source port of its own', async (family, address) => {
  const server = listenTcp({ family, local: { address } }, (socket) => socket.end('hello'))
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connectTcp({ family, local: { address }, userTimeout: 5000, remote: { address, port } })
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
  await once(socket, 'end')
  expect(text).toBe('hello')
  server.close()
  await once(server, 'close')
  expect(() => setMd5Key(server, address, 'x')).toThrow(expect.objectContaining({ code: 'FL_SYS_ARGUMENT' }))
})

test('nobody listens: the socket emits an ordinary error', async () => {
  const server = listenTcp({ family: 4, local: { address: '127.0.0.1' } }, () => {})
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const socket = connectTcp({ family: 4, remote: { address: '127.0.0.1', port } })
  const [error] = await once(socket, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
})

test('a source address that this host does not have', () => {
  expect(() => openTcpSocket({ family: 4, local: { address: '192.0.2.1' } })).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ERRNO', errnoName: 'EADDRNOTAVAIL' }),
  )
})
