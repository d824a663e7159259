import type { JsonObject } from '../json.ts'
import { PATCH_TYPES } from '../rest/patch.ts'
import type { ResourceType } from '../types/resource-type.ts'

/** The path of a group and version below `/apis` and `/openapi/v3`: `api/v1`, `apis/apps/v1`. */
export const documentPath = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`

const query = (name: string, type = 'string'): JsonObject => ({
  name,
  in: 'query',
  schema: { type, uniqueItems: true },
})

const WRITE = ['dryRun', 'fieldManager', 'fieldValidation', 'pretty'].map((name) => query(name))
const SELECT = [
  ...['continue', 'fieldSelector', 'labelSelector', 'resourceVersion', 'resourceVersionMatch'].map((name) =>
    query(name),
  ),
  ...['limit', 'timeoutSeconds'].map((name) => query(name, 'integer')),
  ...['allowWatchBookmarks', 'sendInitialEvents', 'watch'].map((name) => query(name, 'boolean')),
]

/**
 * The paths of one resource, as far as clients read them: kubectl looks for `fieldValidation` among the parameters
 * of PATCH, for the media types of patches, and for the kind of each path.
 */
export function pathsOf(type: ResourceType, definition: string): JsonObject {
  const { group, version, kind, plural, namespaced, custom } = type
  const base = `/${documentPath(group, version)}`
  const collection = namespaced ? `${base}/namespaces/{namespace}/${plural}` : `${base}/${plural}`
  const of = { 'x-kubernetes-group-version-kind': { group, version, kind } }
  const schema = { $ref: `#/components/schemas/${definition}` }
  const content = { 'application/json': { schema }, 'application/yaml': { schema } }
  const responses = { 200: { description: 'OK', content } }
  const operation = (
    action: string,
    parameters: readonly JsonObject[],
    more: JsonObject = {},
  ): JsonObject => ({
    'x-kubernetes-action': action,
    ...of,
    parameters,
    responses,
    ...more,
  })
  const body = { requestBody: { content: { '*/*': { schema } } } }
  const patches = Object.keys(PATCH_TYPES).filter((one) => !custom || !one.includes('strategic'))
  const patchBody = {
    requestBody: { content: Object.fromEntries(patches.map((one) => [one, { schema: { type: 'object' } }])) },
  }
  const placeParameters = namespaced
    ? [{ name: 'namespace', in: 'path', required: true, schema: { type: 'string' } }]
    : []
  const name = { name: 'name', in: 'path', required: true, schema: { type: 'string' } }
  const whole = {
    get: operation('get', [query('pretty')]),
    put: operation('put', WRITE, body),
    patch: operation('patch', [...WRITE, query('force', 'boolean')], patchBody),
  }
  const parts = type.subresources
    .filter((one) => one === 'status')
    .map((one) => [`${collection}/{name}/${one}`, { ...whole, parameters: [name, ...placeParameters] }])
  return {
    [collection]: {
      get: operation('list', SELECT),
      post: operation('post', WRITE, body),
      delete: operation('deletecollection', SELECT),
      parameters: placeParameters,
    },
    [`${collection}/{name}`]: {
      ...whole,
      delete: operation('delete', [query('gracePeriodSeconds', 'integer'), query('propagationPolicy')]),
      parameters: [name, ...placeParameters],
    },
    ...Object.fromEntries(parts),
    ...(namespaced ? { [`${base}/${plural}`]: { get: operation('list', SELECT), parameters: [] } } : {}),
  }
}
