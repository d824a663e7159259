import { afterAll, beforeAll } from 'vitest'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openConntrackSocket } from '#raw-socket/netlink/conntrack.ts'
import { cleanup, createNetns, must, type Netns } from '../../../test/netns.ts'
import { KernelConntrackTable } from './kernel-table.ts'
import { conntrackTableSuite } from './table-suite.ts'

let ns: Netns
beforeAll(async () => {
  ns = await createNetns('ct-table')
})
afterAll(cleanup)

conntrackTableSuite("the kernel's table", async () => {
  await must(ns, 'conntrack', ['-F'])
  return {
    table: new KernelConntrackTable(inNetworkNamespace(ns.path, openConntrackSocket)),
    add: async (family, protocol, source) => {
      const destination = family === 4 ? '10.96.0.1' : 'fd00:96::1'
      const state = protocol === 'tcp' ? ['--state', 'ESTABLISHED'] : []
      const ends = ['-s', source, '-d', destination, '--sport', '4000', '--dport', '53']
      await must(ns, 'conntrack', ['-I', '-p', protocol, '-t', '600', ...ends, ...state])
    },
  }
})
