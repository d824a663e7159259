/**
 * How much of the lower end of a range is left to those who ask for a value of their own; what is picked for the
 * others begins above (KEP-3070 for addresses, KEP-3668 for node ports).
 */
export function staticBand(size: bigint, step: bigint, most: bigint): bigint {
  const least = 16n
  if (size <= least) return 0n
  const share = size / step
  if (share < least) return least
  return share > most ? most : share
}
