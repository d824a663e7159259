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
  /** has not seen the API while others have: ranked below all that are fresh */
  readonly stale: boolean
}

/**
 * Who holds an address: a pure function that every node computes alike. Order: not stale, then preference, then
 * the present holder (so that a returning node does not take it back), then sha256(node + "#" + address) ascending,
 * which is MetalLB's order.
 * @param address canonical text
 * @returns the node name, or undefined when no candidate is eligible
 */
export const elect = (
  address: string,
  candidates: readonly Candidate[],
  holder?: string,
): string | undefined => electAmong(inHashOrder(address, candidates), ({ eligible }) => eligible, holder)

/** The candidates in the order in which they would take the address. */
export const rank = (address: string, candidates: readonly Candidate[], holder?: string): Candidate[] =>
  inHashOrder(address, candidates).sort((a, b) => compare(a, b, holder))

/** The candidates by hash alone: the base of the order, which changes only with who they are. */
export function inHashOrder(address: string, candidates: readonly Candidate[]): Candidate[] {
  const hashes = new Map(candidates.map((one) => [one.node, hash(one.node, address)]))
  return [...candidates].sort((a, b) =>
    Buffer.compare(hashes.get(a.node) as Buffer, hashes.get(b.node) as Buffer),
  )
}

/**
 * As `elect`, in one pass and without hashing.
 * @param ordered as `inHashOrder` returns them
 * @param may who can be elected at all
 */
export function electAmong(
  ordered: readonly Candidate[],
  may: (candidate: Candidate) => boolean,
  holder?: string,
): string | undefined {
  let best: Candidate | undefined
  for (const one of ordered) {
    if (may(one) && (best === undefined || compare(one, best, holder) < 0)) best = one
  }
  return best?.node
}

/** By hash alone, which two nodes agree on whatever else they were told. */
export const hashPrecedes = (address: string, node: string, other: string): boolean =>
  Buffer.compare(hash(node, address), hash(other, address)) < 0

const compare = (a: Candidate, b: Candidate, holder: string | undefined): number =>
  Number(a.stale) - Number(b.stale) ||
  b.preference - a.preference ||
  Number(b.node === holder) - Number(a.node === holder)

const hash = (node: string, address: string): Buffer =>
  createHash('sha256').update(`${node}#${address}`).digest()
