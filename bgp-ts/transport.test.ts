import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { PeerConfig } from './config.ts'
import { testConfig } from './testing.ts'
import { connectPlain } from './transport.ts'

describe('what node:net cannot set is refused, never left out', () => {
  test.each<[string, Partial<PeerConfig>]>([
    ['a password', { password: 'secret' }],
    ['an empty password', { password: '' }],
    ['a device', { device: 'eth0' }],
    ['a device for a global IPv6 address', { device: 'eth0', address: parseAddress('2001:db8::1') }],
  ])('%s', async (_name, change) => {
    const connection = connectPlain({ ...testConfig, ...change })
    const error = await new Promise((resolve) => connection.onClose(resolve))
    expect(error).toMatchObject({ code: 'FL_BGP_TRANSPORT' })
    await connection.close()
  })
})
