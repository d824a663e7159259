import { createHash } from 'node:crypto'

/** Up to so many nodes watch each other, all of them. */
export const allWatchAll = 64
/** Beyond that each watches so many that follow it on the ring, and is watched by as many. */
export const watchedNeighbors = 8

/**
 * The nodes that this one has a session with: all others, or in a large cluster its neighbours to either side on a
 * ring in the order of the hashes of their names. It is mutual: who is in this node's set has this node in its own.
 * @param nodes names of all, with or without this one
 */
export function watched(self: string, nodes: Iterable<string>): Set<string> {
  const all = new Set(nodes)
  all.add(self)
  if (all.size <= allWatchAll) {
    all.delete(self)
    return all
  }
  const ring = [...all]
    .map((node) => ({ node, hash: createHash('sha256').update(node).digest('hex') }))
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    .map(({ node }) => node)
  const at = ring.indexOf(self)
  const result = new Set<string>()
  for (let step = 1; step <= watchedNeighbors; step++) {
    result.add(ring[(at + step) % ring.length])
    result.add(ring[(at - step + ring.length) % ring.length])
  }
  return result
}
