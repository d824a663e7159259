import type { JsonObject } from '../json.ts'
import { apiVersionOf } from '../types/resource-type.ts'
import type { TypeRegistry } from '../types/type-registry.ts'
import { discover, groupsOf, type Discovered } from './verbs.ts'

/** `/api`: versions of the core group. */
export const coreVersions = (): JsonObject => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [],
})

const groupEntry = ({ name, versions }: { name: string; versions: readonly string[] }): JsonObject => {
  const entries = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: entries, preferredVersion: entries[0]! }
}

/** `/apis`. */
export const groupList = (types: TypeRegistry): JsonObject => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groupsOf(types)
    .filter(({ name }) => name !== '')
    .map(groupEntry),
})

/** `/apis/<group>`, undefined for an unknown group. */
export function group(types: TypeRegistry, name: string): JsonObject | undefined {
  const found = groupsOf(types).find((one) => one.name === name && name !== '')
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(found) }
}

/** `/api/v1` and `/apis/<group>/<version>`, undefined for an unknown one. */
export function resourceList(types: TypeRegistry, name: string, version: string): JsonObject | undefined {
  const found = discover(types).filter((one) => one.group === name && one.version === version)
  if (found.length === 0) return undefined
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group: name, version }),
    resources: found.flatMap(resourceEntries),
  }
}

function resourceEntries(one: Discovered): JsonObject[] {
  const { plural, singular, kind, namespaced, verbs, shortNames, categories } = one
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    },
    ...one.subresources.map((sub) => ({
      name: `${plural}/${sub.name}`,
      singularName: '',
      namespaced,
      ...(sub.kind.group === one.group ? {} : { group: sub.kind.group, version: sub.kind.version }),
      kind: sub.kind.kind,
      verbs: sub.verbs,
    })),
  ]
}

/**
 * Aggregated discovery (KEP-3352): all groups, versions and resources at once.
 * @param core `/api` shows the core group only, `/apis` all others
 * @param version of the group apidiscovery.k8s.io: v2 or v2beta1, which look the same
 */
export function aggregated(types: TypeRegistry, core: boolean, version: string): JsonObject {
  const all = discover(types)
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groupsOf(types)
      .filter(({ name }) => (name === '') === core)
      .map(({ name, versions }) => ({
        metadata: name === '' ? { creationTimestamp: null } : { name, creationTimestamp: null },
        versions: versions.map((one) => ({
          version: one,
          freshness: 'Current',
          resources: all.filter((of) => of.group === name && of.version === one).map(aggregatedResource),
        })),
      })),
  }
}

function aggregatedResource(one: Discovered): JsonObject {
  const { group: name, version, kind, shortNames, categories } = one
  return {
    resource: one.plural,
    responseKind: { group: name, version, kind },
    scope: one.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: one.singular,
    verbs: one.verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(one.subresources.length > 0
      ? {
          subresources: one.subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: sub.kind,
            verbs: sub.verbs,
          })),
        }
      : {}),
  }
}
