import { describe, expect, test } from 'vitest'
import {
  NetlinkWriter,
  parseAttributeList,
  parseAttributes,
  parseMessages,
} from '#raw-socket/netlink/message.ts'
import { nftMessages, type NetfilterBatch } from '#raw-socket/netlink/netfilter.ts'
import { build, everything } from '../dataplane-suite.ts'
import { collectionNames, type Operation } from '../model.ts'
import { comesTwice, decodeCollection, decodeElements } from './decode.ts'
import { attributes, encodeOperations } from './encode.ts'

/** A transaction in memory: message types and bodies. */
function record(operations: readonly Operation[]): { type: number; body: Buffer }[] {
  const writer = new NetlinkWriter()
  const batch: NetfilterBatch = {
    begin: (type, flags, family) => writer.begin(type, flags, 1).u8(family).u8(0).u16be(0),
    end: () => void writer.end(),
    get length() {
      return writer.length
    },
    get count() {
      return writer.count
    },
  }
  encodeOperations(batch, operations)
  return parseMessages(Buffer.from(writer.finish())).map(({ type, body }) => ({ type, body }))
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

describe('an element in octets', () => {
  const [message] = record([
    {
      do: 'add',
      family: 4,
      collection: 'endpoints',
      key: '10.96.0.1 . tcp . 80 . 2',
      value: '10.0.1.2 . 8080',
    },
  ])
  const element = parseAttributes(
    parseAttributeList(parseAttributes(message.body.subarray(4)).get(attributes.listElements) as Buffer)[0]
      .payload,
  )
  const inner = (type: number) => hex(parseAttributes(element.get(type) as Buffer).get(attributes.value))

  test('every field of the key fills whole words, ports in network order, slots in the order of the machine', () => {
    expect(inner(attributes.key)).toBe(`0a600001${'06000000'}${'00500000'}${'02001efa'}`)
  })
  test('so do those of the value', () => {
    expect(inner(attributes.data)).toBe(`0a000102${'1f900000'}`)
  })
})

test('neighbours in one set share a message, and a list is split before it is too long', () => {
  const many = Array.from({ length: 3000 }, (_, index): Operation => ({
    do: 'add',
    family: 6,
    collection: 'endpoints',
    key: `fd00:96::1 . tcp . 80 . ${index}`,
    value: 'fd00:1::1 . 80',
  }))
  const messages = record(many)
  expect(messages.length).toBeGreaterThan(1)
  expect(messages.length).toBeLessThan(10)
  const texts = messages.flatMap(({ body }) => [
    ...(decodeCollection(6, 'endpoints', [body])?.elements ?? []),
  ])
  expect(texts).toEqual(many.map(({ key, value }) => [key, value]))
})

test('a replacement deletes and adds', () => {
  const messages = record([
    {
      do: 'replace',
      family: 4,
      collection: 'ping-responder',
      key: '0.0.0.0',
      value: '10.0.0.2',
      previous: '10.0.0.1',
    },
  ])
  expect(messages.map(({ type }) => type & 0xff)).toEqual([nftMessages.delSetElem, nftMessages.newSetElem])
})

test('what we never write is not decoded: it could not even be deleted', () => {
  const strange: Operation[] = [
    { do: 'add', family: 4, collection: 'endpoints', key: '10.96.0.1 . tcp . 80 . 2', value: '10.0.0.1 . 1' },
  ]
  const [{ body }] = record(strange)
  expect(decodeCollection(4, 'endpoints', [body])?.elements.size).toBe(1)
  // Another major number than that of slots, and a protocol without a name.
  expect(decodeCollection(4, 'endpoints', [replaced(body, '02001efa', '02001ffa')])).toBeUndefined()
  expect(decodeCollection(4, 'endpoints', [replaced(body, '06000000', '01000000')])).toBeUndefined()
  expect(decodeCollection(4, 'affinity-frontends', [body])).toBeUndefined()
})

test('an element that is listed twice is noticed', () => {
  const [{ body }] = record(build(everything()).filter(({ collection }) => collection === 'endpoints'))
  expect(comesTwice(decodeElements([body]))).toBe(false)
  expect(comesTwice(decodeElements([body, body]))).toBe(true)
  expect(decodeCollection(4, 'endpoints', [body])?.twice).toBe(false)
  expect(decodeCollection(4, 'endpoints', [body, body])?.twice).toBe(true)
  // Neighbours: the end of the first is the start of the second.
  const ranges = ['10.0.0.0/24', '10.0.1.0/24'].map((key): Operation => ({
    do: 'add',
    family: 4,
    collection: 'pod-sources',
    key,
    value: '',
  }))
  const bodies = record(ranges).map((one) => one.body)
  expect(comesTwice(decodeElements(bodies))).toBe(false)
  expect(decodeCollection(4, 'pod-sources', bodies)?.twice).toBe(false)
})

test('an answer that ends too soon is refused', () => {
  const [{ body }] = record(build(everything()).filter(({ collection }) => collection === 'endpoints'))
  for (const missing of [1, 5, 20]) {
    const cut = body.subarray(0, body.length - missing)
    expect(() => decodeCollection(4, 'endpoints', [cut])).toThrow(/octets/)
  }
})

const replaced = (body: Buffer, from: string, to: string): Buffer =>
  Buffer.from(body.toString('hex').replace(from, to), 'hex')

test.each([4, 6] as const)('IPv%i: what is encoded is decoded', (family) => {
  for (const name of collectionNames) {
    const elements = everything()[family][name]
    const operations = build(everything()).filter((one) => one.family === family && one.collection === name)
    const separator = { 'allowed-sources': '/', 'affinity-timeouts': ' . ' }[name as string]
    const lengths = separator ? operations.map(({ key }) => Number(key.split(separator).at(-1))) : [0]
    const decoded = new Map(
      lengths.flatMap((length) => {
        const some = operations.filter(({ key }) => length === 0 || key.endsWith(`${separator}${length}`))
        return [
          ...(decodeCollection(
            family,
            name,
            record(some).map(({ body }) => body),
            length,
          )?.elements ?? []),
        ]
      }),
    )
    expect(decoded, name).toEqual(new Map(elements))
  }
})
