import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { PeerConfig } from './config.ts'
import { testConfig } from './testing.ts'
import { connectionOver, connectPlain } from './transport.ts'

describe('what node:net cannot set is refused, never left out', () => {
  test.each<[string, Partial<PeerConfig>]>([
    ['a password', { password: 'secret' }],
    ['an empty password', { password: '' }],
    ['a device', { device: 'eth0' }],
    ['TTL security', { ttlSecurity: 1 }],
    ['a device for a global IPv6 address', { device: 'eth0', address: parseAddress('2001:db8::1') }],
  ])('%s', async (_name, change) => {
    const connection = connectPlain({ ...testConfig, ...change })
    const error = await new Promise((resolve) => connection.onClose(resolve))
    expect(error).toMatchObject({ code: 'FL_BGP_TRANSPORT' })
    await connection.close()
  })
})

test('an address whose interface is gone is not known, and no exception', async () => {
  const socket = new Socket()
  // What Node says of a link-local address when the interface has been deleted since.
  const gone = () => {
    throw Object.assign(new Error('no such device or address, uv_if_indextoiid'), { code: 'ENXIO' })
  }
  Object.defineProperties(socket, { localAddress: { get: gone }, remoteAddress: { get: gone } })
  const connection = connectionOver(socket)
  expect([connection.localAddress, connection.remoteAddress, connection.linkLocalAddress]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  socket.destroy()
  await connection.close()
})
