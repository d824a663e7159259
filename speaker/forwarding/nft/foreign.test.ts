import { expect, test } from 'vitest'
import { describeForeign, type ForeignChain } from './foreign.ts'
import type { ProxySigns } from './proxy-signs.ts'

const nothing: ProxySigns = { legacyChains: [], devices: [], ciliumSockets: false }
const chain = (family: 4 | 6, table: string, name: string): ForeignChain => ({ family, table, chain: name })

test('what belongs to nobody else is nothing', () => {
  const chains = [
    chain(4, 'fairlead', 'services'),
    chain(4, 'nat', 'PREROUTING'),
    chain(4, 'mangle', 'KUBE-KUBELET-CANARY'),
    chain(4, 'mangle', 'KUBE-PROXY-CANARY'),
    chain(6, 'filter', 'KUBE-FIREWALL'),
    chain(6, 'nat', 'KUBE-POSTROUTING'),
  ]
  expect(describeForeign(chains, nothing)).toBe('')
  expect(describeForeign([], { ...nothing, legacyChains: [chain(4, 'nat', 'DOCKER')] })).toBe('')
})

test('each mode of kube-proxy is named, with what takes it away', () => {
  const nftables = [
    chain(4, 'kube-proxy', 'services'),
    chain(4, 'kube-proxy', 'nat-output'),
    chain(6, 'kube-proxy', 'services'),
  ]
  expect(describeForeign(nftables, nothing)).toBe(
    'kube-proxy, nftables (table ip kube-proxy, table ip6 kube-proxy; to remove: kube-proxy --cleanup' +
      ' or nft delete table ip kube-proxy or nft delete table ip6 kube-proxy)',
  )
  const iptables = [chain(4, 'nat', 'KUBE-SERVICES'), chain(4, 'nat', 'KUBE-NODEPORTS')]
  expect(describeForeign(iptables, nothing)).toBe(
    'kube-proxy, iptables (KUBE-SERVICES in ip nat, KUBE-NODEPORTS in ip nat; to remove: kube-proxy --cleanup)',
  )
  expect(describeForeign([], { ...nothing, legacyChains: [chain(6, 'nat', 'KUBE-SERVICES')] })).toBe(
    'kube-proxy, iptables-legacy (KUBE-SERVICES in ip6 nat; to remove: kube-proxy --cleanup' +
      ' where iptables is iptables-legacy, as in its image)',
  )
  expect(describeForeign([], { ...nothing, devices: ['kube-ipvs0'] })).toBe(
    'kube-proxy, ipvs (device kube-ipvs0; to remove: kube-proxy --cleanup)',
  )
})

test('all that is there is named, whoever left it', () => {
  const all = describeForeign([chain(4, 'kube-proxy', 'services'), chain(6, 'nat', 'KUBE-SERVICES')], {
    legacyChains: [chain(4, 'nat', 'KUBE-SERVICES')],
    devices: ['kube-ipvs0', 'kube-dummy-if'],
    ciliumSockets: true,
  })
  const names = all.split(/\([^)]*\)(?:, |$)/).map((name) => name.trim())
  expect(names.filter((name) => name !== '')).toEqual([
    'kube-proxy, nftables',
    'kube-proxy, iptables',
    'kube-proxy, iptables-legacy',
    'kube-proxy, ipvs',
    'kube-router, ipvs',
    'Cilium, sockets',
  ])
})
