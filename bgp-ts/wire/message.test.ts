import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { Framer } from '../framer.ts'
import { bothFamilies, cut, message as bytesOf } from '../testing.ts'
import type { CodecContext } from './context.ts'
import type { Frame } from './header.ts'
import { decodeMessage, encodeMessage, type Message } from './message.ts'
import { endOfRib, updateMessage } from './update.ts'

const twoOctets: CodecContext = { ...bothFamilies, fourOctetAS: false }
const internal: CodecContext = { ...bothFamilies, internal: true }

/** Each row serves both directions: octets after the marker, and the message they are. */
const rows: readonly [name: string, hex: string, message: Message, context?: CodecContext][] = [
  ['KEEPALIVE', '001304', { type: 'keepalive' }],
  [
    'OPEN without capabilities',
    '001d 01 04 fc00 005a 0a000001 00',
    { type: 'open', myAS: 64512, holdTime: 90, routerId: '10.0.0.1', capabilities: [] },
  ],
  [
    'OPEN of a speaker with both families and a 4-octet AS',
    '0031 01 04 fdea 005a b9ecf027 14 02 12 0104 0001 0001 0104 0002 0001 4104 0000fdea',
    {
      type: 'open',
      myAS: 65002,
      holdTime: 90,
      routerId: '185.236.240.39',
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'multiprotocol', afi: 2, safi: 1 },
        { kind: 'fourOctetAS', as: 65002 },
      ],
    },
  ],
  [
    'OPEN of an Arista without a 4-octet AS, with graceful restart',
    '002b 01 04 fde9 00b4 b9ecf040 0e 02 0c 0104 0001 0001 0200 4002 00b4',
    {
      type: 'open',
      myAS: 65001,
      holdTime: 180,
      routerId: '185.236.240.64',
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'routeRefresh' },
        {
          kind: 'gracefulRestart',
          restarting: false,
          notification: false,
          restartTime: 180,
          families: [],
        },
      ],
    },
  ],
  [
    'OPEN with everything we may offer',
    `0058 01 04 fbf4 005a 0a000002 3b 02 39
     0104 0001 0001  0104 0002 0001  0200  0506 0001 0001 0002  0901 03
     400a c078 0001 01 80 0002 01 80  4104 0000fbf4  4908 06 6e6f64652d31 00  ef02 dead`,
    {
      type: 'open',
      myAS: 64500,
      holdTime: 90,
      routerId: '10.0.0.2',
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'multiprotocol', afi: 2, safi: 1 },
        { kind: 'routeRefresh' },
        { kind: 'extendedNextHop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
        { kind: 'role', value: 3 },
        {
          kind: 'gracefulRestart',
          restarting: true,
          notification: true,
          restartTime: 120,
          families: [
            { afi: 1, safi: 1, forwarding: true },
            { afi: 2, safi: 1, forwarding: true },
          ],
        },
        { kind: 'fourOctetAS', as: 64500 },
        { kind: 'hostname', host: 'node-1', domain: '' },
        { kind: 'unknown', code: 239, value: [0xde, 0xad] },
      ],
    },
  ],
  [
    'OPEN of a router that helps others through a restart, with a domain',
    `003b 01 04 fc00 00b4 0a000001 1e 02 1c
     4002 0078  4104 0000fc00  4910 05 746f722d31 09 646332f09f929a2e78`,
    {
      type: 'open',
      myAS: 64512,
      holdTime: 180,
      routerId: '10.0.0.1',
      capabilities: [
        {
          kind: 'gracefulRestart',
          restarting: false,
          notification: false,
          restartTime: 120,
          families: [],
        },
        { kind: 'fourOctetAS', as: 64512 },
        { kind: 'hostname', host: 'tor-1', domain: 'dc2\u{1f49a}.x' },
      ],
    },
  ],
  [
    'a Hard Reset around a shutdown with a text',
    '001b 03 06 09 06 02 03 627965',
    { type: 'notification', code: 6, subcode: 9, data: [6, 2, 3, 0x62, 0x79, 0x65] },
  ],
  [
    'NOTIFICATION with data',
    '0017 03 02 02 fc01',
    { type: 'notification', code: 2, subcode: 2, data: [0xfc, 1] },
  ],
  ['ROUTE-REFRESH', '0017 05 0002 00 01', { type: 'routeRefresh', afi: 2, safi: 1, subtype: 0 }],
  ['End-of-RIB for IPv4', '0017 02 0000 0000', endOfRib('ipv4-unicast')],
  ['End-of-RIB for IPv6', '001d 02 0000 0006 800f03 0002 01', endOfRib('ipv6-unicast')],
  [
    'a withdrawal',
    '0020 02 0009 20c6336401 18cb0071 0000',
    updateMessage({ withdrawn: [parsePrefix('198.51.100.1/32'), parsePrefix('203.0.113.0/24')] }),
  ],
  [
    'IPv6 withdrawals',
    '002e 02 0000 0017 800f14 0002 01 80 20010db8000000000000000000000001',
    updateMessage({ unreach: { family: 'ipv6-unicast', prefixes: [parsePrefix('2001:db8::1/128')] } }),
  ],
  [
    'an eBGP announcement with MED and communities',
    `0051 02 0000 0035
     400101 00  400206 02 01 0000fbf4  400304 c0000202  800404 0000001e  c00808 fbf40007 ffffff01
     c0200c 0000fbf4 00000001 00000002  20c6336401`,
    updateMessage({
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', as: [64500] }],
        nextHop: parseAddress('192.0.2.2'),
        med: 30,
        communities: [
          { kind: 'standard', value: [64500, 7] },
          { kind: 'standard', value: [65535, 65281] },
          { kind: 'large', value: [64500, 1, 2] },
        ],
      },
      nlri: [parsePrefix('198.51.100.1/32')],
    }),
  ],
  [
    'an iBGP announcement: empty AS_PATH and LOCAL_PREF',
    '0031 02 0000 0015 400101 00 400200 400304 c0000202 400504 00000064 20c6336401',
    updateMessage({
      attributes: {
        origin: 'igp',
        asPath: [],
        nextHop: parseAddress('192.0.2.2'),
        localPref: 100,
        communities: [],
      },
      nlri: [parsePrefix('198.51.100.1/32')],
    }),
    internal,
  ],
  [
    'a 4-octet path for a 2-octet peer: 23456 and AS4_PATH',
    '0037 02 0000 001b 400101 00 400204 02 01 5ba0 400304 c0000202 c01106 02 01 fa56ea01 20c6336401',
    updateMessage({
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', as: [4_200_000_001] }],
        nextHop: parseAddress('192.0.2.2'),
        communities: [],
      },
      nlri: [parsePrefix('198.51.100.1/32')],
    }),
    twoOctets,
  ],
  [
    'a path that fits for a 2-octet peer',
    '002e 02 0000 0012 400101 00 400204 02 01 fbf4 400304 c0000202 20c6336401',
    updateMessage({
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', as: [64500] }],
        nextHop: parseAddress('192.0.2.2'),
        communities: [],
      },
      nlri: [parsePrefix('198.51.100.1/32')],
    }),
    twoOctets,
  ],
  [
    'an IPv6 announcement: MP_REACH_NLRI first, global and link-local next hop',
    `0057 02 0000 0040
     800e36 0002 01 20 fd000000000000000000000000000002 fe800000000000000000000000000002 00
     80 20010db8000000000000000000000001  400101 00 400200`,
    updateMessage({
      attributes: { origin: 'igp', asPath: [], communities: [] },
      reach: {
        family: 'ipv6-unicast',
        nextHop: parseAddress('fd00::2'),
        linkLocal: parseAddress('fe80::2'),
        prefixes: [parsePrefix('2001:db8::1/128')],
      },
    }),
  ],
]

const frameOf = (bytes: Uint8Array): Frame => cut(bytes)[0] as Frame

describe.each(rows)('%s', (_name, hex, message, context = bothFamilies) => {
  const bytes = bytesOf(hex.replaceAll(/\s/g, ''))

  test('decodes', () => {
    const decoded = decodeMessage(frameOf(bytes), context)
    expect(decoded.problem).toBeUndefined()
    expect(decoded.message).toEqual(message)
  })

  test('decodes whichever octet it is split at', () => {
    for (let at = 1; at < bytes.length; at++) {
      const framer = new Framer()
      const frames = [...cut(bytes.subarray(0, at), framer), ...cut(bytes.subarray(at), framer)] as Frame[]
      expect(decodeMessage(frames[0], context).message).toEqual(message)
    }
  })

  test('encodes', () => {
    expect(Buffer.from(encodeMessage(message, context)).toString('hex')).toBe(
      Buffer.from(bytes).toString('hex'),
    )
  })
})
