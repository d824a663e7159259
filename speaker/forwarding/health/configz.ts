import { formatPrefix, type Prefix } from '#inet/prefix.ts'
import type { ForwardingConfig, LocalDetector } from '../config.ts'
import type { BindAddress } from './http.ts'

export interface ConfigzAddresses {
  readonly healthz?: BindAddress
  readonly metrics?: BindAddress
}

/** The settings in force, under the names of kube-proxy's configuration file: what `/configz` shows. */
export function configz(config: ForwardingConfig, addresses: ConfigzAddresses): object {
  const { nodePortAddresses, masqueradeAll } = config
  return {
    'kubeproxy.config.k8s.io': {
      mode: 'nftables',
      healthzBindAddress: addressText(addresses.healthz),
      metricsBindAddress: addressText(addresses.metrics),
      ...detectorFields(config.detector),
      nodePortAddresses: nodePortAddresses === 'primary' ? ['primary'] : nodePortAddresses.map(formatPrefix),
      nftables: { masqueradeBit: 14, masqueradeAll, minSyncPeriod: '0s' },
    },
  }
}

function detectorFields(detector: LocalDetector): object {
  switch (detector.by) {
    case 'nothing':
      return { detectLocalMode: '' }
    case 'cluster-cidrs':
      return { detectLocalMode: 'ClusterCIDR', clusterCIDR: prefixes(detector.cidrs) }
    case 'node-cidrs':
      return { detectLocalMode: 'NodeCIDR' }
    case 'bridge':
      return { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: detector.name } }
    case 'interface-prefix':
      return {
        detectLocalMode: 'InterfaceNamePrefix',
        detectLocal: { interfaceNamePrefix: detector.prefix },
      }
  }
}

const prefixes = (cidrs: readonly Prefix[]): string => cidrs.map(formatPrefix).join(',')

const addressText = (at: BindAddress | undefined): string => {
  if (at === undefined) return ''
  return at.host.includes(':') ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`
}
