import { describe, expect, test } from 'vitest'
import { BgpError, type Treatment } from '../errors.ts'
import type { Community } from '../route.ts'
import { bothFamilies } from '../testing.ts'
import { encodeAttributes } from './attribute-writer.ts'
import { asTrans } from './open.ts'
import { mergeAs4Path } from './as-path.ts'
import { decodeUpdate } from './update.ts'

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** An UPDATE with these attributes and the route 198.51.100.0/24. */
function withAttributes(attributes: string): Uint8Array {
  const bytes = hex(attributes)
  return Buffer.concat([
    hex('0000'),
    Uint8Array.of(bytes.length >> 8, bytes.length & 255),
    bytes,
    hex('18c63364'),
  ])
}

const standard = (low: number): Community => ({ kind: 'standard', value: [64500, low] })

const origin = '40010100'
const asPath = '4002060201 0000fc00'
const nextHop = '400304c0000201'
const mandatory = origin + asPath + nextHop

function judge(body: Uint8Array, internal = false): [Treatment | 'fine', BgpError['code'] | ''] {
  try {
    const { problem } = decodeUpdate(body, { ...bothFamilies, internal })
    return problem === undefined ? ['fine', ''] : [problem.treatment, problem.code]
  } catch (error) {
    if (error instanceof BgpError) return [error.treatment, error.code]
    throw error
  }
}

describe('RFC 7606 7: each attribute and what its damage costs', () => {
  test.each<[string, string, Treatment | 'fine', BgpError['code'] | '', internal?: 'iBGP']>([
    ['nothing wrong', mandatory, 'fine', ''],
    ['ORIGIN of 2 octets', `4001020000${asPath}${nextHop}`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    ['ORIGIN 3', `40010103${asPath}${nextHop}`, 'withdraw', 'FL_BGP_UPDATE_ORIGIN'],
    ['ORIGIN flagged optional', `c0010100${asPath}${nextHop}`, 'withdraw', 'FL_BGP_UPDATE_FLAGS'],
    ['ORIGIN flagged partial', `60010100${asPath}${nextHop}`, 'fine', ''],
    ['ORIGIN with extended length', `5001000100${asPath}${nextHop}`, 'fine', ''],
    ['ORIGIN missing', asPath + nextHop, 'withdraw', 'FL_BGP_UPDATE_MISSING'],
    ['AS_PATH missing', origin + nextHop, 'withdraw', 'FL_BGP_UPDATE_MISSING'],
    ['NEXT_HOP missing', origin + asPath, 'withdraw', 'FL_BGP_UPDATE_MISSING'],
    ['AS_PATH segment type 9', `${origin}4002060901 0000fc00${nextHop}`, 'withdraw', 'FL_BGP_UPDATE_AS_PATH'],
    ['AS_PATH empty segment', `${origin}4002020200${nextHop}`, 'withdraw', 'FL_BGP_UPDATE_AS_PATH'],
    ['AS_PATH cut', `${origin}4002040201 0000${nextHop}`, 'withdraw', 'FL_BGP_UPDATE_AS_PATH'],
    [
      'NEXT_HOP of 16 octets',
      `${origin}${asPath}400310${'00'.repeat(16)}`,
      'withdraw',
      'FL_BGP_UPDATE_LENGTH',
    ],
    ['MED of 3 octets', `${mandatory}800403000001`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    ['LOCAL_PREF from eBGP, malformed even', `${mandatory}40050100`, 'fine', ''],
    ['LOCAL_PREF of 1 octet', `${mandatory}40050100`, 'withdraw', 'FL_BGP_UPDATE_LENGTH', 'iBGP'],
    ['ATOMIC_AGGREGATE of 1 octet', `${mandatory}40060100`, 'discard', 'FL_BGP_UPDATE_LENGTH'],
    ['AGGREGATOR of 5 octets', `${mandatory}c007050000000000`, 'discard', 'FL_BGP_UPDATE_LENGTH'],
    ['COMMUNITIES empty', `${mandatory}c00800`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    ['COMMUNITIES of 6 octets', `${mandatory}c008060000000000ff`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    ['CLUSTER_LIST from eBGP', `${mandatory}800a0100`, 'fine', ''],
    ['CLUSTER_LIST of 1 octet', `${mandatory}800a0100`, 'withdraw', 'FL_BGP_UPDATE_LENGTH', 'iBGP'],
    ['LARGE_COMMUNITY of 4 octets', `${mandatory}c0200400000000`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    ['EXTENDED_COMMUNITIES empty', `${mandatory}c01000`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    [
      'EXTENDED_COMMUNITIES of 7 octets',
      `${mandatory}c0100700000000000000`,
      'withdraw',
      'FL_BGP_UPDATE_LENGTH',
    ],
    ['EXTENDED_COMMUNITIES', `${mandatory}c010080002fbf400000064`, 'fine', ''],
    ['OTC of 3 octets', `${mandatory}c02303000000`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    ['unknown optional attribute', `${mandatory}c0fe0101`, 'fine', ''],
    ['unknown well-known attribute', `${mandatory}40c800`, 'reset', 'FL_BGP_UPDATE_WELL_KNOWN'],
    ['the strongest of two', `${mandatory}4006010080040100`, 'withdraw', 'FL_BGP_UPDATE_LENGTH'],
    ['two MP_UNREACH_NLRI', `${mandatory}800f03000201800f03000201`, 'reset', 'FL_BGP_UPDATE_ATTRIBUTE_LIST'],
    ['MP_REACH_NLRI flagged transitive', `${mandatory}c00e00`, 'withdraw', 'FL_BGP_UPDATE_FLAGS'],
    ['MP_REACH_NLRI cut', `${mandatory}800e020002`, 'reset', 'FL_BGP_UPDATE_OPTIONAL'],
  ])('%s', (_name, attributes, treatment, code, internal) => {
    expect(judge(withAttributes(attributes), internal === 'iBGP')).toEqual([treatment, code])
  })
})

test.each<[string, string, BgpError['code']]>([
  ['NLRI of 33 bits', '0000 0000 21 0a00000000', 'FL_BGP_UPDATE_NETWORK'],
  ['a withdrawal of 33 bits', '0006 21 0a00000000 0000', 'FL_BGP_UPDATE_NETWORK'],
  ['MP_UNREACH_NLRI of 129 bits', `0000 0018 800f15 0002 01 81 ${'20'.repeat(17)}`, 'FL_BGP_UPDATE_OPTIONAL'],
])('%s resets', (_name, body, code) => {
  expect(judge(hex(body))).toEqual(['reset', code])
})

test('the extended-length flag is set from 256 octets on', () => {
  const flags = [63, 64].map((count) => {
    const communities = Array.from({ length: count }, (_, index) => standard(index))
    return encodeAttributes({ communities }, bothFamilies)[0]
  })
  expect(flags).toEqual([0xc0, 0xd0])
})

test('the first of two attributes counts (RFC 7606 3(g))', () => {
  const { message, problem } = decodeUpdate(withAttributes(`${mandatory}40010102`), bothFamilies)
  expect(message.attributes.origin).toBe('igp')
  expect(problem).toMatchObject({ treatment: 'discard', code: 'FL_BGP_UPDATE_ATTRIBUTE_LIST' })
})

test('an unknown attribute goes into the data of its NOTIFICATION whole', () => {
  const decode = () => decodeUpdate(withAttributes(`${mandatory}40c80201ff`), bothFamilies)
  expect(decode).toThrow(expect.objectContaining({ data: [0x40, 200, 2, 1, 255] }))
})

const sequence = (...as: number[]) => ({ kind: 'sequence', as }) as const

describe('RFC 6793 4.2.3: AS4_PATH and AS_PATH together', () => {
  test.each([
    ['all covered', [sequence(asTrans, 2)], [sequence(70000, 2)], [sequence(70000, 2)]],
    ['a 2-octet speaker prepended', [sequence(9, asTrans)], [sequence(70000)], [sequence(9, 70000)]],
    ['AS4_PATH longer: ignored', [sequence(1)], [sequence(70000, 2)], [sequence(1)]],
    [
      'a set in front',
      [{ kind: 'set', as: [1, 2] } as const, sequence(asTrans)],
      [sequence(70000)],
      [{ kind: 'set', as: [1, 2] } as const, sequence(70000)],
    ],
  ])('%s', (_name, path, as4, merged) => {
    expect(mergeAs4Path(path, as4)).toEqual(merged)
  })
})
