import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Family } from '#inet/address.ts'
import { keepEntry, type ConntrackEntry } from '#raw-socket/netlink/conntrack.ts'
import type { ConntrackTable } from './table.ts'

/** A table under test, empty. */
export interface TableUnderTest {
  readonly table: ConntrackTable
  /** makes a connection from port 4000 of this address to port 53 of another, which nothing translates */
  add(family: Family, protocol: 'udp' | 'tcp', source: string): Promise<void>
}

/** What every ConntrackTable does. */
export function conntrackTableSuite(
  name: string,
  make: () => Promise<TableUnderTest> | TableUnderTest,
): void {
  describe(name, () => {
    let under: TableUnderTest
    beforeEach(async () => {
      under = await make()
    })
    afterEach(() => under.table.close())

    const list = async (family: Family): Promise<ConntrackEntry[]> => {
      const found: ConntrackEntry[] = []
      await under.table.udpEntries(family, (entry) => found.push(keepEntry(entry)))
      return found.sort((a, b) => (a.original.source < b.original.source ? -1 : 1))
    }
    const sources = async (family: Family) => (await list(family)).map(({ original }) => original.source)

    test('lists the UDP connections of a family, and no others', async () => {
      await under.add(4, 'udp', '10.0.0.1')
      await under.add(4, 'tcp', '10.0.0.2')
      await under.add(6, 'udp', 'fd00::1')
      expect(await sources(4)).toEqual(['10.0.0.1'])
      expect(await sources(6)).toEqual(['fd00::1'])
      const [{ original, reply }] = await list(6)
      expect([original.sourcePort, original.destinationPort]).toEqual([4000, 53])
      expect([reply.source, reply.sourcePort]).toEqual([original.destination, 53])
    })

    test('forgets a connection, once, and keeps the others', async () => {
      for (const last of [1, 2, 3]) await under.add(4, 'udp', `10.0.0.${last}`)
      const [, second] = await list(4)
      expect(await under.table.delete(second)).toBe(true)
      expect(await under.table.delete(second)).toBe(false)
      expect(await sources(4)).toEqual(['10.0.0.1', '10.0.0.3'])
    })

    test('a connection with another id is another one', async () => {
      await under.add(6, 'udp', 'fd00::1')
      const [found] = await list(6)
      expect(await under.table.delete({ ...found, id: (found.id + 1) % 2 ** 32 })).toBe(false)
      expect(await sources(6)).toEqual(['fd00::1'])
    })
  })
}
