import type { ApiObject } from '../object.ts'
import type { ObjectMatcher } from './field-selector.ts'
import type { Change, Store } from './store.ts'

/** What one watcher is told. */
export interface WatchChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: ApiObject
}

export interface WatchStart {
  readonly collection: string
  readonly matches: ObjectMatcher
  /**
   * Changes after this revision are told first. Undefined: the objects of now are told first, as ADDED.
   */
  readonly after: number | undefined
}

/**
 * Watches a collection: first what the start asks for, then every change, in order, inside the write that makes
 * it. Ends when the returned function is called.
 * @throws StatusError 410 when the history does not reach back to `after`
 */
export function watch(store: Store, start: WatchStart, deliver: (change: WatchChange) => void): () => void {
  const tell = (change: Change) => {
    const seen = seenBy(start.matches, change)
    if (seen !== undefined) deliver(seen)
  }
  if (start.after === undefined) {
    for (const object of store.values(start.collection)) {
      if (start.matches(object)) deliver({ type: 'ADDED', object })
    }
  } else {
    for (const change of store.since(start.collection, start.after)) tell(change)
  }
  return store.subscribe(start.collection, tell)
}

/** A change through a selector: an object that starts to match is added, one that stops is deleted. */
function seenBy(matches: ObjectMatcher, change: Change): WatchChange | undefined {
  const after = change.type !== 'DELETED' && matches(change.object)
  const before = change.previous !== undefined && matches(change.previous)
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object: change.object }
  if (!before) return undefined
  if (change.type === 'DELETED') return { type: 'DELETED', object: change.object }
  const { previous } = change
  const { resourceVersion } = change.object.metadata
  return {
    type: 'DELETED',
    object: { ...previous!, metadata: { ...previous!.metadata, resourceVersion: resourceVersion! } },
  }
}
