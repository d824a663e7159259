import { expect, test } from 'vitest'
import { internetAddress, linkLayerAddress, netlinkAddress, netlinkGroups, netlinkPort } from './sockaddr.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const spaced = (text: string): string => text.replaceAll(' ', '')

test.each([
  ['192.0.2.1', 179, '0200 00b3 c0000201 0000000000000000'],
  ['0.0.0.0', 0, '0200 0000 00000000 0000000000000000'],
  ['2001:db8::1', 3784, '0a00 0ec8 00000000 20010db8000000000000000000000001 00000000'],
  ['fe80::1%3', 179, '0a00 00b3 00000000 fe800000000000000000000000000001 03000000'],
])('%s port %d', (address, port, expected) => {
  expect(hex(internetAddress(address, port))).toBe(spaced(expected))
})

test('a zone by name is the index of that interface', () => {
  expect(hex(internetAddress('fe80::1%lo', 0)).slice(-8)).toBe('01000000')
  expect(() => internetAddress('fe80::1%nosuch', 0)).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ERRNO', errnoName: 'ENODEV' }),
  )
})

test.each(['', '10.0.0.010', 'fe80::%', 'localhost'])('refuses %j', (text) => {
  expect(() => internetAddress(text === 'fe80::%' ? '%3' : text, 0)).toThrow(
    expect.objectContaining({ code: 'FL_INET_ADDRESS' }),
  )
})

test('sockaddr_nl both ways', () => {
  expect(hex(netlinkAddress(0x01020304))).toBe(spaced('1000 0000 04030201 00000000'))
  const received = Buffer.from(spaced('1000 0000 04030201 40000000'), 'hex')
  expect(netlinkPort(received)).toBe(0x01020304)
  expect(netlinkGroups(received)).toBe(0x40)
})

test('sockaddr_ll', () => {
  expect(hex(linkLayerAddress(7, 0x0806))).toBe(spaced('1100 0806 07000000 0000 00 00 0000000000000000'))
})
