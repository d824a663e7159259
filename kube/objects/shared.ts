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

/** More different texts than a large cluster has Nodes and zones. */
const LIMIT = 8192
const known = new Map<string, string>()

/** The same text, kept once: for names of Nodes and the like. */
export function sharedText(text: string): string {
  const found = known.get(text)
  if (found !== undefined) return found
  if (known.size >= LIMIT) known.clear()
  known.set(text, text)
  return text
}
