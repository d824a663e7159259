import { describe, expect, test } from 'vitest'
import { pcapHeader, pcapRecord, readPcap } from './pcap.ts'

const frame = Uint8Array.from({ length: 60 }, (_, at) => at)
const at = 1_795_268_000_123.456

test('what is written is read', () => {
  const file = Buffer.concat([pcapHeader(), pcapRecord({ at, frame }), pcapRecord({ at: at + 5, frame })])
  const read = readPcap(file)
  expect(read.map((one) => one.at - at)).toEqual([expect.closeTo(0, 2), expect.closeTo(5, 2)])
  expect(read.every((one) => Buffer.compare(one.frame, frame) === 0)).toBe(true)
})

test('a record that is cut short is left out, wherever it is cut', () => {
  const whole = Buffer.concat([pcapHeader(), pcapRecord({ at, frame }), pcapRecord({ at, frame })])
  for (let length = 24; length < whole.length; length++) {
    expect(readPcap(whole.subarray(0, length))).toHaveLength(length < 24 + 76 ? 0 : 1)
  }
})

describe('files of others', () => {
  const words = (...values: number[]) => {
    const file = Buffer.alloc(values.length * 4)
    values.forEach((value, index) => file.writeUInt32BE(value >>> 0, index * 4))
    return file
  }

  test('big-endian, microseconds', () => {
    const file = words(0xa1b2c3d4, 0x00020004, 0, 0, 65535, 1, 10, 500_000, 4, 4, 0xdeadbeef)
    expect(readPcap(file)).toEqual([{ at: 10_500, frame: Buffer.from('deadbeef', 'hex') }])
  })

  test.each([
    ['all interfaces', words(0xa1b2c3d4, 0x00020004, 0, 0, 65535, 276), '-i any'],
    ['pcapng', words(0x0a0d0d0a, 0, 0, 0, 0, 0), 'pcapng'],
    ['something else', Buffer.alloc(100, 'x'), 'not a capture file'],
    ['nothing', Buffer.alloc(0), 'too short'],
  ])('%s is refused in words', (_what, file, reason) => {
    expect(() => readPcap(file)).toThrow(reason)
  })
})
