import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildRouterAdvertisement,
  buildRouterSolicitation,
  parseRouterMessage,
} from './router-advertisement.ts'

const end = { mac: '02:00:00:00:00:0a', linkLocal: 'fe80::a' }
const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex')
const octets = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

const advertisement =
  '333300000001 02000000000a 86dd' +
  '60000000 0018 3a ff fe80000000000000000000000000000a ff020000000000000000000000000001' +
  '86 00 7913 00 00 0000 00000000 00000000 01 01 02000000000a'

test('our advertisement: router lifetime 0, nothing else specified', () => {
  expect(hex(buildRouterAdvertisement(end))).toBe(hex(octets(advertisement)))
})

test('our solicitation, to all routers', () => {
  const frame = buildRouterSolicitation(end)
  expect(hex(frame.subarray(0, 6))).toBe('333300000002')
  expect(hex(frame.subarray(38, 54))).toBe('ff020000000000000000000000000002')
  expect(parseRouterMessage(frame)).toEqual({ kind: 'solicitation', source: 'fe80::a' })
})

test('what FRR sends, with prefix and MTU options', () => {
  const frame = octets(
    '333300000001 02000000000b 86dd' +
      '6c000000 0038 3a ff fe80000000000000000000000000000b ff020000000000000000000000000001' +
      '86 00 0000 40 00 0708 00000000 00000000 01 01 02000000000b' +
      '03 04 40 c0 00278d00 00093a80 00000000 20010db8000000000000000000000000',
  )
  frame.writeUInt16BE(checksumOf(frame), 56)
  expect(parseRouterMessage(frame)).toEqual({ kind: 'advertisement', source: 'fe80::b' })
})

/** Independent of the code: RFC 1071 over pseudo-header and message with a checksum of zero. */
function checksumOf(frame: Buffer): number {
  const message = frame.subarray(54, 54 + frame.readUInt16BE(18))
  const words = Buffer.concat([
    frame.subarray(22, 54),
    Buffer.of(0, 0, 0, message.length, 0, 0, 0, 58),
    message,
  ])
  let sum = 0
  for (let at = 0; at < words.length; at += 2) sum += words.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

describe('what RFC 4861 6.1 does not let pass', () => {
  const changed = (at: number, text: string, mend = true): Buffer => {
    const frame = octets(advertisement)
    octets(text).copy(frame, at)
    if (mend) {
      frame.writeUInt16BE(0, 56)
      frame.writeUInt16BE(checksumOf(frame), 56)
    }
    return frame
  }
  test.each<[string, Buffer]>([
    ['hop limit 254', changed(21, 'fe')],
    ['a checksum that is wrong', changed(56, '0001', false)],
    ['code 1', changed(55, '01')],
    ['a source that is not link-local', changed(22, '2001')],
    ['an option of length 0', changed(71, '00')],
    ['an option past the end', changed(71, '02')],
    ['another type', changed(54, '88')],
    ['another protocol', changed(20, '11', false)],
    ['IPv4', changed(12, '0800', false)],
    ['cut short', octets(advertisement).subarray(0, 70)],
    ['shorter than an advertisement is', changed(18, '0008')],
  ])('%s', (_name, frame) => {
    expect(parseRouterMessage(frame)).toBeUndefined()
  })

  test('any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (frame) => {
        parseRouterMessage(frame)
      }),
    )
  })
})
