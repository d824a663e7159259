/** A path that names a resource, an object or a part of one. */
export interface ResourcePath {
  readonly group: string
  readonly version: string
  readonly plural: string
  /** undefined: cluster-scoped, or all namespaces */
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
}

/** Third segments below `namespaces/<name>` that are not resources inside it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize'])

/**
 * Reads the path of a request below `/api/v1` or `/apis/<group>/<version>`.
 * @param segments of the path, decoded, without empty ones
 * @returns undefined for any other path
 */
export function resourcePath(segments: readonly string[]): ResourcePath | undefined {
  const core = segments[0] === 'api'
  if (!core && segments[0] !== 'apis') return undefined
  const [group = '', version, ...rest] = core ? ['', ...segments.slice(1)] : segments.slice(1)
  if (version === undefined || rest.length === 0) return undefined
  const of = { group, version }
  const inNamespace =
    rest[0] === 'namespaces' &&
    rest.length > 2 &&
    !(rest.length === 3 && NAMESPACE_SUBRESOURCES.has(rest[2]!))
  const namespace = inNamespace ? rest[1]! : undefined
  const [plural, name, subresource, ...more] = inNamespace ? rest.slice(2) : rest
  if (more.length > 0) return undefined
  return {
    ...of,
    plural: plural!,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  }
}
