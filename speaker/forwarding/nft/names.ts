import type { Family } from '#inet/address.ts'
import { countOfClass, tryParseCount } from '../balance.ts'
import { ForwardingError } from '../errors.ts'
import type { Collection, Element } from '../model.ts'
import { classText } from '../register.ts'

/** What things are called in the kernel. */

/** Our table, in the families `ip` and `ip6`. */
export const TABLE = 'fairlead'

/** The set whose one element says which program is installed. */
export const PROGRAM_SET = 'program'

export const familyName = (family: Family): 'ip' | 'ip6' => (family === 4 ? 'ip' : 'ip6')

export const addressType = (family: Family) => (family === 4 ? 'ipv4_addr' : 'ipv6_addr')
/** Source ranges are hashed by prefix length: a set for each length in use, made when it is first needed. */
export const allowedSourcesSet = (length: number): string => `allowed-sources-${length}`

/** Lists of session affinity by their timeout: a set for each number of seconds in use, made when it is first needed. */
export const affinitySet = (seconds: number): string => `affinity-${seconds}`

/** What clients have been given; the kernel writes it by itself. */
export const AFFINITY_MAP = 'affinity'

/** Packets that were caught untranslated. */
export const ESCAPES_COUNTER = 'escapes'

/** Packets to an address that no Service has any more, which would have gone back to where they came from. */
export const RETURNED_COUNTER = 'returned'

/** The map that leads from a number of endpoints to the chain that chooses among so many. */
export const SPREAD_MAP = 'spread'

/** The chain that chooses a slot for what a counting collection says, given as its number (`register.ts`). */
export function spreadChain(number: number): string {
  const { slots, balance, shard } = shapeOf(number)
  if (balance === 'random') return `spread-${slots}`
  return balance === 'source-hash' ? `source-hash-${slots}` : `round-robin-${slots}-${shard}`
}

/** @throws ForwardingError FL_FORWARDING_KERNEL for a number that stands for no count */
export function shapeOf(number: number) {
  const count = tryParseCount(countOfClass(number) ?? '')
  if (count === undefined)
    throw new ForwardingError('FL_FORWARDING_KERNEL', `no count is ${classText(number)}`)
  return count
}

/** Collections that are kept in several sets, each for one value of a field, made when that value first occurs. */
export const inSeveralSets = (name: Collection): boolean =>
  name === 'allowed-sources' || name === 'affinity-timeouts'

/** The kernel's name of the set that an element lives in. */
export function setOf({ collection, key }: Pick<Element, 'collection' | 'key'>): string {
  if (collection === 'allowed-sources') return allowedSourcesSet(Number(key.slice(key.lastIndexOf('/') + 1)))
  if (collection === 'affinity-timeouts') return affinitySet(Number(key.slice(key.lastIndexOf(' ') + 1)))
  return collection
}
