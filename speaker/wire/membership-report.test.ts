import { expect, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { macNumber } from '../layer2/ethernet.ts'
import { buildMembershipReports, recordsPerReport } from './membership-report.ts'
import { hexOf } from './test-frames.ts'

const on = {
  mac: macNumber('02:00:00:00:00:0a'),
  linkLocal: addressToBytes(parseAddress('fe80::ff:fe00:a')),
}

const hex = (groups: readonly string[]): string[] =>
  buildMembershipReports(on, groups).map((frame) => Buffer.from(frame).toString('hex'))

test('one group, octet by octet as the kernel sends it', () => {
  expect(hex(['ff02::1:ff00:50'])).toEqual([
    hexOf(`33:33:00:00:00:16 02:00:00:00:00:0a 86dd
      6000 0000 0024 00 01
      fe80 0000 0000 0000 0000 00ff fe00 000a
      ff02 0000 0000 0000 0000 0000 0000 0016
      3a00 0502 0000 0100
      8f00 71af 0000 0001
      0400 0000 ff02 0000 0000 0000 0000 0001 ff00 0050`),
  ])
})

test('many groups: frames that fit any link, with each group once', () => {
  const groups = Array.from({ length: 150 }, (_, index) => `ff02::1:ff00:${(index + 1).toString(16)}`)
  const frames = hex(groups)
  expect(frames).toHaveLength(3)
  expect(Math.max(...frames.map((frame) => frame.length / 2))).toBeLessThanOrEqual(14 + 1280)
  const records = frames.flatMap((frame) => frame.slice(2 * 70).match(/.{40}/g) ?? [])
  expect(records).toHaveLength(150)
  expect(new Set(records).size).toBe(150)
  expect(frames.map((frame) => Number.parseInt(frame.slice(136, 140), 16))).toEqual([
    recordsPerReport,
    recordsPerReport,
    150 - 2 * recordsPerReport,
  ])
})

test('no group, no report', () => {
  expect(hex([])).toEqual([])
})
