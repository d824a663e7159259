import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressBits, type Address, type Family } from '#inet/address.ts'
import { prefixOf, type Prefix } from '#inet/prefix.ts'
import { BgpError } from '../errors.ts'
import type { Community } from '../route.ts'
import { bothFamilies, cut } from '../testing.ts'
import { origins, type PathAttributes } from './attributes.ts'
import { canonicalCommunities } from './communities.ts'
import type { CodecContext } from './context.ts'
import { messageTypes, type Frame, type MessageType } from './header.ts'
import { decodeMessage, encodeMessage, type Message } from './message.ts'
import { updateMessage } from './update.ts'

const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const octet = fc.integer({ min: 0, max: 255 })
const asNumber = fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 65536, max: 0xffffffff }))

const address = (family: Family): fc.Arbitrary<Address> =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(addressBits(family))) - 1n }).map((value) => ({ family, value }))

const prefix = (family: Family): fc.Arbitrary<Prefix> =>
  fc
    .tuple(address(family), fc.integer({ min: 0, max: addressBits(family) }))
    .map(([value, length]) => prefixOf(value, length))

const community: fc.Arbitrary<Community> = fc.oneof(
  fc.tuple(u16, u16).map((value) => ({ kind: 'standard', value }) as const),
  fc.tuple(u32, u32).map((value) => ({ kind: 'extended', value }) as const),
  fc.tuple(u32, u32, u32).map((value) => ({ kind: 'large', value }) as const),
)

const attributes: fc.Arbitrary<PathAttributes> = fc
  .record({
    origin: fc.constantFrom(...origins),
    // Neighbouring sequences would come back as one from a 2-octet peer.
    asPath: fc.oneof(
      fc.constant([]),
      fc.array(asNumber, { minLength: 1, maxLength: 6 }).map((as) => [{ kind: 'sequence' as const, as }]),
      fc
        .tuple(
          fc.array(asNumber, { minLength: 1, maxLength: 4 }),
          fc.array(asNumber, { minLength: 1, maxLength: 4 }),
        )
        .map(([as, set]) => [
          { kind: 'sequence' as const, as },
          { kind: 'set' as const, as: set },
        ]),
    ),
    nextHop: address(4),
    communities: fc.array(community, { maxLength: 80 }).map(canonicalCommunities),
  })
  .chain((base) =>
    fc
      .record({ med: u32, localPref: u32, onlyToCustomer: u32 }, { requiredKeys: [] })
      .map((more) => ({ ...base, ...more })),
  )

const prefixes = (family: Family) => fc.array(prefix(family), { maxLength: 20 })
const families = fc.constantFrom(['ipv4-unicast', 4] as const, ['ipv6-unicast', 6] as const)
const reach = families.chain(([family, addresses]) =>
  fc
    .record({
      nextHop: address(6),
      linkLocal: fc.option(address(6), { nil: undefined }),
      prefixes: prefixes(addresses),
    })
    .map(({ linkLocal, ...rest }) => ({ family, ...rest, ...(linkLocal && { linkLocal }) })),
)

const update = fc
  .record(
    {
      withdrawn: prefixes(4),
      nlri: prefixes(4),
      attributes,
      reach,
      unreach: fc.record({ family: fc.constant('ipv6-unicast' as const), prefixes: prefixes(6) }),
    },
    { requiredKeys: ['withdrawn', 'nlri', 'attributes'] },
  )
  .map(updateMessage)

const open = fc.record({
  type: fc.constant('open' as const),
  myAS: u16,
  holdTime: u16,
  routerId: fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')),
  capabilities: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('multiprotocol' as const), afi: u16, safi: octet }),
      fc.constant({ kind: 'routeRefresh' as const }),
      fc.record({ kind: fc.constant('fourOctetAS' as const), as: u32 }),
      fc.record({ kind: fc.constant('role' as const), value: octet }),
      fc.record({
        kind: fc.constant('extendedNextHop' as const),
        families: fc.array(fc.record({ afi: u16, safi: u16, nextHopAfi: u16 }), { maxLength: 2 }),
      }),
      fc.record({
        kind: fc.constant('gracefulRestart' as const),
        restarting: fc.boolean(),
        notification: fc.boolean(),
        restartTime: fc.integer({ min: 0, max: 4095 }),
        families: fc.array(fc.record({ afi: u16, safi: octet, forwarding: fc.boolean() }), { maxLength: 3 }),
      }),
      fc.record({
        kind: fc.constant('hostname' as const),
        host: fc.constantFrom('', 'node-1', 'grüße'),
        domain: fc.constantFrom('', 'example.net'),
      }),
      fc.record({
        kind: fc.constant('unknown' as const),
        code: fc.integer({ min: 74, max: 255 }),
        value: fc.array(octet, { maxLength: 20 }),
      }),
    ),
    { maxLength: 8 },
  ),
})

const message: fc.Arbitrary<Message> = fc.oneof(
  update,
  open,
  fc.record({
    type: fc.constant('notification' as const),
    code: octet,
    subcode: octet,
    data: fc.array(octet, { maxLength: 100 }),
  }),
  fc.record({ type: fc.constant('routeRefresh' as const), afi: u16, safi: octet, subtype: octet }),
)

const contexts: readonly CodecContext[] = [true, false].map((fourOctetAS) => ({
  ...bothFamilies,
  fourOctetAS,
  internal: true,
}))

describe.each(contexts)('with 4-octet AS numbers: $fourOctetAS', (context) => {
  test('what is encoded decodes to the same message', () => {
    fc.assert(
      fc.property(message, (original) => {
        const [frame] = cut(encodeMessage(original, context)) as Frame[]
        const { message: decoded, problem } = decodeMessage(frame, context)
        expect(problem).toBeUndefined()
        expect(decoded).toEqual(original)
      }),
      { numRuns: 200 },
    )
  })

  test('random octets decode or are a BgpError, never anything else', () => {
    const type = fc.constantFrom(...(Object.keys(messageTypes) as MessageType[]))
    fc.assert(
      fc.property(type, fc.uint8Array({ minLength: 10, maxLength: 200 }), (type, body) => {
        try {
          decodeMessage({ type, body }, context)
        } catch (error) {
          expect(error).toBeInstanceOf(BgpError)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('an UPDATE with one octet changed decodes or is a BgpError', () => {
    fc.assert(
      fc.property(update, fc.nat(), octet, (original, position, value) => {
        const body = encodeMessage(original, context).slice(19)
        body[position % body.length] = value
        try {
          decodeMessage({ type: 'update', body }, context)
        } catch (error) {
          expect(error).toBeInstanceOf(BgpError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
