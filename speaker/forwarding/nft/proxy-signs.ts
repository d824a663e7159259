import { existsSync } from 'node:fs'
import { SystemError } from '#raw-socket/errors.ts'
import { legacyChains } from '#raw-socket/iptables.ts'
import type { ForeignChain } from './foreign.ts'

/** What other service proxies leave outside of nf_tables. */
export interface ProxySigns {
  /** of the packet filter that `iptables-legacy` writes, table nat */
  readonly legacyChains: readonly ForeignChain[]
  /** network devices on which a proxy binds the addresses of Services */
  readonly devices: readonly string[]
  /** Cilium translates addresses in connect(2), long before there is a packet */
  readonly ciliumSockets: boolean
}

/**
 * kube-proxy in ipvs mode, and kube-router. Services of ipvs alone are no sign: keepalived has some on many a control
 * plane, and forwards nothing of Kubernetes with them.
 */
const DEVICES = ['kube-ipvs0', 'kube-dummy-if']

/** A link that keeps the program attached as long as it is there; seen only where the host's bpffs is mounted. */
const CILIUM_LINKS = ['cil_sock4_connect', 'cil_sock6_connect'].map(
  (name) => `/sys/fs/bpf/cilium/socketlb/links/cgroup/${name}`,
)

/** Looks in the calling thread's network namespace; changes nothing and brings no table into use. */
export function readProxySigns(): ProxySigns {
  return {
    legacyChains: ([4, 6] as const).flatMap((family) =>
      readLegacy(family).map((chain) => ({ family, table: 'nat', chain })),
    ),
    devices: DEVICES.filter((name) => existsSync(`/proc/sys/net/ipv4/conf/${name}`)),
    ciliumSockets: CILIUM_LINKS.some((path) => existsSync(path)),
  }
}

function readLegacy(family: 4 | 6): readonly string[] {
  try {
    return legacyChains(family, 'nat')
  } catch (error) {
    // A packet filter that we cannot read is no reason to forward nothing.
    if (error instanceof SystemError) return []
    throw error
  }
}
