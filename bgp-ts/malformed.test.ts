import { describe, expect, test } from 'vitest'
import type { PeerConfig } from './config.ts'
import { encodeOpenBytes, message, sessionIn } from './testing.ts'
import { writeMessage } from './wire/header.ts'

/**
 * Odd and malformed messages through a whole session, octets in and octets out. We are AS 64500 with identifier
 * 10.0.0.2; both families, 4-octet AS numbers and plain route refresh are negotiated, the hold time is 90 s.
 */
type State = 'OpenSent' | 'OpenConfirm' | 'Established'

/** NOTIFICATION `code/subcode`, and its data as hex. */
const notification = (pair: string, data = ''): string => {
  const [code, subcode] = pair.split('/').map(Number)
  return Buffer.from([0, 21 + data.length / 2, 3, code, subcode]).toString('hex') + data
}

const iBGP: Partial<PeerConfig> = { localAS: 64512 }

describe('closed with a NOTIFICATION', () => {
  test.each<[number, State, string, string, string, string, Partial<PeerConfig>?]>([
    [2, 'Established', 'length 18', '001204', '1/2', '0012'],
    [4, 'Established', 'type 0', '001300', '1/3', '00'],
    [5, 'Established', 'type 6', '001306', '1/3', '06'],
    [5, 'OpenSent', 'type 6', '001306', '1/3', '06'],
    [7, 'Established', 'UPDATE of 22 octets', '001602000000', '1/2', '0016'],
    [8, 'Established', 'NOTIFICATION of 20 octets', '00140306', '1/2', '0014'],
    [11, 'OpenSent', 'OPEN of 28 octets', '001c0104fc00005a0a000001', '1/2', '001c'],
    [13, 'OpenSent', 'version 5', '00250105fc00005a0a000001080206010400010001', '2/1', '0004'],
    [14, 'OpenSent', 'AS 0', '002501040000005a0a000001080206010400010001', '2/2', '0000'],
    [16, 'OpenSent', 'AS 23456 alone', '002501045ba0005a0a000001080206010400010001', '2/2', '5ba0'],
    [
      17,
      'OpenSent',
      'capability 65 with AS 0',
      '002b0104fc00005a0a0000010e020c010400010001410400000000',
      '2/2',
      '00000000',
    ],
    [19, 'OpenSent', 'hold time 1', '00250104fc0000010a000001080206010400010001', '2/6', '0001'],
    [20, 'OpenSent', 'hold time 2', '00250104fc0000020a000001080206010400010001', '2/6', '0002'],
    [22, 'OpenSent', 'identifier 0', '00250104fc00005a00000000080206010400010001', '2/3', '00000000'],
    [23, 'OpenSent', 'our identifier', '00250104fc00005a0a000002080206010400010001', '2/3', '0a000002', iBGP],
    [26, 'OpenSent', 'parameter type 1', '00230104fc00005a0a00000106010400000000', '2/4', ''],
    [28, 'OpenSent', 'parameters past the end', '001d0104fc00005a0a00000120', '2/0', ''],
    [29, 'OpenSent', 'capability past its parameter', '00230104fc00005a0a000001060204010a0001', '2/0', ''],
    [35, 'OpenSent', 'KEEPALIVE instead of OPEN', '001304', '5/1', '04'],
    [37, 'OpenConfirm', 'UPDATE before KEEPALIVE', '00170200000000', '5/2', '02'],
    [38, 'Established', 'second OPEN', '00250104fc00005a0a000001080206010400010001', '5/3', '01'],
    [43, 'Established', 'withdrawn length past the end', '00170200200000', '3/1', ''],
    [44, 'Established', 'attribute length past the end', '00170200000020', '3/1', ''],
    [
      46,
      'Established',
      '/24 with 2 octets',
      '002e02000000144001010040020602010000fc00400304c000020118c000',
      '3/10',
      '',
    ],
    [
      56,
      'Established',
      'next hop of 9 octets in MP_REACH_NLRI',
      '0031020000001a800e170002010920010db80000000000004020010db800000001',
      '3/1',
      '',
    ],
    [
      58,
      'Established',
      'MP_UNREACH_NLRI cut',
      '0022020000000b800f080002014020010db8',
      '3/9',
      '800f080002014020010db8',
    ],
  ])('row %d, %s: %s', (_row, state, _name, hex, pair, data, change) => {
    const { session, peer } = sessionIn(state, change)
    peer.receive(message(hex))
    expect(peer.takeHex()).toEqual([message(notification(pair, data)).toString('hex')])
    expect(peer.closed).toBe(true)
    expect(session.status()).toMatchObject({ state: 'Idle', counters: { notificationsSent: 1 } })
    expect(session.status().lastError?.text).toContain(`(${pair})`)
  })

  test('row 1: a marker with a zero', () => {
    const { peer } = sessionIn('Established')
    peer.receive(Buffer.from('ffffffffffffffffffffffffffffffff00001304'.slice(2), 'hex'))
    expect(peer.takeHex()).toEqual([message(notification('1/1')).toString('hex')])
    expect(peer.closed).toBe(true)
  })
})

describe('the OPEN is accepted', () => {
  test.each([
    [25, 'a multicast identifier', '00250104fc00005ae0000001080206010400010001'],
    [25, 'the broadcast identifier', '00250104fc00005affffffff080206010400010001'],
    [31, 'unknown capability 239', '00310104fc00005a0a00000114021201040001000141040000fc00ef04deadbeef'],
    [32, 'one capability twice', '002d0104fc00005a0a0000011002060104000100010206010400010001'],
    [34, 'no capabilities', '001d0104fc00005a0a00000100'],
  ])('row %d: %s', (_row, _name, hex) => {
    const { session, peer } = sessionIn('OpenSent')
    peer.receive(message(hex))
    expect(peer.takeHex()).toEqual([message('001304').toString('hex')])
    expect(session.status().state).toBe('OpenConfirm')
  })
})

describe('counted, and the session stays', () => {
  test.each([
    [47, 'a stray octet', '003002000000154001010040020602010000fc00400304c00002014018c00002'],
    [49, 'ORIGIN 3', '002f02000000144001010340020602010000fc00400304c000020118c00002'],
    [50, 'ORIGIN twice', '00330200000018400101004001010040020602010000fc00400304c000020118c00002'],
    [52, 'AS_PATH segment past its end', '002f02000000144001010040020602ff0000fc00400304c000020118c00002'],
    [53, 'AS_PATH with AS 0', '002f020000001440010100400206020100000000400304c000020118c00002'],
    [
      55,
      'unknown well-known attribute',
      '003202000000174001010040020602010000fc00400304c000020140c80018c00002',
    ],
    [59, 'MP_REACH_NLRI of AFI 25', '0021020000000a800e0700194102000000'],
  ])('row %d: %s', (_row, _name, hex) => {
    const { session, peer } = sessionIn('Established')
    peer.receive(message(hex))
    expect(peer.takeHex()).toEqual([])
    expect(session.status()).toMatchObject({
      state: 'Established',
      counters: { updatesReceived: 1, malformedUpdates: 1 },
    })
  })
})

describe('nothing wrong', () => {
  test.each([
    [61, 'End-of-RIB for IPv6', '001d0200000006800f03000201'],
    [62, 'an UPDATE with a route', '002f02000000144001010040020602010000fc00400304c000020118c00002'],
    [67, 'ROUTE-REFRESH subtype 1', '00170500010101'],
    [68, 'ROUTE-REFRESH subtype 255', '0017050001ff01'],
  ])('row %d: %s', (_row, _name, hex) => {
    const { session, peer, clock } = sessionIn('Established')
    peer.receive(message(hex))
    clock.advance(100)
    expect(peer.takeHex()).toEqual([])
    expect(session.status()).toMatchObject({ state: 'Established', counters: { malformedUpdates: 0 } })
  })

  test('row 65: ROUTE-REFRESH for a family that is not negotiated', () => {
    const { session, peer, clock } = sessionIn('Established', { families: ['ipv4-unicast'] })
    peer.receive(message('00170500020001'))
    clock.advance(100)
    expect(peer.takeHex()).toEqual([])
    expect(session.status()).toMatchObject({ state: 'Established', counters: { routeRefreshReceived: 1 } })
  })
})

describe('the peer closes', () => {
  test('row 10: in the middle of a header', () => {
    const { session, peer } = sessionIn('OpenSent')
    peer.receive(Buffer.alloc(10, 0xff))
    peer.ended()
    expect(peer.takeHex()).toEqual([])
    expect(session.status()).toMatchObject({
      state: 'Active',
      lastError: {
        code: 'FL_BGP_CONNECTION_CLOSED',
        text: 'the peer closed the connection, before it sent an OPEN',
      },
    })
  })

  test.each([
    [40, '001903060203627965', '"bye"'],
    [41, '0019030602c8627965', 'with a malformed text'],
  ])('row %d: with a NOTIFICATION, which is not answered', (_row, hex, words) => {
    const { session, peer } = sessionIn('Established')
    peer.receive(message(hex))
    expect(peer.takeHex()).toEqual([])
    expect(peer.closed).toBe(true)
    expect(session.status()).toMatchObject({ state: 'Idle', counters: { notificationsReceived: 1 } })
    expect(session.status().lastError?.text).toContain(words)
  })
})

describe('the hold time', () => {
  test('row 70: silence', () => {
    const { peer, clock } = sessionIn('Established')
    clock.advance(89_999)
    expect(peer.closed).toBe(false)
    peer.takeHex()
    clock.advance(1)
    expect(peer.takeHex()).toEqual([message(notification('4/0')).toString('hex')])
    expect(peer.closed).toBe(true)
  })

  test('row 71: an octet of a long message every second does not restart it', () => {
    const { peer, clock } = sessionIn('Established')
    const trickle = writeMessage('update', new Uint8Array(200))
    for (let second = 0; second < 90; second++) {
      expect(peer.closed).toBe(false)
      peer.receive(trickle.subarray(second, second + 1))
      clock.advance(1000)
    }
    expect(peer.closed).toBe(true)
    expect(peer.takeHex().at(-1)).toBe(message(notification('4/0')).toString('hex'))
  })

  test('row 73: a flood of KEEPALIVEs delays no route', () => {
    const { session, peer, clock } = sessionIn('Established')
    const flood = Buffer.concat(Array.from({ length: 3000 }, () => message('001304')))
    session.put({ prefix: { address: { family: 4, value: 1n }, length: 32 }, communities: [] })
    for (let count = 0; count < 5; count++) peer.receive(flood)
    clock.advance(20)
    expect(peer.takeHex()).toHaveLength(1)
    expect(session.status().counters.keepalivesReceived).toBe(15_001)
  })
})

test('after a case a good session comes up again', () => {
  const { session, peer, clock, connections } = sessionIn('Established')
  peer.receive(message('001300'))
  clock.advance(5000)
  expect(connections).toHaveLength(2)
  connections[1].opened('192.0.2.2', '192.0.2.1')
  connections[1].receive(Buffer.concat([encodeOpenBytes(), message('001304')]))
  expect(session.status().state).toBe('Established')
})
