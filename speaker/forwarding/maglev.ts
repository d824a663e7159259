/**
 * Consistent hashing: which of several names has each slot of a table, after "Maglev: A Fast and Reliable Software
 * Network Load Balancer" (NSDI 2016), section 3.4. The same names give the same table on every node, each has almost
 * the same share, and when one comes or goes few slots change besides its own.
 */

/**
 * Primes below the powers of two. The shares of two names differ by one slot at most, so with 20 slots or more a name
 * gets at most 5 % more than the mean; beyond 3,276 names it is up to 8 % (5,000) and more.
 */
const SIZES = [251, 1021, 4093, 16_381, 65_521] as const
const SLOTS_PER_NAME = 20

/** The size of the table for so many names; undefined when there are more names than slots in the largest one. */
export function maglevSize(names: number): number | undefined {
  const largest = SIZES[SIZES.length - 1]
  return SIZES.find((size) => size >= SLOTS_PER_NAME * names) ?? (names <= largest ? largest : undefined)
}

/**
 * The name of each slot. Names are different from one another; their order does not matter.
 * @param size a prime number, at least as large as there are names
 */
export function maglevTable(names: readonly string[], size: number): string[] {
  const sorted = [...names].sort()
  const table = new Int32Array(size).fill(-1)
  const next = sorted.map((name) => hash(name, OFFSET_SEED) % size)
  const skip = sorted.map((name) => (hash(name, SKIP_SEED) % (size - 1)) + 1)
  // Each in turn takes the first free slot of its own sequence, which visits every slot once.
  for (let filled = 0; filled < size && sorted.length > 0;) {
    for (let name = 0; name < sorted.length && filled < size; name++) {
      while (table[next[name]] >= 0) next[name] = (next[name] + skip[name]) % size
      table[next[name]] = name
      filled++
    }
  }
  return sorted.length === 0 ? [] : Array.from(table, (name) => sorted[name])
}

const OFFSET_SEED = 0x811c9dc5
const SKIP_SEED = 0x9747b28c

/** 32 bits of a text: FNV-1a, and then MurmurHash3's finalizer so that neighbours are far apart. */
function hash(text: string, seed: number): number {
  let word = seed
  for (let at = 0; at < text.length; at++) word = Math.imul(word ^ text.charCodeAt(at), 0x01000193)
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  return (word ^ (word >>> 16)) >>> 0
}
