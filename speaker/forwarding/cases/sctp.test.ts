import { expect, test } from 'vitest'
import { crc32c, decodeFrame, encodeFrame, type Chunk } from './sctp.ts'

test('CRC32c of known octets', () => {
  // RFC 3720 appendix B.4.
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
})

const init: Chunk = {
  kind: 'init',
  source: '10.0.0.2',
  destination: '172.30.0.42',
  sourcePort: 40_000,
  destinationPort: 53,
  verificationTag: 0,
  initiateTag: 0x01020304,
}

test.each([
  init,
  { ...init, kind: 'init-ack', verificationTag: 7 } as const,
  { ...init, source: 'fd00::10:0:0:2', destination: 'fd00::172:30:0:42' },
])('a frame is what was put into it: $kind from $source', (chunk) => {
  const frame = encodeFrame('02:00:00:00:00:01', '02:00:00:00:00:02', chunk)
  expect(decodeFrame(frame)).toEqual({ ...chunk, checksumRight: true })
  frame[frame.length - 1] ^= 1
  expect(decodeFrame(frame)).toMatchObject({ checksumRight: false })
})

test('an IPv4 header sums up to zero', () => {
  const header = encodeFrame('02:00:00:00:00:01', '02:00:00:00:00:02', init).subarray(14, 34)
  let sum = 0
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at)
  expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff)
})

test('other frames are nothing', () => {
  const frame = encodeFrame('02:00:00:00:00:01', '02:00:00:00:00:02', init)
  frame[14 + 9] = 17
  expect(decodeFrame(frame)).toBeUndefined()
})
