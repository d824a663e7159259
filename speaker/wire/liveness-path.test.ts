import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { choosePath, type PathEnd } from './liveness-path.ts'

const end = (internalIPs: readonly string[], ...prefixes: readonly (readonly string[])[]): PathEnd => ({
  internalIPs,
  interfaces: prefixes.map((list, index) => ({ name: `eth${index}`, prefixes: list })),
})

describe('the path', () => {
  test.each<[string, PathEnd, PathEnd, ReturnType<typeof choosePath>]>([
    [
      'the InternalIPs on a common subnet',
      end(['192.0.2.20'], ['10.0.0.1/24'], ['192.0.2.20/24', '2001:db8::20/64']),
      end(['192.0.2.10'], ['10.0.0.2/24'], ['192.0.2.10/24', '2001:db8::10/64']),
      { local: '192.0.2.20', remote: '192.0.2.10', interface: 'eth1', multihop: false },
    ],
    [
      'another common subnet, before the InternalIPs over routers',
      end(['192.0.2.20'], ['192.0.2.20/24'], ['10.0.0.1/24', '10.0.0.9/24']),
      end(['198.51.100.1'], ['198.51.100.1/24'], ['10.0.0.2/24']),
      { local: '10.0.0.1', remote: '10.0.0.2', interface: 'eth1', multihop: false },
    ],
    [
      'the InternalIPs over routers',
      end(['192.0.2.20', '2001:db8::20'], ['192.0.2.20/24']),
      end(['198.51.100.1', '2001:db8:1::1'], ['198.51.100.1/24']),
      { local: '192.0.2.20', remote: '198.51.100.1', multihop: true },
    ],
    [
      'IPv6 where one has no IPv4',
      end(['192.0.2.20', '2001:db8::20'], ['192.0.2.20/24', '2001:db8::20/64', 'fe80::1/64']),
      end(['2001:db8::10'], ['2001:db8::10/64', 'fe80::2/64']),
      { local: '2001:db8::20', remote: '2001:db8::10', interface: 'eth0', multihop: false },
    ],
    [
      'IPv6 over routers',
      end(['2001:db8::20'], ['2001:db8::20/64']),
      end(['2001:db8:1::1'], ['2001:db8:1::1/64']),
      { local: '2001:db8::20', remote: '2001:db8:1::1', multihop: true },
    ],
    [
      'IPv4 first on a dual-stack subnet, whatever is listed first',
      end(['2001:db8::20', '192.0.2.20'], ['2001:db8::20/64', '192.0.2.20/24']),
      end(['2001:db8::10', '192.0.2.10'], ['2001:db8::10/64', '192.0.2.10/24']),
      { local: '192.0.2.20', remote: '192.0.2.10', interface: 'eth0', multihop: false },
    ],
    [
      'an address that both have is no path, nor one outside of the other subnet',
      end([], ['172.17.0.1/16'], ['10.0.0.1/8']),
      end([], ['172.17.0.1/16'], ['10.1.0.1/24']),
      undefined,
    ],
    [
      'two addresses that both have',
      end(['172.17.0.1', '192.0.2.20'], ['172.17.0.1/16', '172.17.0.2/16']),
      end(['172.17.0.1', '192.0.2.10'], ['172.17.0.2/16', '172.17.0.1/16']),
      { local: '192.0.2.20', remote: '192.0.2.10', multihop: true },
    ],
    ['link-local addresses are none', end([], ['fe80::1/64']), end([], ['fe80::2/64']), undefined],
    ['nothing known of the other', end(['192.0.2.20'], ['192.0.2.20/24']), end([]), undefined],
    ['two families', end(['192.0.2.20']), end(['2001:db8::1']), undefined],
    [
      'what is no address is passed over',
      end(['x', '192.0.2.20'], ['/24', 'y/8']),
      end(['192.0.2.20']),
      undefined,
    ],
  ])('%s', (_name, self, other, expected) => {
    expect(choosePath(self, other)).toEqual(expected)
  })
})

test('both sides choose the same pair', () => {
  const address = fc.oneof(
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }))
      .map(([net, host]) => `10.0.${net}.${host}`),
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }))
      .map(([net, host]) => `2001:db8:${net}::${host}`),
  )
  const prefix = fc
    .tuple(address, fc.constantFrom([24, 64], [23, 48], [30, 126], [32, 128]))
    .map(([text, [v4, v6]]) => `${text}/${text.includes(':') ? v6 : v4}`)
  const interfaces = fc
    .array(fc.array(prefix, { maxLength: 3 }), { maxLength: 3 })
    .map((lists) => lists.map((prefixes, index) => ({ name: `eth${index}`, prefixes })))
  const node = fc.record({ internalIPs: fc.uniqueArray(address, { maxLength: 2 }), interfaces })
  fc.assert(
    fc.property(node, node, (a, b) => {
      const there = choosePath(a, b)
      const back = choosePath(b, a)
      expect(back && [back.remote, back.local, back.multihop]).toEqual(
        there && [there.local, there.remote, there.multihop],
      )
      if (there?.interface !== undefined) {
        const { prefixes } = a.interfaces.find(
          ({ name }) => name === there.interface,
        ) as (typeof a.interfaces)[0]
        expect(prefixes.some((text) => text.startsWith(`${there.local}/`))).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})
