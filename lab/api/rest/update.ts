import { storageKey, type Backend } from '../backend.ts'
import type { ApiObject } from '../object.ts'
import type { ResourceType } from '../types/resource-type.ts'
import { staleVersion } from '../status.ts'
import { create } from './create.ts'
import { decodePartial } from './decode.ts'
import type { WriteRequest } from './options.ts'
import { checkPreconditions, read, replace, type Part } from './replace.ts'

/**
 * PUT: replaces an object, or its status; of some kinds it creates one that is not there.
 * @throws StatusError 400, 404, 409 (stale resourceVersion), 422
 */
export function update(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
  body: unknown,
  part: Part,
  request: WriteRequest,
): ApiObject {
  const given = decodePartial(type, body, request)
  const absent = backend.store.get(type.collection, storageKey(namespace, name)) === undefined
  if (absent && part === '' && type.createsOnUpdate) {
    if (given.metadata.resourceVersion) throw staleVersion(type, name)
    given.metadata.name ??= name
    return create(backend, type, namespace, given, request)
  }
  const old = read(backend, type, namespace, name)
  checkPreconditions(type, given, old)
  return replace(backend, type, old, given, part, request)
}
