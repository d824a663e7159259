import type { OwnerReference } from '#kube/api.ts'
import { storageKey, type Backend } from '../backend.ts'
import { equalJson } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { FOREGROUND, ORPHAN, remove } from '../rest/delete.ts'
import type { Change } from '../store/store.ts'
import type { Controller } from './loop.ts'

/** Where an object is. */
interface Place {
  readonly collection: string
  readonly key: string
}

/**
 * The garbage collector: objects whose owners are all gone go too, and owners that are deleted with propagation
 * Foreground or Orphan wait until their dependents are dealt with. Follows every change; `step` does the work.
 */
export class OwnerIndex implements Controller {
  readonly #backend: Backend
  /** uid of every stored object */
  readonly #objects = new Map<string, Place>()
  /** uid of an owner -> uids of its dependents */
  readonly #dependents = new Map<string, Set<string>>()
  /** uids of objects to look at */
  readonly #dirty = new Set<string>()

  constructor(backend: Backend) {
    this.#backend = backend
  }

  get pending(): boolean {
    return this.#dirty.size > 0
  }

  /** Takes note of a change. */
  observe(collection: string, change: Change): void {
    const { object, previous, key } = change
    const uid = object.metadata.uid ?? ''
    if (change.type === 'DELETED') this.#objects.delete(uid)
    else this.#objects.set(uid, { collection, key })
    const before = owners(previous)
    const now = change.type === 'DELETED' ? [] : owners(object)
    for (const owner of before) this.#dependents.get(owner.uid)?.delete(uid)
    for (const owner of now) {
      const dependents = this.#dependents.get(owner.uid) ?? new Set()
      this.#dependents.set(owner.uid, dependents.add(uid))
    }
    if (!equalJson(before, now) || (now.length > 0 && object.metadata.deletionTimestamp)) this.#dirty.add(uid)
    // An owner that waits for its dependents is looked at when one of them goes or lets go.
    for (const owner of before) if (this.#objects.has(owner.uid)) this.#dirty.add(owner.uid)
    if (waits(object)) this.#dirty.add(uid)
    if (change.type === 'DELETED') {
      for (const dependent of this.#dependents.get(uid) ?? []) this.#dirty.add(dependent)
      if (this.#dependents.get(uid)?.size === 0) this.#dependents.delete(uid)
    }
  }

  /** Deals with every object that is due. Its writes make more objects due. */
  step(): void {
    const due = [...this.#dirty]
    this.#dirty.clear()
    for (const uid of due) {
      const place = this.#objects.get(uid)
      const object = place && this.#backend.store.get(place.collection, place.key)
      if (place === undefined || object === undefined) continue
      if (waits(object)) this.#settleOwner(uid, place, object)
      else if (owners(object).length > 0) this.#settleDependent(place, object)
    }
  }

  #settleOwner(uid: string, place: Place, owner: ApiObject): void {
    const dependents = [...(this.#dependents.get(uid) ?? [])].flatMap((one) => this.#objects.get(one) ?? [])
    if (owner.metadata.finalizers?.includes(ORPHAN)) {
      for (const dependent of dependents) this.#disown(dependent, (reference) => reference.uid !== uid)
      this.#unfinalize(place, owner, ORPHAN)
      return
    }
    let blocked = false
    for (const dependent of dependents) {
      const object = this.#backend.store.get(dependent.collection, dependent.key)
      const reference = object && owners(object).find((one) => one.uid === uid)
      if (object === undefined || reference === undefined) continue
      if (reference.blockOwnerDeletion === true) blocked = true
      if (object.metadata.deletionTimestamp === undefined) this.#delete(dependent, object, 'Foreground')
    }
    if (!blocked) this.#unfinalize(place, owner, FOREGROUND)
  }

  #settleDependent(place: Place, object: ApiObject): void {
    if (object.metadata.deletionTimestamp !== undefined) return
    const references = owners(object)
    // An owner of a kind that is not served cannot be looked up; it counts as there.
    const present = references.filter(
      ({ uid, apiVersion, kind }) =>
        this.#objects.has(uid) || this.#backend.types.findKind(apiVersion, kind) === undefined,
    )
    if (present.length === 0) this.#delete(place, object, 'Background')
    else if (present.length < references.length) {
      const kept = new Set(present.map(({ uid }) => uid))
      this.#disown(place, (reference) => kept.has(reference.uid))
    }
  }

  #delete({ collection }: Place, object: ApiObject, propagationPolicy: 'Background' | 'Foreground'): void {
    const type = this.#backend.types.ofCollection(collection)
    if (type === undefined) return
    const { namespace, name, uid } = object.metadata
    const hasDependents = (this.#dependents.get(uid ?? '')?.size ?? 0) > 0
    remove(this.#backend, type, namespace, name, {
      dryRun: false,
      ...(propagationPolicy === 'Foreground' && hasDependents ? { propagationPolicy } : {}),
    })
  }

  #disown({ collection, key }: Place, keep: (reference: OwnerReference) => boolean): void {
    const object = this.#backend.store.get(collection, key)
    if (object === undefined) return
    const metadata = { ...object.metadata }
    const kept = owners(object).filter(keep)
    if (kept.length > 0) metadata.ownerReferences = kept
    else delete metadata.ownerReferences
    this.#backend.store.put(collection, key, { ...object, metadata })
  }

  #unfinalize({ collection, key }: Place, object: ApiObject, finalizer: string): void {
    releaseFinalizer(this.#backend, collection, key, object, finalizer)
  }
}

const owners = (object: ApiObject | undefined): OwnerReference[] => object?.metadata.ownerReferences ?? []

/** Is this an owner that the garbage collector must act for? */
const waits = ({ metadata }: ApiObject): boolean =>
  metadata.deletionTimestamp !== undefined &&
  (metadata.finalizers?.includes(FOREGROUND) === true || metadata.finalizers?.includes(ORPHAN) === true)

/** Takes a finalizer off an object that is being deleted, and lets it go when it was the last. */
export function releaseFinalizer(
  backend: Backend,
  collection: string,
  key: string,
  object: ApiObject,
  finalizer: string,
): void {
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== finalizer)
  const metadata = { ...object.metadata }
  if (finalizers.length > 0) metadata.finalizers = finalizers
  else delete metadata.finalizers
  const released = backend.store.put(collection, key, { ...object, metadata })
  const waiting = (metadata.deletionGracePeriodSeconds ?? 0) > 0
  if (finalizers.length === 0 && !waiting) {
    backend.store.remove(collection, storageKey(released.metadata.namespace, released.metadata.name))
  }
}
