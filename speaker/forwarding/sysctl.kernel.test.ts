import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { cleanup, createNetns, must, type Netns } from '../../test/netns.ts'
import { SysctlKeeper } from './sysctl.ts'

let ns: Netns

const settings = {
  'net/ipv4/ip_forward': ['0', '1'],
  'net/ipv4/ip_local_port_range': ['20000\t40000', '20000\t40000'],
  'net/ipv4/ip_local_reserved_ports': ['8080', '8080,30000-32767'],
  'net/netfilter/nf_conntrack_tcp_be_liberal': ['0', '1'],
  'net/netfilter/nf_conntrack_tcp_timeout_close_wait': ['60', '3600'],
  'net/netfilter/nf_conntrack_udp_timeout': ['30', '30'],
} as const

beforeAll(async () => {
  ns = await createNetns('sysctl')
  const lines = Object.entries(settings).map(([name, [value]]) => `echo '${value}' > /proc/sys/${name}`)
  await must(ns, 'sh', ['-ec', lines.join('\n')])
})
afterAll(cleanup)

test('a namespace gets what it may have, and hears once of what it may not', async () => {
  const said: string[] = []
  const keep = (_: object, text: string) => void said.push(text)
  const keeper = new SysctlKeeper(
    {
      nodePortRange: { first: 30_000, last: 32_767 },
      conntrack: {
        maxPerCore: 1,
        min: 10_000_000,
        tcpCloseWaitTimeout: 3600,
        udpTimeout: 10,
        tcpBeLiberal: true,
      },
    },
    { ...silentLogger, info: keep, error: keep },
  )
  const raise = () => inNetworkNamespace(ns.path, () => keeper.raise({ internalIPs: ['192.0.2.1'] }))
  raise()
  for (const [name, [, value]] of Object.entries(settings)) {
    expect((await must(ns, 'cat', [`/proc/sys/${name}`])).trim(), name).toBe(value)
  }
  const raised = said.filter((text) => text === 'kernel setting raised')
  const others = said.filter((text) => text !== 'kernel setting raised')
  expect([raised.length, others]).toEqual([
    4,
    [expect.stringMatching(/^nf_conntrack_max is \d+, less than 10000000/)],
  ])
  said.length = 0
  raise()
  expect(said).toEqual([])
})
