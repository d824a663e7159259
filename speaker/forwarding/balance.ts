import { ROUND_ROBIN_MAJOR, ROUND_ROBIN_SHARDS, SOURCE_HASH_MAJOR } from './register.ts'

/** How a new connection gets one of several endpoints. */
export const balances = ['random', 'round-robin', 'source-hash'] as const
export type Balance = (typeof balances)[number]

/** On a Service. Without it, as upstream: random. */
export const BALANCE_ANNOTATION = 'fairlead.io/balance'

/** The seed of choice by client address: the same on every node. */
export const SOURCE_HASH_SEED = 0xfa1e

/**
 * What a counting collection says of a frontend. As text the number alone for random choice, otherwise
 * `3@round-robin-5` (the counter's number) or `251@source-hash`: parseInt gives the slots of any.
 */
export interface SlotCount {
  readonly slots: number
  readonly balance: Balance
  /** which counter, for round-robin; otherwise 0 */
  readonly shard: number
}

export const MAX_SLOTS = 0xffff

export function formatCount(slots: number, balance: Balance = 'random', shard = 0): string {
  if (balance === 'random') return String(slots)
  return balance === 'source-hash' ? `${slots}@source-hash` : `${slots}@round-robin-${shard}`
}

const COUNT = /^([1-9][0-9]*)(?:@(source-hash|round-robin-(0|[1-9][0-9]*)))?$/

/** undefined for what is none. */
export function tryParseCount(text: string): SlotCount | undefined {
  const [, slotsText, mode, shardText] = COUNT.exec(text) ?? []
  const slots = Number(slotsText)
  const shard = Number(shardText ?? 0)
  if (slotsText === undefined || slots > MAX_SLOTS || shard >= ROUND_ROBIN_SHARDS) return undefined
  const balance = mode === undefined ? 'random' : mode === 'source-hash' ? mode : 'round-robin'
  return { slots, balance, shard }
}

/** The number of slots; 0 for what is not there. */
export const slotsIn = (count: string | undefined): number =>
  count === undefined ? 0 : Number.parseInt(count, 10)

/** The number that stands for it in a packet (`register.ts`); undefined for text that is no count. */
export function countClass(text: string): number | undefined {
  // Nearly every count is a plain number.
  const plain = Number(text)
  if (Number.isInteger(plain) && plain > 0 && plain <= MAX_SLOTS) return plain
  const count = tryParseCount(text)
  if (count === undefined) return undefined
  const major = count.balance === 'source-hash' ? SOURCE_HASH_MAJOR : ROUND_ROBIN_MAJOR + count.shard
  return ((major << 16) | count.slots) >>> 0
}

/** The reverse of `countClass`; undefined for a number that stands for no count. */
export function countOfClass(number: number): string | undefined {
  const major = number >>> 16
  const slots = number & 0xffff
  if (slots === 0) return undefined
  if (major === 0) return formatCount(slots)
  if (major === SOURCE_HASH_MAJOR) return formatCount(slots, 'source-hash')
  const shard = major - ROUND_ROBIN_MAJOR
  return shard >= 0 && shard < ROUND_ROBIN_SHARDS ? formatCount(slots, 'round-robin', shard) : undefined
}

/** Which counter a frontend uses: a hash of its key (FNV-1a). */
export function shardOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % ROUND_ROBIN_SHARDS
}
