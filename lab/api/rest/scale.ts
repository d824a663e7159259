import type { LabelSelector } from '#crds/selector.ts'
import { badRequest, noSuchResource } from '../status.ts'
import type { Backend } from '../backend.ts'
import { copyJson, isObject, valueAt, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { formatSelector } from '../builtin/columns/text.ts'
import { parseJsonPath } from '../table/json-path.ts'
import type { ResourceType, ScalePaths } from '../types/resource-type.ts'
import type { WriteRequest } from './options.ts'
import { checkPreconditions, read, replace } from './replace.ts'

/** The scale subresource of an object (autoscaling/v1 Scale). @throws StatusError 404 */
export function readScale(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
): ApiObject {
  return scaleOf(read(backend, type, namespace, name), pathsOf(type))
}

/**
 * Sets the number of replicas. @param change makes the new Scale of the present one
 * @throws StatusError 400, 404, 409, 422
 */
export function writeScale(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
  change: (scale: ApiObject) => unknown,
  request: WriteRequest,
): ApiObject {
  const paths = pathsOf(type)
  const old = read(backend, type, namespace, name)
  const wanted = change(scaleOf(old, paths))
  if (!isObject(wanted)) throw badRequest('the body of the request is not an object')
  const given = wanted as ApiObject
  const { resourceVersion = old.metadata.resourceVersion! } = given.metadata ?? {}
  checkPreconditions(type, { ...given, metadata: { ...given.metadata, resourceVersion } }, old)
  const replicas = Number(valueAt(given, ['spec', 'replicas']) ?? 0)
  const object = copyJson(old)
  setAt(object, paths.specReplicas, replicas)
  return scaleOf(replace(backend, type, old, object, '', request), paths)
}

function pathsOf(type: ResourceType): ScalePaths {
  if (type.scale === undefined) throw noSuchResource()
  return type.scale
}

function scaleOf(object: ApiObject, paths: ScalePaths): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const find = (path: string) => parseJsonPath(path)?.(object)[0]
  const selector = paths.labelSelector === undefined ? undefined : find(paths.labelSelector)
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp }
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: Object.fromEntries(
      Object.entries(metadata).filter(([, value]) => value !== undefined),
    ) as unknown as ApiObject['metadata'],
    spec: { replicas: Number(find(paths.specReplicas) ?? 0) },
    status: {
      replicas: Number(find(paths.statusReplicas) ?? 0),
      ...(selector === undefined
        ? {}
        : { selector: typeof selector === 'string' ? selector : formatSelector(selector as LabelSelector) }),
    },
  }
}

function setAt(object: JsonObject, path: string, value: unknown): void {
  const steps = path.replace(/^\./, '').split('.')
  let node = object
  for (const step of steps.slice(0, -1)) node = (node[step] ??= {}) as JsonObject
  node[steps.at(-1)!] = value
}
