import { describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { Link, LinkAddress } from '#raw-socket/netlink/route.ts'
import { LinkTable } from './link-table.ts'

const flags = { up: true, lowerUp: true, loopback: false, broadcast: true, noArp: false }

const link = (index: number, change: Partial<Link> = {}): Link => ({
  index,
  name: `eth${index}`,
  mac: Uint8Array.from([2, 0, 0, 0, 0, index]),
  flags,
  master: 0,
  kind: '',
  mtu: 1500,
  ...change,
})

const address = (
  interfaceIndex: number,
  text: string,
  change: Partial<LinkAddress['flags']> = {},
): LinkAddress => ({
  interfaceIndex,
  family: parseAddress(text).family,
  address: parseAddress(text),
  length: 24,
  scope: 'global',
  flags: {
    tentative: false,
    dadFailed: false,
    deprecated: false,
    secondary: false,
    permanent: true,
    ...change,
  },
})

function listed(links: Link[], addresses: LinkAddress[] = []): LinkTable {
  const table = new LinkTable()
  table.listing()
  table.listed(links, addresses)
  return table
}

test('a link as layer 2 sees it', () => {
  const table = listed([link(2), link(3, { mac: new Uint8Array(0) })], [address(2, '192.0.2.10')])
  expect(table.links()).toEqual([
    {
      index: 2,
      name: 'eth2',
      mac: '02:00:00:00:00:02',
      up: true,
      carrier: true,
      loopback: false,
      broadcast: true,
      noArp: false,
      master: 0,
      prefixes: ['192.0.2.10/24'],
    },
    expect.objectContaining({ index: 3, mac: '', prefixes: [] }),
  ])
})

test('a port of a bridge is enslaved, an interface in a VRF is not', () => {
  const table = listed([
    link(2, { master: 8 }),
    link(3, { master: 9 }),
    link(8, { kind: 'bridge' }),
    link(9, { kind: 'vrf' }),
  ])
  expect(table.links().map(({ master }) => master)).toEqual([8, 0, 0, 0])
})

test('addresses that duplicate address detection has not passed are left out', () => {
  const table = listed(
    [link(2)],
    [
      address(2, 'fe80::1', { tentative: true }),
      address(2, 'fe80::2', { dadFailed: true }),
      address(2, 'fe80::3'),
    ],
  )
  expect(table.links()[0].prefixes).toEqual(['fe80::3/24'])
  table.apply({ kind: 'address', address: address(2, 'fe80::1'), removed: false })
  table.apply({ kind: 'address', address: address(2, 'fe80::3'), removed: true })
  expect(table.links()[0].prefixes).toEqual(['fe80::1/24'])
})

describe('events', () => {
  test('change, removal with its addresses, and the same index again', () => {
    const table = listed([link(2)], [address(2, '192.0.2.10')])
    table.apply({ kind: 'link', link: link(2, { flags: { ...flags, up: false } }), removed: false })
    expect(table.links()).toMatchObject([{ up: false, prefixes: ['192.0.2.10/24'] }])
    table.apply({ kind: 'link', link: link(2), removed: true })
    expect(table.links()).toEqual([])
    table.apply({ kind: 'link', link: link(2), removed: false })
    expect(table.links()).toMatchObject([{ up: true, prefixes: [] }])
  })

  test('that come while a listing is under way survive it', () => {
    const table = listed([link(2)])
    table.listing()
    table.apply({ kind: 'link', link: link(3), removed: false })
    table.apply({ kind: 'link', link: link(2), removed: true })
    // as it was before those events
    table.listed([link(2)], [])
    expect(table.links().map(({ index }) => index)).toEqual([3])
  })
})
