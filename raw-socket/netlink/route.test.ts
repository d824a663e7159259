import * as fc from 'fast-check'
import { parseAddress as addressOf } from '#inet/address.ts'
import { describe, expect, test } from 'vitest'
import type { NetlinkMessage } from './message.ts'
import { parseAddress, parseEvent, parseLink } from './route.ts'

const octets = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
const message = (type: number, hex: string): NetlinkMessage => ({
  type,
  flags: 0,
  seq: 0,
  pid: 0,
  body: octets(hex),
})

// ifinfomsg of eth0, up and running; name, MTU 1500, master 7, MAC, link info with kind veth.
const link = `
  00 00 0100 02000000 43100100 ffffffff
  0900 0300 6574683000 000000   0800 0400 dc050000   0800 0a00 07000000
  0a00 0100 02000000000a 0000   1000 1280 0900 0100 7665746800 000000`

// ifaddrmsg 192.0.2.10/24, permanent and secondary: IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS.
const v4 = '02 18 80 00 02000000  0800 0100 c0000214  0800 0200 c000020a  0800 0800 81000000'
const v6 = '0a 40 c0 fd 02000000  1400 0100 fe80000000000000000000000000000a'

describe('links', () => {
  test('every field', () => {
    expect(parseLink(message(16, link))).toEqual({
      index: 2,
      name: 'eth0',
      mac: Uint8Array.of(2, 0, 0, 0, 0, 10),
      flags: { up: true, lowerUp: true, loopback: false, broadcast: true, noArp: false },
      master: 7,
      kind: 'veth',
      mtu: 1500,
    })
  })

  test('without attributes: loopback that is down, no ARP', () => {
    expect(parseLink(message(16, '00 00 0403 01000000 88000000 00000000'))).toEqual({
      index: 1,
      name: '',
      mac: new Uint8Array(0),
      flags: { up: false, lowerUp: false, loopback: true, broadcast: false, noArp: true },
      master: 0,
      kind: '',
      mtu: 0,
    })
  })

  test('a bridge port that leaves (AF_BRIDGE) is not an interface that goes', () => {
    expect(parseEvent(message(17, link.replace('00 00 0100', '07 00 0100')))).toBeUndefined()
    expect(parseEvent(message(17, link))).toMatchObject({ kind: 'link', removed: true })
  })
})

describe('addresses', () => {
  test('IPv4: ours is IFA_LOCAL, the flags are those of the attribute', () => {
    expect(parseAddress(message(20, v4))).toEqual({
      interfaceIndex: 2,
      family: 4,
      address: addressOf('192.0.2.10'),
      length: 24,
      scope: 'global',
      flags: { tentative: false, dadFailed: false, deprecated: false, secondary: true, permanent: true },
    })
  })

  test('IPv6: link-local, tentative', () => {
    expect(parseAddress(message(20, v6))).toMatchObject({
      family: 6,
      address: addressOf('fe80::a'),
      length: 64,
      scope: 'link',
      flags: { tentative: true, permanent: true },
    })
  })

  test('other families and messages mean nothing', () => {
    expect(parseAddress(message(20, v4.replace('02 18', '1c 18')))).toBeUndefined()
    expect(parseEvent(message(24, v4))).toBeUndefined()
    expect(parseEvent(message(21, v4))).toMatchObject({ kind: 'address', removed: true })
  })
})

test('a short header is an error', () => {
  const truncated = expect.objectContaining({ code: 'FL_SYS_TRUNCATED' })
  expect(() => parseLink(message(16, link.trim().slice(0, 30)))).toThrow(truncated)
  expect(() => parseAddress(message(20, '02 18 80 00 020000'))).toThrow(truncated)
})

test('no error but truncation, whatever the octets', () => {
  // Octets that are mostly well-formed attributes with lengths of their own choice.
  const attribute = fc
    .tuple(fc.nat(30), fc.uint8Array({ maxLength: 18 }))
    .map(([type, payload]) => [
      payload.length + 4,
      0,
      type,
      0,
      ...payload,
      ...Array(-payload.length & 3).fill(0),
    ])
  const header = fc.tuple(fc.constantFrom(0, 2, 10), fc.uint8Array({ minLength: 7, maxLength: 15 }))
  const body = fc.tuple(header, fc.array(attribute, { maxLength: 6 })).map(([[family, rest], attributes]) => {
    return Buffer.from([family, ...rest, ...attributes.flat()])
  })
  fc.assert(
    fc.property(fc.constantFrom(16, 17, 20, 21), body, (type, bytes) => {
      try {
        parseEvent({ type, flags: 0, seq: 0, pid: 0, body: bytes })
      } catch (error) {
        expect(error).toMatchObject({ code: 'FL_SYS_TRUNCATED' })
      }
    }),
    { numRuns: 500 },
  )
})
