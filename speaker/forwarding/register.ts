/**
 * What a packet carries from one rule to the next: a 32-bit number in its _priority_, which is the one register that a
 * map can set and another map can read without taking bits of the packet mark from somebody. Only the first packet of
 * a connection comes this way, and the number is taken off again behind routing.
 *
 * | number, as a traffic class | means |
 * |---|---|
 * | `0:n` | the frontend has n endpoints, one is chosen at random |
 * | `100:n` … `10f:n` | n endpoints in turn; 16 counters, so that not all frontends share one |
 * | `200:n` | n slots of a table, one of which the client's address chooses |
 * | `fa1e:s` | slot s |
 * | `8000:0` and above | bit 31, 18 bits: a list of session affinity, 13 bits: an endpoint of it (0: the list itself) |
 */

export const SLOT_MAJOR = 0xfa1e
export const ROUND_ROBIN_MAJOR = 0x100
export const SOURCE_HASH_MAJOR = 0x200

/** Counters for choice in turn. */
export const ROUND_ROBIN_SHARDS = 16

/** The first slot. */
export const SLOT_BASE = (SLOT_MAJOR << 16) >>> 0

/** Everything from here on is a slot or belongs to session affinity. */
export const CHOSEN_BASE = 0x8000_0000

const MEMBER_BITS = 13
/** The bits that name an endpoint of a list. */
export const MEMBER_MASK = (1 << MEMBER_BITS) - 1
/** The bits that name the list. */
export const LIST_MASK = ~MEMBER_MASK >>> 0

/** Endpoints that a list can have. */
export const MAX_MEMBERS = 8191
/** Lists; some more numbers would do, but the slots are among them. */
export const MAX_LISTS = 250_000

/** Seconds for which a client can keep its endpoint: a day, as the API server has it. */
export const MAX_TIMEOUT = 86_400

/** The number of a list (1 …), or of its endpoint with that index (1 …). */
export const memberClass = (list: number, index = 0): number =>
  (CHOSEN_BASE | (list << MEMBER_BITS) | index) >>> 0

export const listOf = (number: number): number => (number & 0x7fff_ffff) >>> MEMBER_BITS
export const indexOf = (number: number): number => number & MEMBER_MASK

/** As nft prints it: major and minor number, hexadecimal. */
export const classText = (number: number): string =>
  `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`
