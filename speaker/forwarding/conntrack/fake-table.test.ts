import { ipProtocols } from '#raw-socket/netlink/conntrack.ts'
import { FakeConntrackTable } from './fake-table.ts'
import { conntrackTableSuite } from './table-suite.ts'

let id = 0

conntrackTableSuite('a table in memory', () => {
  const table = new FakeConntrackTable()
  return {
    table,
    add: (family, protocol, source) => {
      const destination = family === 4 ? '10.96.0.1' : 'fd00:96::1'
      table.entries.add({
        family,
        protocol: ipProtocols[protocol],
        original: { source, destination, sourcePort: 4000, destinationPort: 53, zone: 0 },
        reply: {
          source: destination,
          destination: source,
          sourcePort: 53,
          destinationPort: 4000,
          zone: 0,
        },
        zone: 0,
        id: ++id,
        status: 0,
      })
      return Promise.resolve()
    },
  }
})
