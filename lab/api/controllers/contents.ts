import type { Backend } from '../backend.ts'
import { CLEANUP } from '../crd/strategy.ts'
import { CRDS } from '../crd/custom-types.ts'
import { definitionSpec } from '../crd/definition.ts'
import { isDeleting, timestamp, type ApiObject } from '../object.ts'
import { remove } from '../rest/delete.ts'
import type { Change } from '../store/store.ts'
import { collectionName } from '../types/resource-type.ts'
import type { Controller } from './loop.ts'
import { releaseFinalizer } from './owners.ts'

/**
 * What contains other objects: a namespace that is deleted takes its content with it, a CRD its custom resources;
 * both go last. Also gives every namespace its `default` service account. Follows every change; `step` does the
 * work.
 */
export class Contents implements Controller {
  readonly #backend: Backend
  readonly #namespaces = new Set<string>()
  readonly #definitions = new Set<string>()

  constructor(backend: Backend) {
    this.#backend = backend
  }

  get pending(): boolean {
    return this.#namespaces.size > 0 || this.#definitions.size > 0
  }

  /** Takes note of a change. */
  observe(collection: string, { type, object, key }: Change): void {
    const { store } = this.#backend
    if (collection === 'namespaces' && type !== 'DELETED') {
      if (isDeleting(object) || type === 'ADDED') this.#namespaces.add(key)
    } else if (collection === CRDS && type !== 'DELETED' && isDeleting(object)) this.#definitions.add(key)
    if (type !== 'DELETED') return
    const { namespace } = object.metadata
    const home = namespace === undefined ? undefined : store.get('namespaces', namespace)
    if (home !== undefined && isDeleting(home)) this.#namespaces.add(namespace!)
    const definition = store.get(CRDS, collection)
    if (definition !== undefined && isDeleting(definition)) this.#definitions.add(collection)
  }

  /** Deals with every container that is due. */
  step(): void {
    const namespaces = [...this.#namespaces]
    const definitions = [...this.#definitions]
    this.#namespaces.clear()
    this.#definitions.clear()
    for (const name of namespaces) {
      const namespace = this.#backend.store.get('namespaces', name)
      if (namespace === undefined) continue
      if (isDeleting(namespace)) this.#emptyNamespace(namespace)
      else this.#furnish(name)
    }
    for (const name of definitions) {
      const definition = this.#backend.store.get(CRDS, name)
      if (definition !== undefined) this.#emptyDefinition(definition)
    }
  }

  #emptyNamespace(namespace: ApiObject): void {
    const { name } = namespace.metadata
    const { store } = this.#backend
    const left = this.#deleteAll((object) => object.metadata.namespace === name)
    const now = store.get('namespaces', name)
    if (left > 0 || now === undefined) return
    const { finalizers: _done, ...spec } = now.spec ?? {}
    if ((now.metadata.finalizers ?? []).length === 0) store.remove('namespaces', name)
    else store.put('namespaces', name, { ...now, metadata: { ...now.metadata }, spec })
  }

  #emptyDefinition(definition: ApiObject): void {
    const { group, names } = definitionSpec(definition)
    const collection = collectionName(names.plural, group)
    const left = this.#deleteAll(() => true, [collection])
    const key = definition.metadata.name
    const now = this.#backend.store.get(CRDS, key)
    if (left === 0 && now !== undefined) releaseFinalizer(this.#backend, CRDS, key, now, CLEANUP)
  }

  /** @returns how many objects still wait for somebody */
  #deleteAll(
    matches: (object: ApiObject) => boolean,
    collections: readonly string[] = this.#backend.store.collections(),
  ): number {
    let left = 0
    for (const collection of collections) {
      const type = this.#backend.types.ofCollection(collection)
      if (type === undefined) continue
      for (const object of this.#backend.store.values(collection)) {
        if (!matches(object)) continue
        const { namespace, name } = object.metadata
        const { gone } = isDeleting(object)
          ? { gone: false }
          : remove(this.#backend, type, namespace, name, { dryRun: false })
        if (!gone) left += 1
      }
    }
    return left
  }

  #furnish(namespace: string): void {
    const { store, now } = this.#backend
    if (store.get('serviceaccounts', `${namespace}/default`) !== undefined) return
    store.put('serviceaccounts', `${namespace}/default`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: {
        name: 'default',
        namespace,
        uid: crypto.randomUUID(),
        creationTimestamp: timestamp(now()),
      },
    })
  }
}
