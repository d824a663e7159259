import { REVIEWS } from '../auth/reviews.ts'
import type { ResourceType } from '../types/resource-type.ts'
import type { TypeRegistry } from '../types/type-registry.ts'

interface ResponseKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

/** A resource as discovery tells about it, whatever the format. */
export interface Discovered {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly singular: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly subresources: readonly {
    readonly name: string
    readonly kind: ResponseKind
    readonly verbs: readonly string[]
  }[]
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const NO_COLLECTION_DELETE = new Set(['namespaces', 'services'])

const SUBRESOURCES: Readonly<Record<string, { verbs: readonly string[]; kind?: ResponseKind }>> = {
  status: { verbs: ['get', 'patch', 'update'] },
  scale: {
    verbs: ['get', 'patch', 'update'],
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  },
  binding: { verbs: ['create'], kind: { group: '', version: 'v1', kind: 'Binding' } },
  eviction: { verbs: ['create'], kind: { group: 'policy', version: 'v1', kind: 'Eviction' } },
  token: {
    verbs: ['create'],
    kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  },
  finalize: { verbs: ['update'] },
}

/** Everything that is served, in the order of discovery: groups as registered, resources by name. */
export function discover(types: TypeRegistry): Discovered[] {
  const stored = types.all().map(fromType)
  const reviews = REVIEWS.map((review) => ({
    ...review,
    singular: review.kind.toLowerCase(),
    namespaced: false,
    verbs: ['create'],
    shortNames: [],
    categories: [],
    subresources: [],
  }))
  return [...stored, ...reviews].sort((a, b) => (a.plural < b.plural ? -1 : 1))
}

function fromType(type: ResourceType): Discovered {
  const { group, version, plural, singular, kind, namespaced, shortNames, categories } = type
  return {
    group,
    version,
    plural,
    singular,
    kind,
    namespaced,
    shortNames,
    categories,
    verbs:
      group === '' && NO_COLLECTION_DELETE.has(plural)
        ? VERBS.filter((verb) => verb !== 'deletecollection')
        : VERBS,
    subresources: type.subresources.map((name) => ({
      name,
      kind: SUBRESOURCES[name]?.kind ?? { group, version, kind },
      verbs: SUBRESOURCES[name]?.verbs ?? [],
    })),
  }
}

/** Groups and their versions, the preferred version first; the core group ('') first of all. */
export function groupsOf(types: TypeRegistry): { name: string; versions: string[] }[] {
  const names = [...new Set([...types.groups(), ...REVIEWS.map((review) => review.group)])]
  return names.map((name) => {
    const versions = types.versions(name)
    return { name, versions: versions.length > 0 ? versions : ['v1'] }
  })
}
