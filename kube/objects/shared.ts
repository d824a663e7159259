/**
 * What many objects have in common is kept once: a cluster has ten thousand Services and tens of thousands of
 * endpoints, and most of their lists are empty.
 */

const NO_ITEMS: readonly never[] = Object.freeze([])
const NO_ENTRIES: Readonly<Record<string, never>> = Object.freeze({})

/** The list, or the one empty list. */
export const listOf = <T>(list: readonly T[] | null | undefined): readonly T[] =>
  list && list.length > 0 ? list : NO_ITEMS

/** The record, or the one empty record. */
export function recordOf(record: Record<string, string> | undefined): Readonly<Record<string, string>> {
  for (const _key in record) return record as Record<string, string>
  return NO_ENTRIES
}

/** Those of controllers, which are few, on objects, which are many. */
const RECORDS = 512
/** Characters; longer ones are hardly the same in many objects. */
const LONGEST_VALUE = 256
const knownRecords = new Map<string, Readonly<Record<string, string>>>()

/** The same record, kept once when it is short: for annotations that ten thousand objects have in common. */
export function sharedRecord(record: Record<string, string> | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(record ?? NO_ENTRIES)
  if (entries.length !== 1 || entries[0][1].length > LONGEST_VALUE) return recordOf(record)
  const text = entries[0].join('\n')
  const found = knownRecords.get(text)
  if (found !== undefined) return found
  if (knownRecords.size >= RECORDS) knownRecords.clear()
  // Made by a parser it may have room for more.
  const [[key, value]] = entries
  const kept = { [key]: value }
  knownRecords.set(text, kept)
  return kept
}

/** More different texts than a large cluster has Nodes and zones. */
const LIMIT = 8192
const known = new Map<string, string>()

/** The same text, kept once: for names of Nodes and Namespaces, times, words of the API and the like. */
export function sharedText<T extends string>(text: T): T {
  const found = known.get(text)
  if (found !== undefined) return found as T
  if (known.size >= LIMIT) known.clear()
  known.set(text, text)
  return text
}

/** Longer lists are few. */
const SHORT = 4
const knownLists = new Map<string, readonly string[]>()

/** The same list, kept once when it is short: for lists of words of the API. */
export function sharedList<T extends string>(list: readonly T[] | null | undefined): readonly T[] {
  if (!list || list.length === 0) return NO_ITEMS
  if (list.length > SHORT) return list
  const text = list.join()
  const found = knownLists.get(text)
  if (found !== undefined) return found as readonly T[]
  if (knownLists.size >= LIMIT) knownLists.clear()
  knownLists.set(text, list)
  return list
}

/** The part of the version before where that is the same: others keep parts of it, which are then not there twice. */
export const keepEqual = <T>(next: T, previous: T): T => (isEqual(next, previous) ? previous : next)

/** Of JSON. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((one, at) => isEqual(one, b[at]))
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  let names = 0
  for (const name in left) {
    if (!Object.hasOwn(right, name) || !isEqual(left[name], right[name])) return false
    names++
  }
  return !Array.isArray(b) && names === Object.keys(right).length
}
