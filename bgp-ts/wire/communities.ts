import type { Community } from '../route.ts'

/**
 * The communities in ascending order, each once: standard ones first. RFC 1997 and RFC 8092 5 leave the order open;
 * a fixed one makes equal sets equal octets.
 */
export function canonicalCommunities(communities: readonly Community[]): Community[] {
  const sorted = [...communities].sort(compareCommunities)
  return sorted.filter(
    (community, index) => index === 0 || compareCommunities(sorted[index - 1], community) !== 0,
  )
}

function compareCommunities(a: Community, b: Community): number {
  if (a.kind !== b.kind) return a.kind === 'standard' ? -1 : 1
  const difference = a.value.map((part, index) => part - b.value[index])
  return difference.find((part) => part !== 0) ?? 0
}

/** As operators write them: `65535:666`, and `64500:1:2` for large ones. Serves as a key, too. */
export const formatCommunity = ({ value }: Community): string => value.join(':')
