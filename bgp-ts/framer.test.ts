import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BgpError, notifications } from './errors.ts'
import { Framer } from './framer.ts'
import { cut, message } from './testing.ts'
import { maxMessageLength, writeMessage, type Frame } from './wire/header.ts'

const stream = Buffer.concat([
  message('001304'),
  message('001903 0602 03627965'),
  message('0017 02 0000 0000'),
  writeMessage('update', new Uint8Array(maxMessageLength - 19).fill(7)),
  message('0017 05 0001 00 01'),
])

const plain = (frame: Frame | BgpError) =>
  frame instanceof BgpError ? frame : { type: frame.type, body: Buffer.from(frame.body).toString('hex') }

const whole = cut(stream).map(plain)

const ends = (frame: Frame | BgpError) =>
  frame instanceof BgpError ? frame : [frame.type, frame.body.length, ...frame.body.subarray(0, 8)].join(' ')
const wholeEnds = cut(stream).map(ends)

test('one chunk with five messages', () => {
  expect(whole.map((frame) => 'type' in frame && frame.type)).toEqual([
    'keepalive',
    'notification',
    'update',
    'update',
    'routeRefresh',
  ])
})

test('the same messages whichever octet the stream is split at', () => {
  for (let at = 1; at < stream.length; at++) {
    const framer = new Framer()
    const frames = [...cut(stream.subarray(0, at), framer), ...cut(stream.subarray(at), framer)]
    expect(frames.length, `split at ${at}`).toBe(whole.length)
    // Comparing all of them in full would take seconds: the long third is compared by its ends.
    expect(frames.map(ends), `split at ${at}`).toEqual(wholeEnds)
  }
})

/** What the stream gives in chunks of these sizes, over and over. */
const chunked = (sizes: readonly number[]) => {
  const framer = new Framer()
  const frames = []
  let offset = 0
  for (let index = 0; offset < stream.length; index++) {
    const size = sizes[index % sizes.length]
    frames.push(...cut(stream.subarray(offset, offset + size), framer))
    offset += size
  }
  return frames.map(plain)
}

test('the same messages octet by octet, and in any chunks', () => {
  expect(chunked([1])).toEqual(whole)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 10 }), (sizes) => {
      expect(chunked(sizes)).toEqual(whole)
    }),
    { numRuns: 50 },
  )
})

test('holds no more than one unfinished message', () => {
  const framer = new Framer()
  const part = writeMessage('update', new Uint8Array(maxMessageLength - 19)).subarray(0, maxMessageLength - 1)
  expect(cut(part, framer)).toEqual([])
  expect(framer.held).toBe(maxMessageLength - 1)
})

describe('a bad header ends the stream', () => {
  test.each([
    ['a zero in the marker', 'ffffffffffffffffffffffffffffff00 0013 04', [1, 1], ''],
    ['length 18', 'M 0012 04', [1, 2], '0012'],
    ['length 4097', 'M 1001 02', [1, 2], '1001'],
    ['type 0', 'M 0013 00', [1, 3], '00'],
    ['type 6', 'M 0013 06', [1, 3], '06'],
    ['type 0 and length 18: the type counts', 'M 0012 00', [1, 3], '00'],
    ['OPEN of 28 octets', 'M 001c 01', [1, 2], '001c'],
    ['UPDATE of 22 octets', 'M 0016 02', [1, 2], '0016'],
    ['NOTIFICATION of 20 octets', 'M 0014 03', [1, 2], '0014'],
    ['KEEPALIVE of 20 octets', 'M 0014 04', [1, 2], '0014'],
    ['ROUTE-REFRESH of 22 octets', 'M 0016 05', [1, 2], '0016'],
  ])('%s', (_name, text, pair, data) => {
    const bytes = Buffer.from(text.replace('M', 'ff'.repeat(16)).replaceAll(' ', ''), 'hex')
    for (const size of [1, bytes.length]) {
      const framer = new Framer()
      const results = []
      for (let offset = 0; offset < bytes.length; offset += size) {
        results.push(...cut(bytes.subarray(offset, offset + size), framer))
      }
      const [error] = results as BgpError[]
      expect(results).toHaveLength(1)
      expect(notifications[error.code].slice(0, 2)).toEqual(pair)
      expect(Buffer.from(error.data).toString('hex')).toBe(data)
      expect(cut(message('001304'), framer)).toEqual([])
    }
  })
})
