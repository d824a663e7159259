import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { WatchLines } from './watch-lines.ts'

const text = '{"a":"é€😀"}\n\n{"b":[1,2]}\r\n{"c":"\u2028"}\n'
const expected = ['{"a":"é€😀"}', '{"b":[1,2]}\r', '{"c":"\u2028"}']

it('gives the same lines wherever the stream is cut', () => {
  const bytes = Buffer.from(text)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const lines = new WatchLines(1000)
    const got = [...lines.push(bytes.subarray(0, cut)), ...lines.push(bytes.subarray(cut))]
    expect(got).toEqual(expected)
    lines.end()
  }
})

it('gives the same lines cut at every byte, and in random pieces', () => {
  const bytes = Buffer.from(text)
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 60 })
  fc.assert(
    fc.property(sizes, (pieces) => {
      const lines = new WatchLines(1000)
      const got: string[] = []
      let at = 0
      for (const size of pieces) {
        got.push(...lines.push(bytes.subarray(at, at + size)))
        at += size
      }
      expect(got).toEqual(expected)
    }),
  )
  const lines = new WatchLines(1000)
  expect([...bytes].flatMap((byte) => [...lines.push(Buffer.from([byte]))])).toEqual(expected)
})

it('says that a line was cut', () => {
  const lines = new WatchLines(1000)
  expect([...lines.push(Buffer.from('{"a":1}\n{"b'))]).toEqual(['{"a":1}'])
  expect(() => lines.end()).toThrow('cut in the middle of a line')
})

it('refuses a line over the limit, in one chunk or in many, finished or not, after those before it', () => {
  const tooLong = expect.objectContaining({ code: 'FL_KUBE_STREAM' })
  const read = (lines: WatchLines, ...chunks: string[]) => {
    const got: string[] = []
    const readAll = () => {
      for (const chunk of chunks) for (const line of lines.push(Buffer.from(chunk))) got.push(line)
    }
    expect(readAll).toThrow(tooLong)
    return got
  }
  expect(read(new WatchLines(8), '123456789\n')).toEqual([])
  expect(read(new WatchLines(8), '123456789')).toEqual([])
  expect(read(new WatchLines(8), '1\n1234', '56789')).toEqual(['1'])
  expect(read(new WatchLines(8), '1\n123456789')).toEqual(['1'])
  const fits = new WatchLines(8).push(Buffer.from('12345678\n12345678\n'))
  expect([...fits]).toEqual(['12345678', '12345678'])
})
