import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import { ipProtocols, type ConntrackEntry } from '#raw-socket/netlink/conntrack.ts'
import { service, slice, testNode } from '../fixtures.ts'
import type { ProgrammedService } from '../follower.ts'
import { planService } from '../plan.ts'
import { ConntrackCleaner } from './cleaner.ts'
import { FakeConntrackTable } from './fake-table.ts'

let clock: TestClock
let table: FakeConntrackTable
let cleaner: ConntrackCleaner
let deleted: number
let runs: number
let warnings: object[]

beforeEach(() => {
  clock = new TestClock()
  table = new FakeConntrackTable()
  deleted = 0
  runs = 0
  warnings = []
  cleaner = new ConntrackCleaner({
    table,
    clock,
    log: { ...silentLogger, warn: (fields) => warnings.push(fields) },
    metrics: {
      conntrackSyncDuration: { observe: () => void runs++ },
      conntrackDeleted: { inc: (_, count) => void (deleted += count) },
    },
  })
  return () => cleaner.stop()
})

const VIP = '172.30.0.10'
const ports = [{ name: 'dns', protocol: 'UDP' as const, port: 53, nodePort: 30_053 }]
const six = ['fd00:172:30::10']

function udp(endpoints: readonly string[], clusterIPs = [VIP], name = 's'): ProgrammedService {
  const made = service(name, { clusterIPs, ports })
  const slices = [slice(name, endpoints, [{ name: 'dns', protocol: 'UDP', port: 53 }])]
  return { key: `ns/${name}`, service: made, slices, plan: planService(made, slices, testNode) }
}

const tell = (...services: (ProgrammedService | string)[]): void =>
  cleaner.programmed(
    new Map(services.map((one) => (typeof one === 'string' ? [one, undefined] : [one.key, one]))),
  )

let ids = 0
function connection(endpoint: string, destination = VIP, destinationPort = 53): ConntrackEntry {
  const made: ConntrackEntry = {
    family: endpoint.includes(':') ? 6 : 4,
    protocol: ipProtocols.udp,
    original: { source: '10.9.9.9', destination, sourcePort: 4000, destinationPort, zone: 0 },
    reply: { source: endpoint, destination: '10.9.9.9', sourcePort: 53, destinationPort: 4000, zone: 0 },
    zone: 0,
    id: ++ids,
    status: 0,
  }
  table.entries.add(made)
  return made
}

test('the first call cleans up once, what no endpoint serves', async () => {
  const good = connection('10.180.0.1')
  connection('10.180.0.9')
  connection(VIP)
  tell(udp(['10.180.0.1']), udp(['10.180.0.1'], ['172.30.0.11'], 't'))
  expect(table.listings).toEqual([])
  await clock.advance(0)
  expect([...table.entries]).toEqual([good])
  expect([table.listings, deleted, runs]).toEqual([[4], 2, 1])
  await clock.advance(3_600_000)
  expect(table.listings).toEqual([4])
})

test('without UDP Services nothing is ever listed', async () => {
  const made = service('web', {})
  const slices = [slice('web', ['10.180.0.1'])]
  tell({ key: 'ns/web', service: made, slices, plan: planService(made, slices, testNode) }, 'ns/gone')
  await clock.advance(3_600_000)
  expect(table.listings).toEqual([])
})

test('TCP and SCTP stay', async () => {
  for (const protocol of [ipProtocols.tcp, ipProtocols.sctp]) {
    table.entries.add({ ...connection('10.180.0.9'), protocol, id: ++ids })
  }
  tell(udp(['10.180.0.1']))
  await clock.advance(0)
  expect([...table.entries].map(({ protocol }) => protocol)).toEqual([6, 132])
})

test('an endpoint is replaced, and one goes and another remains', async () => {
  tell(udp(['10.180.0.1', '10.180.0.2']))
  await clock.advance(0)
  connection('10.180.0.1')
  const second = connection('10.180.0.2')
  tell(udp(['10.180.0.2']))
  await clock.advance(0)
  expect([...table.entries]).toEqual([second])
  tell(udp(['10.180.0.3']))
  await clock.advance(0)
  expect([table.entries.size, table.listings.length]).toEqual([0, 3])
})

test('the last endpoint goes: nothing happens before the next serves', async () => {
  tell(udp(['10.180.0.1']))
  await clock.advance(0)
  connection('10.180.0.1')
  tell(udp([]))
  await clock.advance(60_000)
  expect([table.entries.size, table.listings.length]).toEqual([1, 1])
  tell(udp(['10.180.0.2']))
  await clock.advance(0)
  expect(table.entries.size).toBe(0)
})

test('the Service is deleted and made again with other endpoints', async () => {
  tell(udp(['10.180.0.1']))
  await clock.advance(0)
  connection('10.180.0.1')
  tell('ns/s')
  await clock.advance(60_000)
  expect(table.entries.size).toBe(1)
  tell(udp(['10.180.0.2']))
  await clock.advance(0)
  expect(table.entries.size).toBe(0)
})

test('an endpoint that is added lists nothing', async () => {
  tell(udp(['10.180.0.1']))
  await clock.advance(0)
  for (let last = 2; last < 50; last++) {
    tell(udp(Array.from({ length: last }, (_, index) => `10.180.0.${index + 1}`)))
    await clock.advance(10)
  }
  expect(table.listings).toEqual([4])
})

test('each family is listed for its own changes', async () => {
  tell(udp(['fd00:10::1'], six))
  await clock.advance(0)
  connection('fd00:10::1', six[0])
  tell(udp(['fd00:10::2'], six))
  await clock.advance(0)
  expect([table.listings, table.entries.size]).toEqual([[6, 6], 0])
})

describe('NodePorts', () => {
  test('are at the addresses of this node', async () => {
    cleaner.setLocalAddresses(['192.168.0.2'])
    connection('10.180.0.9', '192.168.0.2', 30_053)
    const elsewhere = connection('192.168.0.3', '192.168.0.3', 30_053)
    tell(udp(['10.180.0.1']))
    await clock.advance(0)
    expect([...table.entries]).toEqual([elsewhere])
  })

  test('an address that comes is cleaned up when its NodePorts had time to be programmed', async () => {
    cleaner.setLocalAddresses(['192.168.0.2'])
    tell(udp(['10.180.0.1']))
    await clock.advance(10_000)
    connection('192.168.1.2', '192.168.1.2', 30_053)
    cleaner.setLocalAddresses(['192.168.0.2', '192.168.1.2'])
    cleaner.setLocalAddresses(['192.168.0.2', '192.168.1.2', '192.168.2.2'])
    await clock.advance(500)
    expect(table.entries.size).toBe(1)
    await clock.advance(500)
    expect(table.entries.size).toBe(0)
    cleaner.setLocalAddresses(['192.168.1.2'])
    await clock.advance(10_000)
    expect(table.listings).toEqual([4, 4])
  })

  test('an address asks for its own family only', async () => {
    tell(udp(['10.180.0.1']), udp(['fd00:10:0:180::1'], six, 't'))
    await clock.advance(10_000)
    table.listings.length = 0
    cleaner.setLocalAddresses(['fd00:aaaa::2'])
    await clock.advance(10_000)
    expect(table.listings).toEqual([6])
    cleaner.setLocalAddresses(['fd00:aaaa::2', '192.168.0.2', '192.168.0.3'])
    await clock.advance(10_000)
    expect(table.listings).toEqual([6, 4])
  })

  test('no address asks for anything when there are none', async () => {
    cleaner.setLocalAddresses(['192.168.0.2'])
    expect(clock.pending).toBe(0)
  })
})

describe('one after the other', () => {
  test('what changes during a clean-up is one more, after a rest', async () => {
    tell(udp(['10.180.0.1']))
    let release = () => {}
    table.during = () => new Promise((resolve) => (release = resolve))
    await clock.advance(0)
    connection('10.180.0.1')
    for (let last = 2; last < 20; last++) tell(udp([`10.180.0.${last}`]))
    await clock.advance(300)
    expect(table.listings).toEqual([4])
    table.during = undefined
    release()
    await clock.advance(599)
    expect(table.listings).toEqual([4])
    await clock.advance(1)
    expect([table.listings, table.entries.size]).toEqual([[4, 4], 0])
    await clock.advance(60_000)
    expect(table.listings).toEqual([4, 4])
  })

  test('a connection whose endpoint serves by the time it would be deleted stays', async () => {
    connection('10.180.0.2')
    table.during = () => tell(udp(['10.180.0.1', '10.180.0.2']))
    tell(udp(['10.180.0.1']))
    await clock.advance(0)
    expect([table.listings, table.entries.size, deleted]).toEqual([[4], 1, 0])
  })

  test('more than are remembered at once take several listings', async () => {
    for (let index = 0; index < 10_001; index++) connection('10.180.0.9')
    tell(udp(['10.180.0.1']))
    await clock.advance(0)
    expect([table.listings, table.entries.size, deleted]).toEqual([[4, 4], 0, 10_001])
  })
})

describe('failures', () => {
  test('are tried again, later and later, until it works', async () => {
    connection('10.180.0.9')
    table.failures = 9
    tell(udp(['10.180.0.1']))
    const waits: number[] = []
    while (table.entries.size > 0) {
      const next = clock.next ?? Number.NaN
      waits.push(next)
      await clock.advance(next)
    }
    expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
    expect(warnings).toHaveLength(9)
    await clock.advance(600_000)
    expect(table.listings).toHaveLength(10)
  })

  test('of one deletion do not keep the others', async () => {
    const stuck = connection('10.180.0.8')
    connection('10.180.0.9')
    table.stuck.add(stuck)
    tell(udp(['10.180.0.1']))
    await clock.advance(0)
    expect([[...table.entries], deleted]).toEqual([[stuck], 1])
    table.stuck.clear()
    await clock.advance(1000)
    expect([table.entries.size, deleted]).toEqual([0, 2])
  })
})

test('after the end nothing is listed, and the table is closed', async () => {
  connection('10.180.0.9')
  tell(udp(['10.180.0.1']))
  await cleaner.stop()
  tell(udp(['10.180.0.2']))
  cleaner.setLocalAddresses(['192.168.0.2'])
  await clock.advance(60_000)
  expect([table.listings, table.closed, clock.pending]).toEqual([[], true, 0])
})

test('the end waits for a listing and deletes nothing more', async () => {
  connection('10.180.0.9')
  let release = () => {}
  table.during = () => new Promise((resolve) => (release = resolve))
  tell(udp(['10.180.0.1']))
  await clock.advance(0)
  const stopping = cleaner.stop()
  release()
  await stopping
  expect([table.entries.size, table.closed]).toEqual([1, true])
})
