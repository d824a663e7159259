import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BgpError } from '../errors.ts'
import { malformedCases, caseOctets } from '../malformed-cases.ts'
import { bothFamilies } from '../testing.ts'
import type { CodecContext } from './context.ts'
import { headerLength } from './header.ts'
import { decodeUpdate, type UpdateMessage } from './update.ts'
import { isGoodUpdate } from './update-check.ts'

/**
 * One rule: an UPDATE is good if the decoder finds a prefix and nothing wrong. The octets around the body are there to be
 * read by mistake.
 */
function expectAgreement(body: Uint8Array, context: CodecContext): boolean {
  const good = goodToDecoder(body, context)
  for (const around of [0, 255]) {
    const bytes = new Uint8Array(body.length + 40).fill(around)
    bytes.set(body, 20)
    const seen = isGoodUpdate({ bytes, from: 20, to: 20 + body.length }, context)
    if (seen !== good) expect.fail(`${seen} for ${Buffer.from(body).toString('hex')}`)
  }
  return good
}

function goodToDecoder(body: Uint8Array, context: CodecContext): boolean {
  try {
    const { message, problem } = decodeUpdate(body, context)
    return problem === undefined && prefixCount(message) > 0
  } catch (error) {
    if (error instanceof BgpError) return false
    throw error
  }
}

const prefixCount = ({ withdrawn, nlri, reach, unreach }: UpdateMessage): number =>
  withdrawn.length + nlri.length + (reach?.prefixes.length ?? 0) + (unreach?.prefixes.length ?? 0)

const context: fc.Arbitrary<CodecContext> = fc.record({
  fourOctetAS: fc.boolean(),
  internal: fc.boolean(),
  families: fc.constantFrom<CodecContext['families']>(
    ['ipv4-unicast'],
    ['ipv6-unicast'],
    ['ipv4-unicast', 'ipv6-unicast'],
  ),
  extendedNextHop: fc.boolean(),
})

const octet = fc.integer({ min: 0, max: 255 })
const octets = (lengths: readonly number[]) =>
  fc.constantFrom(...lengths).chain((length) => fc.array(octet, { minLength: length, maxLength: length }))

/** Mostly as it should be, sometimes not. */
const prefix = (bits: number) =>
  fc
    .oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: bits }) },
      { weight: 1, arbitrary: fc.integer({ min: bits - 1, max: bits + 9 }) },
    )
    .chain((length) => octets([Math.ceil(length / 8)]).map((value) => [length, ...value]))
const prefixes = (bits: number) => fc.array(prefix(bits), { maxLength: 3 }).map((list) => list.flat())

const segment = fc
  .tuple(fc.constantFrom(2, 2, 2, 1, 3, 4, 5), fc.integer({ min: 0, max: 3 }), fc.constantFrom(2, 4))
  .chain(([type, count, size]) =>
    fc.array(octet, { minLength: count * size, maxLength: count * size }).map((as) => [type, count, ...as]),
  )

const mp = fc
  .tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 1, 1, 2), fc.constantFrom(4, 16, 32, 9), fc.boolean())
  .chain(([afi, safi, hop, reach]) =>
    fc.tuple(octets([hop]), prefixes(afi === 1 ? 32 : 128)).map(([nextHop, list]) => ({
      type: reach ? 14 : 15,
      flags: 0x80,
      value: reach ? [0, afi, safi, hop, ...nextHop, 0, ...list] : [0, afi, safi, ...list],
    })),
  )

const plain = (type: number, flags: number, value: fc.Arbitrary<number[]>) =>
  value.map((octets) => ({ type, flags, value: octets }))

const attribute = fc.oneof(
  plain(1, 0x40, fc.constantFrom([0], [1], [2], [3], [0, 0])),
  plain(
    2,
    0x40,
    fc.array(segment, { maxLength: 3 }).map((list) => list.flat()),
  ),
  plain(3, 0x40, octets([4, 4, 4, 3])),
  plain(4, 0x80, octets([4, 4, 5])),
  plain(5, 0x40, octets([4, 0])),
  plain(6, 0x40, octets([0, 1])),
  plain(7, 0xc0, octets([6, 8, 7])),
  plain(8, 0xc0, octets([4, 8, 0, 6])),
  plain(10, 0x80, octets([4, 3])),
  plain(16, 0xc0, octets([8, 4])),
  plain(
    17,
    0xc0,
    fc.array(segment, { maxLength: 2 }).map((list) => list.flat()),
  ),
  plain(32, 0xc0, octets([12, 24, 8])),
  plain(35, 0xc0, octets([4, 5])),
  mp,
  mp,
  plain(200, 0xc0, octets([0, 3])),
  plain(201, 0x40, octets([1])),
)

/** With flags that are wrong now and then, and lengths in one octet or two. */
const encoded = fc
  .tuple(attribute, fc.boolean(), fc.constantFrom(0, 0, 0, 0, 0, 0, 0x80, 0x40, 0x20))
  .map(([{ type, flags, value }, extended, flip]) =>
    extended || value.length > 255
      ? [(flags ^ flip) | 0x10, type, value.length >> 8, value.length & 255, ...value]
      : [flags ^ flip, type, value.length, ...value],
  )

const good = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1]
const list = fc
  .tuple(fc.boolean(), fc.array(encoded, { maxLength: 6 }))
  .map(([whole, others]) => [...(whole ? good : []), ...others.flat()])

const counted = (octets: readonly number[]): number[] => [octets.length >> 8, octets.length & 255, ...octets]

const body = fc
  .tuple(prefixes(32), list, prefixes(32))
  .map(([withdrawn, attributes, nlri]) =>
    Uint8Array.from([...counted(withdrawn), ...counted(attributes), ...nlri]),
  )

test('it agrees with the decoder', () => {
  fc.assert(
    fc.property(body, context, (octets, context) => void expectAgreement(octets, context)),
    { numRuns: 400 },
  )
})

test('it agrees with the decoder where an octet is another one, or the end is missing', () => {
  fc.assert(
    fc.property(body, context, fc.nat(), octet, fc.boolean(), (octets, context, position, value, cut) => {
      const at = position % octets.length
      const changed = cut ? octets.slice(0, at) : octets.with(at, value)
      // A shorter one does not get past the framer.
      if (changed.length >= 4) expectAgreement(changed, context)
    }),
    { numRuns: 400 },
  )
})

test('it agrees with the decoder about each malformed case', () => {
  for (const one of malformedCases) {
    const octets = caseOctets(one)
    if (octets[18] === 2) expectAgreement(octets.subarray(headerLength), bothFamilies)
  }
})

test('routes of both families with all usual attributes are good', () => {
  const usual = Buffer.from(
    '400101004002060201 0000fc00400304c0000201 80040400000001 c00804fbf40001'.replaceAll(' ', ''),
    'hex',
  )
  const reach = Buffer.from(`800e1a000201 10 ${'20'.repeat(16)} 00 2020010db8`.replaceAll(' ', ''), 'hex')
  const v4 = Uint8Array.from([...counted([]), ...counted([...usual]), 24, 198, 51, 100])
  const v6 = Uint8Array.from([...counted([]), ...counted([...reach, ...usual])])
  expect([v4, v6].map((octets) => expectAgreement(octets, bothFamilies))).toEqual([true, true])
})
