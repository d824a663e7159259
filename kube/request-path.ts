import type { KubeObject, ObjectKey, Resource } from './api.ts'

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The path of a collection (`key.name` absent), an object or its subresource, with its query. */
export function requestPath(
  resource: Resource,
  key: Partial<ObjectKey>,
  query: Query = {},
  subresource?: string,
): string {
  const root = resource.group === '' ? '/api' : `/apis/${resource.group}`
  const parts = [root, resource.version]
  if (resource.namespaced && key.namespace) parts.push('namespaces', encodeURIComponent(key.namespace))
  parts.push(resource.plural)
  if (key.name !== undefined) parts.push(encodeURIComponent(key.name))
  if (subresource !== undefined) parts.push(subresource)
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  return search.size === 0 ? parts.join('/') : `${parts.join('/')}?${search}`
}

/** apiVersion and kind are required in what is sent, and follow from the resource. */
export const typed = <B extends Partial<KubeObject>>(resource: Resource, body: B): B => ({
  apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
  kind: resource.kind,
  ...body,
})
