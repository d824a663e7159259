import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanup, createNetns, must, run, type Netns } from '../test/netns.ts'
import { legacyChains } from './iptables.ts'
import { inNetworkNamespace } from './namespace.ts'

let ns: Netns
beforeAll(async () => {
  ns = await createNetns('legacy')
})
afterAll(cleanup)

const chains = (family: 4 | 6, table = 'nat') =>
  inNetworkNamespace(ns.path, () => legacyChains(family, table))
const inUse = () => must(ns, 'sh', ['-c', 'cat /proc/net/ip_tables_names 2>/dev/null || true'])

test('looking at a table does not bring it into use', async () => {
  expect(chains(4)).toEqual([])
  expect(chains(6)).toEqual([])
  expect(await inUse()).toBe('')
})

describe('chains that iptables-legacy made', () => {
  test('are found, those of either family, whatever the rules around them', async ({ skip }) => {
    const first = await run(ns, 'iptables-legacy', ['-t', 'nat', '-N', 'KUBE-SERVICES'])
    skip(first.code !== 0, `no iptables-legacy here: ${first.stderr.trim()}`)
    const rules = [
      '*nat',
      ':KUBE-NODEPORTS - [0:0]',
      '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-A KUBE-SERVICES -p tcp -d 10.96.0.1 --dport 443 -j DNAT --to-destination 192.0.2.1:6443',
      '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
      'COMMIT',
      '',
    ]
    await must(ns, 'iptables-legacy-restore', ['--noflush'], rules.join('\n'))
    await must(ns, 'ip6tables-legacy', ['-t', 'nat', '-N', 'OTHER'])
    expect([...chains(4)].sort()).toEqual(['KUBE-NODEPORTS', 'KUBE-SERVICES'])
    expect(chains(6)).toEqual(['OTHER'])
    expect(chains(4, 'filter')).toEqual([])
    await must(ns, 'iptables-legacy', ['-t', 'nat', '-F'])
    await must(ns, 'iptables-legacy', ['-t', 'nat', '-X'])
    expect(chains(4)).toEqual([])
  })
})
