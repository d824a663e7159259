import { describe, expect, test } from 'vitest'
import { testConfig } from '#bgp-ts/testing.ts'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { liveOptions, refusalOf } from './bgp-connection.ts'
import { linkLocalBeside, type OwnAddress } from './own-addresses.ts'

const own: OwnAddress[] = [
  ['eth0', '192.0.2.2/24'],
  ['eth0', '2001:db8::2/64'],
  ['eth0', 'fe80::2/64'],
  ['eth1', '2001:db8:1::2/64'],
].map(([name, text]) => ({
  interface: name,
  address: parseAddress(text.split('/')[0]),
  prefix: parsePrefix(text),
}))

describe('TTL and time limits', () => {
  test.each([
    ['eBGP stays on the link', {}, { family: 4, ttl: 1, userTimeout: 485_000 }],
    ['multihop', { multihop: true }, { family: 4, userTimeout: 485_000 }],
    ['iBGP', { peerAS: 64500 }, { family: 4, userTimeout: 485_000 }],
    [
      'any external AS',
      { peerAS: undefined, asType: 'external' },
      { family: 4, ttl: 1, userTimeout: 485_000 },
    ],
    ['GTSM, one hop', { ttlSecurity: 1 }, { family: 4, ttl: 255, minTtl: 255, userTimeout: 485_000 }],
    [
      'GTSM, 254 hops',
      { ttlSecurity: 254, peerAS: 64500 },
      { family: 4, ttl: 255, minTtl: 2, userTimeout: 485_000 },
    ],
    ['a long hold time', { holdTime: 600_000 }, { family: 4, ttl: 1, userTimeout: 1_205_000 }],
    ['no hold time, no limit', { holdTime: 0 }, { family: 4, ttl: 1 }],
  ] as const)('%s', (_name, change, options) => {
    expect(liveOptions({ ...testConfig, ...change })).toEqual(options)
  })
})

describe('what is refused without a try', () => {
  test.each([
    ['all is well', {}, undefined],
    ['a source that is here', { sourceAddress: parseAddress('192.0.2.2') }, undefined],
    [
      'a source that is not',
      { sourceAddress: parseAddress('192.0.2.9') },
      'the source address 192.0.2.9 is on no interface of this node that is up',
    ],
    ['ourselves', { address: parseAddress('192.0.2.2') }, "the peer address is this node's own"],
    ['the same address in a VRF', { address: parseAddress('192.0.2.2'), device: 'red' }, undefined],
  ])('%s', (_name, change, text) => {
    expect(refusalOf({ ...testConfig, ...change }, own)?.message).toBe(text)
  })
})

test.each([
  ['the peer is on the link', '2001:db8::2', '2001:db8::1', 'fe80::2'],
  ['the peer is elsewhere', '2001:db8::2', '2001:db8:9::1', undefined],
  ['an interface without one', '2001:db8:1::2', '2001:db8:1::1', undefined],
  ['a session between link-local addresses', 'fe80::2', 'fe80::1', undefined],
  ['IPv4', '192.0.2.2', '192.0.2.1', undefined],
])('the second next hop: %s', (_name, local, remote, expected) => {
  const found = linkLocalBeside(parseAddress(local), parseAddress(remote), own)
  expect(found).toEqual(expected === undefined ? undefined : parseAddress(expected))
})
