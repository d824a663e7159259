import type { AddressFamily } from './config.ts'

/**
 * Odd and malformed messages, and what a speaker that discards routes has to make of them. We are AS 64500 with
 * identifier 10.0.0.2, the peer is AS 64512 with 10.0.0.1 (with `internal` both are 64512). Unless the case says
 * otherwise IPv4 and IPv6 unicast, 4-octet AS numbers and plain route refresh are negotiated, the hold time is 90 s.
 */
export interface MalformedCase {
  readonly number: number
  readonly name: string
  /** where the session is when it comes; `any`: whichever has a connection */
  readonly state: 'any' | 'OpenSent' | 'OpenConfirm' | 'Established'
  /** what the peer writes, as hex; `M` is a marker of sixteen ff */
  readonly octets: string
  /** what it does with them; `send` when absent */
  readonly play?: Play
  readonly expect: Reaction
  readonly internal?: true
  readonly families?: readonly AddressFamily[]
  /** why this reaction, where others are possible */
  readonly note?: string
}

/**
 * How the octets come:
 * - `end`: and then the peer closes the connection;
 * - `silence`: nothing is sent for the hold time;
 * - `trickle`: one octet of them every second;
 * - `pieces`: in three parts, with pauses that are shorter than the hold time;
 * - `feed`: again and again, a million times;
 * - `flood`: a hundred thousand times at once;
 * - `second`: over another connection, which the peer opens to us (`listen`).
 */
type Play = 'end' | 'silence' | 'trickle' | 'pieces' | 'feed' | 'flood' | 'second'

type Reaction =
  /** a NOTIFICATION with this data (hex), then the connection is closed */
  | { readonly kind: 'notification'; readonly pair: string; readonly data: string }
  /** the same on the connection they came over, the session of the other one stays */
  | { readonly kind: 'refused'; readonly pair: string }
  /** no NOTIFICATION; the connection is closed, and status says why in these words */
  | { readonly kind: 'closed'; readonly words: string }
  /** the OPEN is good: KEEPALIVE, and the session goes to OpenConfirm */
  | { readonly kind: 'accepted' }
  /** the session stays and nothing is sent; the UPDATE counts as malformed, or as nothing out of the ordinary */
  | { readonly kind: 'counted' }
  | { readonly kind: 'ignored' }
  /** all routes of IPv4 are sent again, none is withdrawn */
  | { readonly kind: 'resent' }

/** The octets of a case. */
export const caseOctets = ({ octets }: Pick<MalformedCase, 'octets'>): Buffer =>
  Buffer.from(octets.replaceAll('M', 'ff'.repeat(16)).replaceAll(' ', ''), 'hex')

const notification = (pair: string, data = ''): Reaction => ({ kind: 'notification', pair, data })
const accepted: Reaction = { kind: 'accepted' }
const counted: Reaction = { kind: 'counted' }
const ignored: Reaction = { kind: 'ignored' }

/** Cases that are nothing but octets and a reaction. */
function cases(
  state: MalformedCase['state'],
  rows: readonly (readonly [number: number, name: string, octets: string, expect: Reaction, note?: string])[],
): MalformedCase[] {
  return rows.map(([number, name, octets, expect, note]) => ({
    number,
    name,
    state,
    octets,
    expect,
    ...(note !== undefined && { note }),
  }))
}

const framing = cases('any', [
  [1, 'marker octet 16 is 00', 'ffffffffffffffffffffffffffffff00 001304', notification('1/1')],
  [2, 'length 18', 'M 001204', notification('1/2', '0012')],
  [3, 'length 4097', 'M 100102', notification('1/2', '1001')],
  [4, 'type 0', 'M 001300', notification('1/3', '00')],
  [5, 'type 6', 'M 001306', notification('1/3', '06')],
  [6, 'KEEPALIVE of 20 octets', 'M 00140400', notification('1/2', '0014')],
  [7, 'UPDATE of 22 octets', 'M 001602000000', notification('1/2', '0016')],
  [
    8,
    'NOTIFICATION of 20 octets',
    'M 00140306',
    notification('1/2', '0014'),
    'RFC 4271 6.1 asks for it, 6.4 forbids to answer a NOTIFICATION; without a subcode this is not one yet',
  ],
  [
    9,
    'NOTIFICATION with an unknown code',
    'M 0015036309',
    { kind: 'closed', words: 'unknown error (99/9)' },
    'a NOTIFICATION is never answered (RFC 4271 6.4)',
  ],
])

const opens = cases('OpenSent', [
  [11, 'OPEN of 28 octets', 'M 001c0104fc00005a0a000001', notification('1/2', '001c')],
  [12, 'version 3', 'M 00250103fc00005a0a000001080206010400010001', notification('2/1', '0004')],
  [13, 'version 5', 'M 00250105fc00005a0a000001080206010400010001', notification('2/1', '0004')],
  [14, 'AS 0', 'M 002501040000005a0a000001080206010400010001', notification('2/2', '0000')],
  [15, 'another AS', 'M 00250104fde7005a0a000001080206010400010001', notification('2/2', 'fde7')],
  [
    16,
    'AS 23456 without capability 65',
    'M 002501045ba0005a0a000001080206010400010001',
    notification('2/2', '5ba0'),
  ],
  [
    17,
    'capability 65 with AS 0',
    'M 002b0104fc00005a0a0000010e020c010400010001410400000000',
    notification('2/2', '00000000'),
  ],
  [
    18,
    'capability 65 with another AS',
    'M 002b0104fc00005a0a0000010e020c01040001000141040000fde7',
    notification('2/2', '0000fde7'),
  ],
  [19, 'hold time 1', 'M 00250104fc0000010a000001080206010400010001', notification('2/6', '0001')],
  [20, 'hold time 2', 'M 00250104fc0000020a000001080206010400010001', notification('2/6', '0002')],
  [21, 'hold time 0', 'M 00250104fc0000000a000001080206010400010001', accepted],
  [22, 'identifier 0.0.0.0', 'M 00250104fc00005a00000000080206010400010001', notification('2/3', '00000000')],
  [24, 'our identifier, in another AS', 'M 00250104fc00005a0a000002080206010400010001', accepted],
  [25, 'identifier 224.0.0.1', 'M 00250104fc00005ae0000001080206010400010001', accepted],
  [26, 'optional parameter 1', 'M 00230104fc00005a0a00000106010400000000', notification('2/4')],
  [27, 'optional parameter 3', 'M 00230104fc00005a0a00000106030400000000', notification('2/4')],
  [28, 'parameters beyond the message', 'M 001d0104fc00005a0a00000120', notification('2/0')],
  [29, 'a capability beyond its parameter', 'M 00230104fc00005a0a000001060204010a0001', notification('2/0')],
  [
    30,
    'multiprotocol capability of 3 octets',
    'M 00240104fc00005a0a0000010702050103000100',
    notification('2/0'),
  ],
  [
    31,
    'unknown capability 239',
    'M 00310104fc00005a0a00000114021201040001000141040000fc00ef04deadbeef',
    accepted,
  ],
  [
    32,
    'one capability in two parameters',
    'M 002d0104fc00005a0a0000011002060104000100010206010400010001',
    accepted,
  ],
  [
    33,
    'extended optional parameters',
    'M 00290104fc00005a0a000001ffff0009020006010400010001',
    accepted,
    'RFC 9072',
  ],
  [34, 'no capabilities at all', 'M 001d0104fc00005a0a00000100', accepted],
  [35, 'KEEPALIVE instead of OPEN', 'M 001304', notification('5/1', '04')],
  [36, 'UPDATE instead of OPEN', 'M 00170200000000', notification('5/1', '02')],
])

const confirming = cases('OpenConfirm', [
  [
    37,
    'UPDATE before KEEPALIVE',
    'M 00170200000000',
    notification('5/2', '02'),
    'RFC 6608; BIRD takes it for the KEEPALIVE, which RFC 4271 8.2.2 does not allow',
  ],
  [39, 'second OPEN', 'M 00250104fc00005a0a000001080206010400010001', notification('5/2', '01')],
])

const mpReach = '800e1a 000201 10 20010db8000000000000000000000001 00 20 20010db8'

const updates = cases('Established', [
  [38, 'second OPEN', 'M 00250104fc00005a0a000001080206010400010001', notification('5/3', '01')],
  [40, 'NOTIFICATION 6/2 with a text', 'M 001903060203627965', { kind: 'closed', words: '(6/2): "bye"' }],
  [
    41,
    'NOTIFICATION 6/2, its text shorter than said',
    'M 0019030602c8627965',
    { kind: 'closed', words: '(6/2), with a malformed text' },
  ],
  [
    42,
    'NOTIFICATION 6/2 with a text that is not UTF-8',
    'M 001903060203ff0a41',
    { kind: 'closed', words: '(6/2): "\ufffd\ufffdA"' },
  ],
  [43, 'withdrawn length beyond the message', 'M 00170200200000', notification('3/1')],
  [44, 'attribute length beyond the message', 'M 00170200000020', notification('3/1')],
  [
    45,
    'a prefix of 33 bits',
    'M 003102000000144001010040020602010000fc00400304c000020121c0000200 00',
    notification('3/10'),
  ],
  [
    46,
    'a /24 of 2 octets',
    'M 002e02000000144001010040020602010000fc00400304c000020118c000',
    notification('3/10'),
  ],
  [
    47,
    'a stray octet behind the attributes',
    'M 003002000000154001010040020602010000fc00400304c00002014018c00002',
    counted,
  ],
  [48, 'no ORIGIN', 'M 002b020000001040020602010000fc00400304c000020118c00002', counted],
  [49, 'ORIGIN 3', 'M 002f02000000144001010340020602010000fc00400304c000020118c00002', counted],
  [50, 'ORIGIN twice', 'M 00330200000018400101004001010040020602010000fc00400304c000020118c00002', counted],
  [
    51,
    'AS_PATH segment of type 7',
    'M 002f02000000144001010040020607010000fc00400304c000020118c00002',
    counted,
  ],
  [
    52,
    'AS_PATH segment beyond the attribute',
    'M 002f02000000144001010040020602ff0000fc00400304c000020118c00002',
    counted,
  ],
  [53, 'AS_PATH with AS 0', 'M 002f020000001440010100400206020100000000400304c000020118c00002', counted],
  [
    54,
    'unknown optional attribute 200',
    'M 003302000000184001010040020602010000fc00400304c0000201c0c8010018c00002',
    ignored,
  ],
  [
    55,
    'unknown well-known attribute 200',
    'M 003202000000174001010040020602010000fc00400304c000020140c80018c00002',
    notification('3/2', '40c800'),
    'RFC 7606 leaves the reset of RFC 4271 6.3 in place',
  ],
  [
    56,
    'next hop of 9 octets in MP_REACH_NLRI',
    'M 0031020000001a800e170002010920010db80000000000004020010db800000001',
    notification('3/1'),
    'RFC 7606 7.11 would also let the family be ignored from then on',
  ],
  [
    57,
    'MP_REACH_NLRI twice',
    `M 0051020000 003a ${mpReach} ${mpReach}`,
    notification('3/1'),
    'RFC 7606 3(g)',
  ],
  [
    58,
    'MP_UNREACH_NLRI cut off',
    'M 0022020000000b800f080002014020010db8',
    notification('3/9', '800f080002014020010db8'),
  ],
  [59, 'MP_REACH_NLRI of AFI 25', 'M 0021020000000a800e0700194102000000', counted],
  [60, 'End-of-RIB for IPv4', 'M 00170200000000', ignored],
  [61, 'End-of-RIB for IPv6', 'M 001d0200000006800f03000201', ignored],
  [
    63,
    'ORIGIN with the flags of an optional attribute',
    'M 002f0200000014c001010040020602010000fc00400304c000020118c00002',
    counted,
  ],
  [64, 'ROUTE-REFRESH for IPv4', 'M 00170500010001', { kind: 'resent' }],
  [
    66,
    'ROUTE-REFRESH of 24 octets',
    'M 001805000100 0100',
    notification('7/1', `${'ff'.repeat(16)}0018050001000100`),
    'longer ones carry outbound filters, which were not offered (RFC 5291)',
  ],
  [67, 'ROUTE-REFRESH subtype 1, which was not offered', 'M 00170500010101', ignored],
  [68, 'ROUTE-REFRESH subtype 255', 'M 0017050001ff01', ignored],
  [69, 'ROUTE-REFRESH of AFI 25', 'M 00170500190041', ignored],
])

/** In the order of their numbers. */
export const malformedCases: readonly MalformedCase[] = [
  ...framing,
  ...opens,
  ...confirming,
  ...updates,
  {
    number: 10,
    name: 'the peer closes after 10 octets of a header',
    state: 'OpenSent',
    octets: 'ffffffffffffffffffff',
    play: 'end',
    expect: { kind: 'closed', words: 'the peer closed the connection, before it sent an OPEN' },
  } as const,
  {
    number: 23,
    name: 'our identifier, in our AS',
    state: 'OpenSent',
    octets: 'M 00250104fc00005a0a000002080206010400010001',
    internal: true,
    expect: notification('2/3', '0a000002'),
  } as const,
  {
    number: 62,
    name: 'a million routes',
    state: 'Established',
    octets: 'M 002f02000000144001010040020602010000fc00400304c000020118c00002',
    play: 'feed',
    expect: ignored,
  } as const,
  {
    number: 65,
    name: 'ROUTE-REFRESH for a family that is not negotiated',
    state: 'Established',
    octets: 'M 00170500020001',
    families: ['ipv4-unicast'],
    expect: ignored,
  } as const,
  {
    number: 70,
    name: 'nothing for the hold time',
    state: 'Established',
    octets: '',
    play: 'silence',
    expect: notification('4/0'),
  } as const,
  {
    number: 71,
    name: 'one octet of a message every second',
    state: 'Established',
    octets: `M 00db02${'00'.repeat(200)}`,
    play: 'trickle',
    expect: notification('4/0'),
    note: 'only a whole KEEPALIVE or UPDATE restarts the hold timer (RFC 4271 8.2.2)',
  } as const,
  {
    number: 72,
    name: 'a KEEPALIVE in three pieces',
    state: 'Established',
    octets: 'M 001304',
    play: 'pieces',
    expect: ignored,
  } as const,
  {
    number: 73,
    name: 'a flood of KEEPALIVEs',
    state: 'Established',
    octets: 'M 001304',
    play: 'flood',
    expect: ignored,
  } as const,
  {
    number: 74,
    name: 'a second connection with a good OPEN',
    state: 'Established',
    octets: 'M 00250104fc00005a0a000001080206010400010001',
    play: 'second',
    expect: { kind: 'refused', pair: '6/7' },
    note: 'RFC 4271 6.8; without `listen` the port is closed',
  } as const,
].toSorted((a, b) => a.number - b.number)
