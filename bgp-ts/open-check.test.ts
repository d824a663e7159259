import { describe, expect, test } from 'vitest'
import { fsmConfig } from './config-change.ts'
import type { FsmConfig } from './events.ts'
import { checkOpen, ownOpen } from './open-check.ts'
import { peerOpen, testConfig } from './testing.ts'
import type { OpenMessage } from './wire/open.ts'

const config = fsmConfig(testConfig)
const as4 = (as: number) => ({ kind: 'fourOctetAS', as }) as const

function outcome(change: Partial<OpenMessage>, own: Partial<FsmConfig> = {}) {
  const result = checkOpen({ ...config, ...own }, peerOpen(change), false)
  return result.ok ? 'accepted' : [result.fault.error, result.fault.data]
}

describe('what RFC 4271 6.2 asks of an OPEN', () => {
  test.each<[string, Partial<OpenMessage>, Partial<FsmConfig>, ReturnType<typeof outcome>]>([
    ['as configured', {}, {}, 'accepted'],
    ['another AS', { capabilities: [as4(64999)] }, {}, ['FL_BGP_OPEN_PEER_AS', [0, 0, 0xfd, 0xe7]]],
    ['another AS in 2 octets', { myAS: 64999, capabilities: [] }, {}, ['FL_BGP_OPEN_PEER_AS', [0xfd, 0xe7]]],
    ['AS 0', { myAS: 0, capabilities: [] }, {}, ['FL_BGP_OPEN_PEER_AS', [0, 0]]],
    ['AS 0 in the capability', { capabilities: [as4(0)] }, {}, ['FL_BGP_OPEN_PEER_AS', [0, 0, 0, 0]]],
    ['AS 0 beside a good capability', { myAS: 0 }, {}, ['FL_BGP_OPEN_PEER_AS', [0, 0, 0xfc, 0]]],
    ['AS_TRANS alone', { myAS: 23456, capabilities: [] }, {}, ['FL_BGP_OPEN_PEER_AS', [0x5b, 0xa0]]],
    [
      'AS_TRANS with its number',
      { myAS: 23456, capabilities: [as4(4_200_000_001)] },
      { peerAS: 4_200_000_001 },
      'accepted',
    ],
    ['any external AS', {}, { peerAS: undefined, asType: 'external' }, 'accepted'],
    [
      'our AS where external is wanted',
      {},
      { peerAS: undefined, asType: 'external', localAS: 64512 },
      ['FL_BGP_OPEN_PEER_AS', [0, 0, 0xfc, 0]],
    ],
    [
      'our AS where internal is wanted',
      {},
      { peerAS: undefined, asType: 'internal', localAS: 64512 },
      'accepted',
    ],
    [
      'another AS where internal is wanted',
      {},
      { peerAS: undefined, asType: 'internal' },
      ['FL_BGP_OPEN_PEER_AS', [0, 0, 0xfc, 0]],
    ],
    ['identifier 0', { routerId: '0.0.0.0' }, {}, ['FL_BGP_OPEN_IDENTIFIER', [0, 0, 0, 0]]],
    ['our identifier in eBGP', { routerId: '10.0.0.2' }, {}, 'accepted'],
    [
      'our identifier in iBGP',
      { routerId: '10.0.0.2' },
      { localAS: 64512 },
      ['FL_BGP_OPEN_IDENTIFIER', [10, 0, 0, 2]],
    ],
    ['a multicast identifier', { routerId: '224.0.0.1' }, {}, 'accepted'],
    ['hold time 0', { holdTime: 0 }, {}, 'accepted'],
    ['hold time 1', { holdTime: 1 }, {}, ['FL_BGP_OPEN_HOLD_TIME', [0, 1]]],
    ['hold time 2', { holdTime: 2 }, {}, ['FL_BGP_OPEN_HOLD_TIME', [0, 2]]],
    ['hold time 3', { holdTime: 3 }, {}, 'accepted'],
  ])('%s', (_name, change, own, expected) => {
    expect(outcome(change, own)).toEqual(expected)
  })
})

function negotiated(change: Partial<OpenMessage>, own: Partial<FsmConfig> = {}, without = false) {
  const result = checkOpen({ ...config, ...own }, peerOpen(change), without)
  if (!result.ok) throw new Error(result.fault.text)
  return result.negotiated
}

describe('what both sides agree on', () => {
  test.each([
    [90_000, 30, undefined, 30_000, 10_000],
    [30_000, 90, undefined, 30_000, 10_000],
    [0, 90, undefined, 0, 0],
    [90_000, 0, undefined, 0, 0],
    [90_000, 90, 5000, 90_000, 5000],
    [90_000, 9, 5000, 9000, 3000],
    [90_000, 0, 5000, 0, 0],
    [3000, 3, undefined, 3000, 1000],
  ])('hold time: ours %d, theirs %d s, keepalive %o', (holdTime, theirs, keepaliveTime, hold, keepalive) => {
    expect(negotiated({ holdTime: theirs }, { holdTime, keepaliveTime })).toMatchObject({
      holdTime: hold,
      keepaliveTime: keepalive,
    })
  })

  test('a peer without capabilities speaks IPv4 unicast with 2-octet AS numbers', () => {
    expect(negotiated({ capabilities: [] })).toMatchObject({
      families: ['ipv4-unicast'],
      fourOctetAS: false,
      routeRefresh: false,
      internal: false,
    })
  })

  test('only families that both listed are used', () => {
    const v6 = { kind: 'multiprotocol', afi: 2, safi: 1 } as const
    const vpn = { kind: 'multiprotocol', afi: 1, safi: 128 } as const
    expect(negotiated({ capabilities: [v6, vpn, as4(64512)] }).families).toEqual(['ipv6-unicast'])
    expect(negotiated({}, { families: ['ipv4-unicast'] }).families).toEqual(['ipv4-unicast'])
  })

  test('capabilities that we did not offer do not count', () => {
    expect(negotiated({}, {}, true)).toMatchObject({ families: ['ipv4-unicast'], fourOctetAS: false })
  })
})

describe('our OPEN', () => {
  test('offers families, route refresh and the 4-octet AS', () => {
    expect(ownOpen(config, false)).toEqual({
      type: 'open',
      myAS: 64500,
      holdTime: 90,
      routerId: '10.0.0.2',
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'multiprotocol', afi: 2, safi: 1 },
        { kind: 'routeRefresh' },
        { kind: 'fourOctetAS', as: 64500 },
      ],
    })
  })

  test('says 23456 for an AS that needs four octets, and nothing more when refused', () => {
    const wide = { ...config, localAS: 4_200_000_001 }
    expect(ownOpen(wide, false)).toMatchObject({ myAS: 23456 })
    expect(ownOpen(wide, true).capabilities).toEqual([])
  })
})
