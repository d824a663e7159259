import { expect, test } from 'vitest'
import { accept, alu, ancillary, assemble, drop, jump, label, load } from './bpf.ts'

test('octets of a program: tcpdump -dd arp', () => {
  const program = assemble([
    load.half(12),
    jump.unlessEqual(0x806, 'drop'),
    accept(0x40000),
    label('drop'),
    drop(),
  ])
  expect(Buffer.from(program).toString('hex')).toBe(
    ['2800 00 00 0c000000', '1500 00 01 06080000', '0600 00 00 00000400', '0600 00 00 00000000']
      .join('')
      .replaceAll(' ', ''),
  )
})

test('offsets below zero reach the ancillary data', () => {
  const program = assemble([load.byte(ancillary.vlanTagPresent), load.byte(ancillary.network + 8)])
  expect(Buffer.from(program).toString('hex')).toBe('3000000030f0ffff300000000800f0ff')
})

test('jumps over and next to one another', () => {
  const program = assemble([
    jump.ifEqual(1, 'a'),
    jump.ifAtLeast(2, 'b'),
    jump.unlessAtLeast(3, 'b'),
    label('a'),
    alu.and(0xfff),
    alu.shiftRight(4),
    label('b'),
    load.length(),
    load.word(0),
  ])
  const jumps = [0, 1, 2].map((index) => [...program.subarray(index * 8, index * 8 + 4)])
  expect(jumps).toEqual([
    [0x15, 0, 2, 0],
    [0x35, 0, 3, 0],
    [0x35, 0, 0, 2],
  ])
})

test('a label that is missing or behind is an error, and so is a jump too far', () => {
  const refused = expect.objectContaining({ code: 'FL_SYS_ARGUMENT' })
  expect(() => assemble([jump.ifEqual(1, 'nowhere')])).toThrow(refused)
  expect(() => assemble([label('back'), load.half(0), jump.ifEqual(1, 'back')])).toThrow(refused)
  const far = Array.from({ length: 256 }, () => load.half(0))
  expect(() => assemble([jump.ifEqual(1, 'end'), ...far, label('end'), drop()])).toThrow(
    expect.objectContaining({ code: 'FL_SYS_TOO_LONG' }),
  )
})
