import { describe, expect, test } from 'vitest'
import { testConfig } from '#bgp-ts/testing.ts'
import type { PeerConfig } from '#bgp-ts/config.ts'
import { parseAddress } from '#inet/address.ts'
import { peerOf, wantedListeners, type ListenerPeer } from './bgp-listener-plan.ts'

const peer = (
  name: string,
  remote: string,
  change: Partial<PeerConfig> = {},
  wanted = true,
): ListenerPeer => ({
  config: { ...testConfig, name, address: parseAddress(remote), ...change },
  wanted,
})
const from = (address: string) => ({ sourceAddress: parseAddress(address) })

describe('sockets', () => {
  const keys = (...peers: ListenerPeer[]): string[] => wantedListeners(peers).map(({ key }) => key)

  test('none where nobody may connect', () => {
    expect(keys()).toEqual([])
    expect(keys(peer('a', '192.0.2.1', {}, false))).toEqual([])
  })

  test('one a family and device', () => {
    expect(keys(peer('a', '192.0.2.1'), peer('b', '192.0.2.2'), peer('c', '2001:db8::1'))).toEqual([
      '4  ',
      '6  ',
    ])
  })

  test('one for all links takes the place of those for a link, and not of those for a VRF', () => {
    const links = [
      peer('a', 'fe80::1', { device: 'eth0' }),
      peer('b', 'fe80::1', { device: 'eth1', password: 'two' }),
      peer('c', '::', { device: 'eth2' }, false),
      peer('d', '2001:db8::2', { device: 'blue' }),
    ]
    expect(keys(...links)).toEqual(['6 eth0 ', '6 eth1 ', '6 blue '])
    expect(keys(...links, peer('e', '192.0.2.1'))).toEqual(['6 eth0 ', '6 eth1 ', '6 blue ', '4  '])
    const all = wantedListeners([...links, peer('e', '2001:db8::1', from('2001:db8::9'))])
    expect(all.map(({ key }) => key)).toEqual(['6  ', '6 blue '])
    expect([...all[0].passwords]).toEqual([['fe80::1', 'two']])
  })

  test('only for the source addresses, as long as all peers have one', () => {
    const a = peer('a', '192.0.2.1', from('192.0.2.9'))
    const b = peer('b', '192.0.2.2', from('192.0.2.8'))
    expect(keys(a, b, peer('c', '192.0.2.3', from('192.0.2.9')))).toEqual(['4  192.0.2.9', '4  192.0.2.8'])
    expect(keys(a, peer('b', '192.0.2.2'))).toEqual(['4  '])
    expect(keys(a, peer('b', '192.0.2.2', {}, false))).toEqual(['4  192.0.2.9'])
  })

  test('a socket for one address has no password of a session from another one', () => {
    const [listener] = wantedListeners([
      peer('open', '192.0.2.1', from('192.0.2.9')),
      peer('signed', '192.0.2.1', { ...from('192.0.2.8'), password: 'one' }, false),
      peer('own', '192.0.2.2', { ...from('192.0.2.9'), password: 'two' }),
    ])
    expect(listener.address).toBe('192.0.2.9')
    expect([...listener.passwords]).toEqual([['192.0.2.2', 'two']])
  })

  test('passwords, also of peers that may not connect', () => {
    const [{ passwords }] = wantedListeners([
      peer('a', '192.0.2.1', { password: 'one' }),
      peer('b', '192.0.2.2', { password: 'two' }, false),
      peer('c', '192.0.2.3'),
    ])
    expect([...passwords]).toEqual([
      ['192.0.2.1', 'one'],
      ['192.0.2.2', 'two'],
    ])
  })
})

describe('whose connection it is', () => {
  const peers = [
    peer('any', '192.0.2.1'),
    peer('exact', '192.0.2.1', from('192.0.2.9')),
    peer('one', 'fe80::1', { device: 'eth0' }),
    peer('other', 'fe80::1', { device: 'eth1' }),
    peer('elsewhere', '192.0.2.2', from('192.0.2.9')),
  ]
  test.each([
    ['192.0.2.1', '192.0.2.9', undefined, 'exact'],
    ['192.0.2.1', '192.0.2.8', undefined, 'any'],
    ['fe80::1', 'fe80::2', 'eth1', 'other'],
    ['fe80::1', 'fe80::2', undefined, undefined],
    ['192.0.2.2', '192.0.2.8', undefined, undefined],
    ['192.0.2.3', '192.0.2.9', undefined, undefined],
  ])('%s to %s on %s: %s', (remote, local, device, name) => {
    const found = peerOf(peers, { remote: parseAddress(remote), local: parseAddress(local), device })
    expect(found?.config.name).toBe(name)
  })
})

test('of two peers at one address, as with two ports, the one that may connect', () => {
  const quiet = peer('quiet', '192.0.2.1', { port: 1790 }, false)
  const listening = peer('listening', '192.0.2.1')
  const connection = {
    remote: parseAddress('192.0.2.1'),
    local: parseAddress('192.0.2.9'),
    device: undefined,
  }
  expect(peerOf([quiet, listening], connection)?.config.name).toBe('listening')
  expect(peerOf([quiet], connection)?.config.name).toBe('quiet')
})
