import { expect, test } from 'vitest'
import { parsePrefix } from '#inet/prefix.ts'
import { Destinations } from './destinations.ts'

function nlri(destinations: Destinations, number: number): string {
  const bytes = new Uint8Array(20)
  destinations.copyNlri(number, bytes, 1)
  return Buffer.from(bytes.subarray(1, 1 + destinations.nlriOctets(number))).toString('hex')
}

test.each([
  ['198.51.100.1/32', '20c6336401', 'ipv4-unicast'],
  ['10.128.0.0/9', '090a80', 'ipv4-unicast'],
  ['0.0.0.0/0', '00', 'ipv4-unicast'],
  ['2001:db8:7::7/128', '8020010db8000700000000000000000007', 'ipv6-unicast'],
  ['2001:db8::/61', '3d20010db800000000', 'ipv6-unicast'],
])('%s on the wire', (text, octets, family) => {
  const destinations = new Destinations()
  const number = destinations.acquire(parsePrefix(text))
  expect(nlri(destinations, number)).toBe(octets)
  expect(destinations.family(number)).toBe(family)
  expect(destinations.text(number)).toBe(text)
})

test('a prefix has one number until all have released it; then the number is free', () => {
  const destinations = new Destinations()
  const first = parsePrefix('198.51.100.1/32')
  const number = destinations.acquire(first)
  expect(destinations.acquire(parsePrefix('198.51.100.1/32'))).toBe(number)
  destinations.release(number)
  expect(destinations.find(first)).toBe(number)
  destinations.release(number)
  expect(destinations.find(first)).toBeUndefined()
  expect(destinations.size).toBe(0)
  const next = destinations.acquire(parsePrefix('2001:db8::1/128'))
  expect(next).toBe(number)
  expect(nlri(destinations, next)).toBe('8020010db8000000000000000000000001')
  expect(destinations.acquire(first)).not.toBe(number)
})

test('thousands of prefixes keep their octets', () => {
  const destinations = new Destinations()
  const texts = Array.from({ length: 3000 }, (_, index) => `10.0.${index >> 8}.${index & 255}/32`)
  const numbers = texts.map((text) => destinations.acquire(parsePrefix(text)))
  for (const [index, number] of numbers.entries()) {
    expect(nlri(destinations, number)).toBe(`200a00${index.toString(16).padStart(4, '0')}`)
  }
})
