import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  attributeText,
  NetlinkWriter,
  parseAcknowledgement,
  parseAttributeList,
  parseAttributes,
  parseMessages,
  parseNested,
  type NetlinkAttribute,
  type NetlinkMessage,
} from './message.ts'

const octets = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
const start = (): NetlinkWriter => new NetlinkWriter(0).begin(0x1234, 0x0301, 7)
const header = (length: string): string => `${length} 3412 0103 07000000 00000000`

describe('writing', () => {
  test.each<[string, (writer: NetlinkWriter) => NetlinkWriter, string]>([
    ['a bare message', (w) => w, header('10000000')],
    ['numbers', (w) => w.u8(1).u8(2).u16(3).u16be(3).u16(0), `${header('18000000')} 01 02 0300 0003 0000`],
    ['words', (w) => w.u32(0xfffffffe).u32be(0xfffffffe), `${header('18000000')} feffffff fffffffe`],
    ['octets, padded at the end', (w) => w.bytes(Uint8Array.of(9)), `${header('14000000')} 09 000000`],
    ['attribute', (w) => w.attribute(5, Uint8Array.of(1, 2, 3)), `${header('18000000')} 0700 0500 010203 00`],
    ['empty attribute', (w) => w.attribute(5, new Uint8Array(0)), `${header('14000000')} 0400 0500`],
    ['text', (w) => w.attributeString(1, 'lb'), `${header('18000000')} 0700 0100 6c6200 00`],
    ['one octet', (w) => w.attributeU8(1, 9), `${header('18000000')} 0500 0100 09 000000`],
    ['host order', (w) => w.attributeU32(1, 8), `${header('18000000')} 0800 0100 08000000`],
    ['network order', (w) => w.attributeU32be(1, 8), `${header('18000000')} 0800 0100 00000008`],
    ['64 bits', (w) => w.attributeU64be(1, 8n), `${header('1c000000')} 0c00 0100 0000000000000008`],
    [
      'nested twice',
      (w) => w.open(3).open(1).attributeU8(2, 5).close().close(),
      `${header('20000000')} 1000 0380 0c00 0180 0500 0200 05 000000`,
    ],
  ])('%s', (_name, write, expected) => {
    expect(Buffer.from(write(start()).end().finish()).toString('hex')).toBe(octets(expected).toString('hex'))
  })

  test('a writer used again leaves nothing of the first use in the padding', () => {
    const writer = new NetlinkWriter(64)
    writer.begin(1, 0, 1).attribute(1, new Uint8Array(16).fill(0xff)).end()
    writer.reset().begin(1, 0, 1).attribute(1, Uint8Array.of(1)).bytes(Uint8Array.of(2)).end()
    expect(Buffer.from(writer.finish().subarray(16)).toString('hex')).toBe('050001000100000002000000')
    expect(writer.count).toBe(1)
  })

  test('says how long the open attribute is, and refuses one that is too long for its length field', () => {
    const writer = start().open(1)
    for (let count = 0; count < 8191; count++) writer.attributeU32(1, count)
    expect(writer.openLength).toBe(65_532)
    writer.attributeU32(1, 0)
    expect(() => writer.close()).toThrow(expect.objectContaining({ code: 'FL_SYS_TOO_LONG' }))
    expect(() => start().attribute(1, new Uint8Array(65_532))).toThrow(
      expect.objectContaining({ code: 'FL_SYS_TOO_LONG' }),
    )
  })

  test.each<[string, () => unknown]>([
    ['end without begin', () => new NetlinkWriter().end()],
    ['begin inside a message', () => start().begin(1, 1, 1)],
    ['close without open', () => start().close()],
    ['end inside a nested attribute', () => start().open(1).end()],
    ['finish inside a message', () => start().finish()],
  ])('%s is a mistake that is told', (_name, act) => {
    expect(act).toThrow(expect.objectContaining({ code: 'FL_SYS_ARGUMENT' }))
  })
})

describe('reading', () => {
  const truncated = expect.objectContaining({ code: 'FL_SYS_TRUNCATED' })

  test('a message is read as it was written, and every cut of it is an error', () => {
    const bytes = start().attributeU32(1, 5).end().begin(2, 0, 8).u32(9).end().finish()
    const [first, second] = parseMessages(bytes)
    expect(first).toMatchObject({ type: 0x1234, flags: 0x0301, seq: 7, pid: 0 })
    expect(parseAttributes(first.body).get(1)?.readUInt32LE()).toBe(5)
    expect(second).toMatchObject({ type: 2, flags: 0, seq: 8, body: octets('09000000') })
    for (let length = 1; length < bytes.length; length++) {
      if (length === 24) expect(parseMessages(bytes.subarray(0, length))).toHaveLength(1)
      else expect(() => parseMessages(bytes.subarray(0, length))).toThrow(truncated)
    }
  })

  test.each([
    ['length 0', '0000 0100 00000000'],
    ['length 3', '0300 0100'],
    ['length beyond the end', '0900 0100 00000000'],
    ['three octets left', '0400 0100 040001'],
  ])('an attribute with %s', (_name, hex) => {
    expect(() => parseAttributeList(octets(hex))).toThrow(truncated)
  })

  test('the last attribute needs no padding; flag bits are not part of the type', () => {
    expect(parseAttributeList(octets('0500 0180 07'))).toEqual([{ type: 1, payload: octets('07') }])
    expect(parseAttributeList(octets('0500 0240 07'))).toEqual([{ type: 2, payload: octets('07') }])
  })

  test('of several attributes with one type the map has the last, the list has all', () => {
    const bytes = octets('0500 0100 01000000 0500 0100 02000000')
    expect(parseAttributes(bytes).get(1)).toEqual(octets('02'))
    expect(parseAttributeList(bytes)).toHaveLength(2)
  })

  test('nested attributes; absent is empty', () => {
    const attributes = parseAttributes(octets('0c00 0380 0500 0100 09000000'))
    expect(parseNested(attributes, 3).get(1)).toEqual(octets('09'))
    expect(parseNested(attributes, 4).size).toBe(0)
  })

  test('text ends at its NUL', () => {
    expect(attributeText(octets('6c6200'))).toBe('lb')
    expect(attributeText(octets('6c62'))).toBe('lb')
    expect(attributeText(octets(''))).toBe('')
  })

  const echoed = '24000000 0c0a 0500 2a000000 00000000'
  test.each([
    ['acknowledged', 0, `00000000 ${echoed}`, { errno: 0, seq: 42, text: '' }],
    ['refused', 0x100, `feffffff ${echoed}`, { errno: 2, seq: 42, text: '' }],
    [
      'refused with words',
      0x300,
      `feffffff ${echoed} 0800 0100 6e6f2100`,
      { errno: 2, seq: 42, text: 'no!' },
    ],
    [
      'refused with words behind the whole message',
      0x200,
      `feffffff ${echoed} ${'00'.repeat(20)} 0800 0100 6e6f2100`,
      { errno: 2, seq: 42, text: 'no!' },
    ],
  ])('%s', (_name, flags, hex, expected) => {
    expect(parseAcknowledgement(message(flags, octets(hex)))).toEqual(expected)
  })

  test('a cut acknowledgement', () => {
    expect(() => parseAcknowledgement(message(0, octets('feffffff')))).toThrow(truncated)
  })
})

const message = (flags: number, body: Buffer): NetlinkMessage => ({ type: 2, flags, seq: 42, pid: 1, body })

const plain = (attributes: readonly NetlinkAttribute[]) =>
  attributes.map(({ type, payload }) => ({ type, payload: new Uint8Array(payload) }))
const inside = (attributes: readonly NetlinkAttribute[]) =>
  plain(parseAttributeList(attributes.at(-1)?.payload ?? new Uint8Array(0)))

describe('round trips', () => {
  const payload = fc.uint8Array({ maxLength: 70 })
  const attribute = fc.record({ type: fc.integer({ min: 0, max: 0x3fff }), payload })
  const item = fc.record({
    type: fc.integer({ min: 0, max: 0xffff }),
    flags: fc.integer({ min: 0, max: 0xffff }),
    seq: fc.integer({ min: 0, max: 0xffffffff }),
    attributes: fc.array(attribute, { maxLength: 6 }),
    nested: fc.array(attribute, { maxLength: 4 }),
  })

  test('what is written is read', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), fc.integer({ min: 0, max: 64 }), (items, capacity) => {
        const writer = new NetlinkWriter(capacity)
        for (const { type, flags, seq, attributes, nested } of items) {
          writer.begin(type, flags, seq)
          for (const { type, payload } of attributes) writer.attribute(type, payload)
          writer.open(1)
          for (const { type, payload } of nested) writer.attribute(type, payload)
          writer.close().end()
        }
        const read = parseMessages(writer.finish()).map(({ type, flags, seq, body }) => {
          const attributes = parseAttributeList(body)
          return { type, flags, seq, attributes: plain(attributes.slice(0, -1)), nested: inside(attributes) }
        })
        expect(read).toEqual(items)
      }),
    )
  })
})

// One octet at a time, as the manual page says it.
const number = (bytes: readonly number[], at: number, size: number): number =>
  bytes.slice(at, at + size).reduceRight((value, octet) => value * 256 + octet, 0)

const attempt = <T>(parse: () => T): T | 'truncated' => {
  try {
    return parse()
  } catch (error) {
    expect(error).toMatchObject({ code: 'FL_SYS_TRUNCATED' })
    return 'truncated'
  }
}

function slowAttributes(bytes: readonly number[]): { type: number; payload: number[] }[] | 'truncated' {
  if (bytes.length === 0) return []
  if (bytes.length < 4) return 'truncated'
  const length = number(bytes, 0, 2)
  if (length < 4 || length > bytes.length) return 'truncated'
  const rest = slowAttributes(bytes.slice(Math.ceil(length / 4) * 4))
  if (rest === 'truncated') return 'truncated'
  return [{ type: number(bytes, 2, 2) % 0x4000, payload: bytes.slice(4, length) }, ...rest]
}

function slowMessages(
  bytes: readonly number[],
): { type: number; seq: number; body: number[] }[] | 'truncated' {
  if (bytes.length === 0) return []
  if (bytes.length < 16) return 'truncated'
  const length = number(bytes, 0, 4)
  if (length < 16 || length > bytes.length) return 'truncated'
  const rest = slowMessages(bytes.slice(Math.ceil(length / 4) * 4))
  if (rest === 'truncated') return 'truncated'
  return [{ type: number(bytes, 4, 2), seq: number(bytes, 8, 4), body: bytes.slice(16, length) }, ...rest]
}

describe('against a slow decoder', () => {
  // Random octets alone almost never have a sensible length, so lengths are drawn small and flags with them.
  const piece = fc.tuple(fc.integer({ min: 0, max: 14 }), fc.uint8Array({ minLength: 2, maxLength: 14 }))
  const likelyAttributes = fc
    .array(piece, { maxLength: 5 })
    .map((pieces) => pieces.flatMap(([length, rest]) => [length, 0, ...rest]))
  const likelyMessages = fc
    .array(fc.tuple(fc.integer({ min: 12, max: 30 }), fc.uint8Array({ minLength: 12, maxLength: 28 })), {
      maxLength: 4,
    })
    .map((pieces) => pieces.flatMap(([length, rest]) => [length, 0, 0, 0, ...rest]))
  const anything = fc.uint8Array({ maxLength: 60 }).map((bytes) => [...bytes])

  test('attributes', () => {
    fc.assert(
      fc.property(fc.oneof(likelyAttributes, anything), (bytes) => {
        const fast = attempt(() =>
          parseAttributeList(Uint8Array.from(bytes)).map(({ type, payload }) => ({
            type,
            payload: [...payload],
          })),
        )
        expect(fast).toEqual(slowAttributes(bytes))
      }),
    )
  })

  test('messages', () => {
    fc.assert(
      fc.property(fc.oneof(likelyMessages, anything), (bytes) => {
        const fast = attempt(() =>
          parseMessages(Uint8Array.from(bytes)).map(({ type, seq, body }) => ({
            type,
            seq,
            body: [...body],
          })),
        )
        expect(fast).toEqual(slowMessages(bytes))
      }),
    )
  })
})
