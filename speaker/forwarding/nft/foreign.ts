import type { Family } from '#inet/address.ts'
import type { ProxySigns } from './proxy-signs.ts'

export interface ForeignChain {
  readonly family: Family
  readonly table: string
  readonly chain: string
}

/** kube-proxy's; kubelet makes chains that begin with KUBE-, too, but none of these. */
const PROXY_CHAINS = ['KUBE-SERVICES', 'KUBE-NODEPORTS']
const PROXY_TABLE = 'kube-proxy'

/** What was found of one proxy, and how a person takes it away. */
interface Found {
  readonly what: readonly string[]
  readonly remedy: string
}

/**
 * Names other service proxies in words, with what takes them away; '' when there is none. They are told apart by what
 * they leave in the kernel, whether or not their process still runs: rules without a process still catch packets.
 *
 * @param chains of every nf_tables table, those of `iptables-nft` among them
 */
export function describeForeign(chains: readonly ForeignChain[], signs: ProxySigns): string {
  const tables = unique(chains.filter(({ table }) => table === PROXY_TABLE).map(tableName))
  const found: Record<string, Found> = {
    'kube-proxy, nftables': {
      what: tables.map((table) => `table ${table}`),
      remedy: ['kube-proxy --cleanup', ...tables.map((table) => `nft delete table ${table}`)].join(' or '),
    },
    'kube-proxy, iptables': {
      what: proxyChains(chains.filter(({ table }) => table !== PROXY_TABLE)),
      remedy: 'kube-proxy --cleanup',
    },
    // `kube-proxy --cleanup` uses the `iptables` that it finds, which on most hosts is the other one.
    'kube-proxy, iptables-legacy': {
      what: proxyChains(signs.legacyChains),
      remedy: 'kube-proxy --cleanup where iptables is iptables-legacy, as in its image',
    },
    'kube-proxy, ipvs': {
      what: signs.devices.includes('kube-ipvs0') ? ['device kube-ipvs0'] : [],
      remedy: 'kube-proxy --cleanup',
    },
    'kube-router, ipvs': {
      what: signs.devices.includes('kube-dummy-if') ? ['device kube-dummy-if'] : [],
      remedy: 'kube-router --cleanup-config',
    },
    'Cilium, sockets': {
      what: signs.ciliumSockets ? ['its programs translate addresses when a socket connects'] : [],
      remedy: 'kubeProxyReplacement=false and socketLB.enabled=false in its chart',
    },
  }
  return Object.entries(found)
    .filter(([, { what }]) => what.length > 0)
    .map(([name, { what, remedy }]) => `${name} (${what.join(', ')}; to remove: ${remedy})`)
    .join(', ')
}

const tableName = ({ family, table }: ForeignChain): string => `${family === 4 ? 'ip' : 'ip6'} ${table}`

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)]

function proxyChains(chains: readonly ForeignChain[]): readonly string[] {
  const found = chains.filter(({ chain }) => PROXY_CHAINS.includes(chain))
  return unique(found.map((one) => `${one.chain} in ${tableName(one)}`))
}
