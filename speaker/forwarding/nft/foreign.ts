import type { Family } from '#inet/address.ts'

/** Marks that other service proxies leave; kubelet's own chains (KUBE-KUBELET-CANARY, KUBE-FIREWALL) are none. */
const PROXY_CHAINS = ['KUBE-SERVICES', 'KUBE-NODEPORTS']
/** The device on which kube-proxy's ipvs mode binds addresses. */
const IPVS_DEVICE = '/proc/sys/net/ipv4/conf/kube-ipvs0'

interface ForeignChain {
  readonly family: Family
  readonly table: string
  readonly chain: string
}

/**
 * Names other service proxies in words; '' when there is none. They are told apart by what they leave in the kernel,
 * whether or not their process still runs: rules without a process still catch packets.
 */
export function describeForeign(chains: readonly ForeignChain[], exists: (path: string) => boolean): string {
  const found = new Set<string>()
  for (const { family, table, chain } of chains) {
    const name = `${family === 4 ? 'ip' : 'ip6'} ${table}`
    if (table === 'kube-proxy') found.add(`kube-proxy (nftables table ${name})`)
    else if (PROXY_CHAINS.includes(chain)) found.add(`kube-proxy (iptables chain ${chain} in ${name})`)
  }
  if (exists(IPVS_DEVICE)) found.add('kube-proxy (ipvs, device kube-ipvs0)')
  return [...found].join(', ')
}
