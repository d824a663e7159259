import { formatAddress, tryParseAddress, type Address, type Family } from '#inet/address.ts'
import { formatPrefix, hostPrefix, prefixContains, tryParsePrefix, type Prefix } from '#inet/prefix.ts'
import type { ForwardingConfig, LocalDetector, NodeContext } from './config.ts'
import { families, type Collection, type Element } from './model.ts'

/** The elements that do not come from a Service. */
export function nodeElements(node: NodeContext, config: ForwardingConfig): Element[] {
  const elements: Element[] = []
  for (const family of families) {
    const all: Prefix = { address: { family, value: 0n }, length: 0 }
    const ours = (prefixes: readonly Prefix[]) =>
      outermost(prefixes.filter((prefix) => prefix.address.family === family))
    const put = (collection: Collection, prefixes: readonly Prefix[]) => {
      for (const prefix of prefixes)
        elements.push({ family, collection, key: formatPrefix(prefix), value: '' })
    }
    const pods = ours(podPrefixes(node, config.detector))
    put('pod-sources', pods)
    // Without a detector everybody is taken for a pod, but nobody is short-circuited (kube-proxy's no-op detector).
    if (!config.masqueradeAll) put('unmasqueraded-sources', pods.length > 0 ? pods : [all])
    put('service-cidrs', ours(node.serviceCIDRs.flatMap((text) => tryParsePrefix(text) ?? [])))
    const responder = primaryAddress(family, node)
    if (responder !== undefined) {
      const any = formatAddress(all.address)
      elements.push({ family, collection: 'ping-responder', key: any, value: formatAddress(responder) })
    }
    put('nodeport-addresses', nodePortPrefixes(family, node, config, all, ours))
  }
  return elements
}

const primaryAddress = (family: Family, node: NodeContext): Address | undefined =>
  node.internalIPs.map((text) => tryParseAddress(text)).find((address) => address?.family === family)

/** Sources that are pods by their address. */
const podPrefixes = (node: NodeContext, detector: LocalDetector): readonly Prefix[] => {
  if (detector.by === 'cluster-cidrs') return detector.cidrs
  return detector.by === 'node-cidrs' ? node.podCIDRs.flatMap((text) => tryParsePrefix(text) ?? []) : []
}

function nodePortPrefixes(
  family: Family,
  node: NodeContext,
  config: ForwardingConfig,
  all: Prefix,
  ours: (prefixes: readonly Prefix[]) => readonly Prefix[],
): readonly Prefix[] {
  if (config.nodePortAddresses === 'primary') {
    const primary = primaryAddress(family, node)
    return primary === undefined ? [] : [hostPrefix(primary)]
  }
  const prefixes = ours(config.nodePortAddresses)
  // A family without a range of its own accepts everywhere, even when the other family has ranges.
  return prefixes.length > 0 ? prefixes : [all]
}

/** Without prefixes that lie inside another one. */
function outermost(prefixes: readonly Prefix[]): Prefix[] {
  const unique = [...new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix])).values()]
  return unique.filter(
    (inner) => !unique.some((outer) => outer.length < inner.length && prefixContains(outer, inner.address)),
  )
}
