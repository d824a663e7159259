import { describe, expect, test } from 'vitest'
import { fsmConfig } from './config-change.ts'
import type { FsmConfig } from './events.ts'
import { checkOpen, ownOpen, smallerOffer, type Offer } from './open-check.ts'
import { peerOpen, testConfig } from './testing.ts'
import type { OpenMessage } from './wire/open.ts'

const config = fsmConfig(testConfig)
const as4 = (as: number) => ({ kind: 'fourOctetAS', as }) as const

function outcome(change: Partial<OpenMessage>, own: Partial<FsmConfig> = {}) {
  const result = checkOpen({ ...config, ...own }, peerOpen(change), 'all')
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

function negotiated(change: Partial<OpenMessage>, own: Partial<FsmConfig> = {}, offer: Offer = 'all') {
  const result = checkOpen({ ...config, ...own }, peerOpen(change), offer)
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
    expect(negotiated({}, {}, 'none')).toMatchObject({ families: ['ipv4-unicast'], fourOctetAS: false })
  })
})

describe('our OPEN', () => {
  test('offers families, route refresh and the 4-octet AS', () => {
    expect(ownOpen(config, 'all', false)).toEqual({
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
    expect(ownOpen(wide, 'all', false)).toMatchObject({ myAS: 23456 })
    expect(ownOpen(wide, 'none', false).capabilities).toEqual([])
  })
})

const restart = {
  kind: 'gracefulRestart',
  restarting: false,
  notification: true,
  restartTime: 90,
  families: [{ afi: 1, safi: 1, forwarding: true }],
} as const
const enhe = { kind: 'extendedNextHop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] } as const
const full: Partial<FsmConfig> = {
  gracefulRestart: { restartTime: 120_000, forwardingPreserved: true },
  role: 'customer',
  extendedNextHop: true,
  hostname: 'node-1',
}
const provider = { kind: 'role', value: 0 } as const
const tor = { kind: 'hostname', host: 'tor-1', domain: 'dc' } as const

describe('what is offered only when configured', () => {
  const theirs = { capabilities: [...peerOpen().capabilities, restart, enhe, provider, tor] }

  test('both sides have it', () => {
    expect(negotiated(theirs, full)).toMatchObject({
      extendedNextHop: true,
      gracefulRestart: { peerRestartTime: 90_000, notification: true },
      peerRole: 'provider',
      peerHostname: 'tor-1',
    })
  })

  test('only the peer has it', () => {
    const agreed = negotiated(theirs)
    expect(agreed.extendedNextHop).toBe(false)
    expect(agreed.gracefulRestart).toBeUndefined()
    expect(agreed.otc).toBeUndefined()
  })

  test('only we have it', () => {
    const agreed = negotiated({}, full)
    expect(agreed.extendedNextHop).toBe(false)
    expect(agreed.gracefulRestart).toBeUndefined()
  })

  test('it is not used in a session without it', () => {
    const agreed = negotiated(theirs, full, 'basic')
    expect(agreed).toMatchObject({ extendedNextHop: false, fourOctetAS: true, routeRefresh: true })
    expect(agreed.gracefulRestart).toBeUndefined()
  })

  test('another combination of families over a next hop is not ours', () => {
    const other = { kind: 'extendedNextHop', families: [{ afi: 1, safi: 128, nextHopAfi: 2 }] } as const
    expect(negotiated({ capabilities: [other, as4(64512)] }, full).extendedNextHop).toBe(false)
  })

  test('our OPEN', () => {
    const kinds = (offer: Offer, own: Partial<FsmConfig> = full) =>
      ownOpen({ ...config, ...own }, offer, true).capabilities.map(({ kind }) => kind)
    const basic = ['multiprotocol', 'multiprotocol', 'routeRefresh', 'fourOctetAS']
    expect(kinds('all')).toEqual([
      ...basic.slice(0, 3),
      'extendedNextHop',
      'role',
      'gracefulRestart',
      'fourOctetAS',
      'hostname',
    ])
    expect(kinds('basic')).toEqual(basic)
    expect(kinds('basic', { ...full, strictRole: true })).toEqual([
      ...basic.slice(0, 3),
      'role',
      'fourOctetAS',
    ])
    expect(kinds('none')).toEqual([])
    expect(kinds('all', { role: 'customer', peerAS: 64500 })).toEqual(basic)
  })
})

describe('a smaller OPEN after a refusal (RFC 5492 3)', () => {
  test.each<[string, Partial<FsmConfig>, readonly Offer[]]>([
    ['with capabilities by configuration', full, ['basic', 'none', 'all']],
    ['without', {}, ['none', 'all', 'none']],
  ])('%s', (_name, own, expected) => {
    const offers: Offer[] = []
    for (let offer: Offer = 'all'; offers.length < 3;)
      offers.push((offer = smallerOffer({ ...config, ...own }, offer)))
    expect(offers).toEqual(expected)
  })
})

describe('Only to Customer (RFC 9234 5)', () => {
  test.each([
    ['provider', 64500],
    ['peer', 64500],
    ['route-server', 64500],
    ['customer', undefined],
    ['route-server-client', undefined],
  ] as const)('as %s', (role, otc) => {
    expect(negotiated({}, { role }).otc).toBe(otc)
  })

  test('never inside the AS', () => {
    expect(negotiated({}, { role: 'provider', localAS: 64512 }).otc).toBeUndefined()
    expect(outcome({}, { role: 'peer', strictRole: true, localAS: 64512 })).toBe('accepted')
  })
})

test.each<[string, Partial<FsmConfig>, Partial<OpenMessage>, ReturnType<typeof outcome>]>([
  [
    'a role that does not fit',
    { role: 'peer' },
    { capabilities: [as4(64512), provider] },
    ['FL_BGP_OPEN_ROLE', []],
  ],
  ['no role where one is required', { role: 'customer', strictRole: true }, {}, ['FL_BGP_OPEN_ROLE', []]],
  ['route refresh is required', { requiredCapabilities: ['route-refresh'] }, {}, 'accepted'],
  [
    'route refresh is missing',
    { requiredCapabilities: ['route-refresh'] },
    { capabilities: [as4(64512)] },
    ['FL_BGP_OPEN_CAPABILITY', [2, 0]],
  ],
  [
    'a family is missing',
    { requiredCapabilities: ['ipv4-unicast', 'ipv6-unicast'] },
    { capabilities: [{ kind: 'multiprotocol', afi: 1, safi: 1 }, as4(64512)] },
    ['FL_BGP_OPEN_CAPABILITY', [1, 4, 0, 2, 0, 1]],
  ],
  [
    'the 4-octet AS is missing',
    { requiredCapabilities: ['four-octet-as'] },
    { capabilities: [] },
    ['FL_BGP_OPEN_CAPABILITY', [65, 4, 0, 0, 0xfb, 0xf4]],
  ],
  [
    'graceful restart is missing',
    { requiredCapabilities: ['graceful-restart'] },
    {},
    ['FL_BGP_OPEN_CAPABILITY', [64, 2, 0, 0]],
  ],
])('%s', (_name, own, change, expected) => {
  expect(outcome(change, own)).toEqual(expected)
})
