import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import { SystemError } from '../errors.ts'
import { keepEntry, readEntry, writeEntry, type ConntrackEntry } from './conntrack-entry.ts'
import { NetlinkWriter } from './message.ts'

/** What the kernel would say: the original tuple, zone and id as in a request, then reply and status. */
function answer(entry: ConntrackEntry): Buffer {
  const writer = new NetlinkWriter()
  writer
    .begin(0, 0, 0)
    .u8(entry.family === 4 ? 2 : 10)
    .u8(0)
    .u16be(0)
  writeEntry(writer, entry)
  // A request names one tuple; an answer holds another of the same form, and more attributes.
  const reply = new NetlinkWriter()
  reply.begin(0, 0, 0)
  writeEntry(reply, { ...entry, original: entry.reply })
  const tuple = Buffer.from(reply.end().finish()).subarray(16)
  const length = tuple.readUInt16LE(0)
  writer.attribute(2 | 0x8000, tuple.subarray(4, length)).attributeU32be(3, entry.status)
  return Buffer.from(writer.end().finish()).subarray(16)
}

const v4: ConntrackEntry = {
  family: 4,
  protocol: 17,
  original: { source: '10.1.3.2', destination: '10.96.0.1', sourcePort: 5000, destinationPort: 80, zone: 0 },
  reply: { source: '10.1.1.2', destination: '10.1.3.2', sourcePort: 8080, destinationPort: 5000, zone: 0 },
  zone: 0,
  id: 0xfedcba98,
  status: 0x18e,
}
const v6: ConntrackEntry = {
  family: 6,
  protocol: 132,
  original: { source: 'fd00::3', destination: 'fd00:96::1', sourcePort: 1, destinationPort: 65_535, zone: 7 },
  reply: { source: '2001:db8:0:1::', destination: '::1', sourcePort: 0, destinationPort: 1, zone: 0 },
  zone: 65_535,
  id: 1,
  status: 0,
}

test.each([v4, v6])('what was written is read, IPv$family', (entry) => {
  expect(keepEntry(readEntry(answer(entry)))).toEqual(entry)
})

test('addresses are canonical text', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV6(), (source, destination) => {
      const entry = { ...v6, original: { ...v6.original, source, destination } }
      const { original } = keepEntry(readEntry(answer(entry)))
      expect(original.source).toBe(formatAddress(parseAddress(source)))
      expect(original.destination).toBe(formatAddress(parseAddress(destination)))
    }),
    { numRuns: 200 },
  )
})

test('an entry that says little is read as such', () => {
  const icmp = keepEntry(readEntry(Buffer.from([2, 0, 0, 0])))
  expect(icmp).toMatchObject({ family: 4, protocol: 0, id: 0, original: { source: '', sourcePort: 0 } })
})

test('octets that are no entry are an error of this room, or read as something', () => {
  const whole = answer(v6)
  const attempt = (bytes: Buffer) => {
    try {
      keepEntry(readEntry(bytes))
    } catch (error) {
      expect(error).toBeInstanceOf(SystemError)
      expect(error).toMatchObject({ code: 'FL_SYS_TRUNCATED' })
    }
  }
  for (let length = 0; length < whole.length; length++) attempt(whole.subarray(0, length))
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, octet) => {
      const bytes = Buffer.from(whole)
      bytes[at] = octet
      attempt(bytes)
    }),
    { numRuns: 1000 },
  )
})
