import { afterAll, expect, test } from 'vitest'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { cleanup, createNetns, must, run, type Netns } from '../../../test/netns.ts'
import { readProxySigns } from './proxy-signs.ts'

afterAll(cleanup)

const look = (ns: Netns) => inNetworkNamespace(ns.path, readProxySigns)

test('an empty namespace has no sign of another proxy', async () => {
  const { legacyChains, devices } = look(await createNetns('signs-none'))
  expect({ legacyChains, devices }).toEqual({ legacyChains: [], devices: [] })
})

test('the device of the ipvs mode is seen while it is there', async () => {
  const ns = await createNetns('signs-ipvs')
  // kube-proxy's is of type dummy, which not every kernel has; only the name counts.
  await must(ns, 'ip', ['link', 'add', 'kube-ipvs0', 'type', 'veth'])
  expect(look(ns).devices).toEqual(['kube-ipvs0'])
  await must(ns, 'ip', ['link', 'delete', 'kube-ipvs0'])
  expect(look(ns).devices).toEqual([])
})

test('rules of iptables-legacy are seen, those of iptables-nft are not: nf_tables has them', async ({
  skip,
}) => {
  const ns = await createNetns('signs-legacy')
  await must(ns, 'iptables-nft', ['-t', 'nat', '-N', 'KUBE-SERVICES'])
  expect(look(ns).legacyChains).toEqual([])
  const made = await run(ns, 'ip6tables-legacy', ['-t', 'nat', '-N', 'KUBE-SERVICES'])
  skip(made.code !== 0, `no ip6tables-legacy here: ${made.stderr.trim()}`)
  expect(look(ns).legacyChains).toEqual([{ family: 6, table: 'nat', chain: 'KUBE-SERVICES' }])
})
