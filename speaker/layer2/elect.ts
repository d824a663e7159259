import { createHash } from 'node:crypto'

/** A node that may hold an address. */
export interface Candidate {
  readonly node: string
  /** sum of matching preferredNodeSelectors weights */
  readonly preference: number
  /** false: named only to say why not */
  readonly eligible: boolean
  /** why it is not eligible, '' when it is */
  readonly reason: string
  /** has not seen the API while others have (DESIGN: ranked below all that are fresh) */
  readonly stale: boolean
}

/**
 * Who holds an address: a pure function that every node computes alike. Order: not stale, then preference, then
 * the present holder (so that a returning node does not take it back), then sha256(node + "#" + address) ascending,
 * which is MetalLB's order.
 * @param address canonical text
 * @returns the node name, or undefined when no candidate is eligible
 */
export function elect(
  address: string,
  candidates: readonly Candidate[],
  holder?: string,
): string | undefined {
  const eligible = candidates.filter((candidate) => candidate.eligible)
  return rank(address, eligible, holder)[0]?.node
}

/** The candidates in the order in which they would take the address. */
export function rank(address: string, candidates: readonly Candidate[], holder?: string): Candidate[] {
  const hashes = new Map(candidates.map((one) => [one.node, hash(one.node, address)]))
  return [...candidates].sort(
    (a, b) =>
      Number(a.stale) - Number(b.stale) ||
      b.preference - a.preference ||
      Number(b.node === holder) - Number(a.node === holder) ||
      Buffer.compare(hashes.get(a.node) as Buffer, hashes.get(b.node) as Buffer),
  )
}

const hash = (node: string, address: string): Buffer =>
  createHash('sha256').update(`${node}#${address}`).digest()
