import type { ResourceType } from './resource-type.ts'
import { parseApiVersion } from './resource-type.ts'

/** Every resource that is served now. Built-in ones stay, custom ones come and go with their CRDs. */
export class TypeRegistry {
  readonly #types = new Map<string, ResourceType>()
  #generation = 0

  /** Rises with every change, for caches of what is derived from the types. */
  get generation(): number {
    return this.#generation
  }

  find(group: string, version: string, plural: string): ResourceType | undefined {
    return this.#types.get(`${group}/${version}/${plural}`)
  }

  findKind(apiVersion: string, kind: string): ResourceType | undefined {
    const { group, version } = parseApiVersion(apiVersion)
    return this.all().find((type) => type.group === group && type.version === version && type.kind === kind)
  }

  /** Any one version of the resource that a collection holds. */
  ofCollection(collection: string): ResourceType | undefined {
    return this.all().find((type) => type.collection === collection)
  }

  all(): ResourceType[] {
    return [...this.#types.values()]
  }

  /** The types of one group and version; [] when there is none. */
  in(group: string, version: string): ResourceType[] {
    return this.all().filter((type) => type.group === group && type.version === version)
  }

  /** Group names, core ('') first, then in order of registration. */
  groups(): string[] {
    return [...new Set(this.all().map((type) => type.group))]
  }

  /** Versions of a group, the preferred one first. */
  versions(group: string): string[] {
    const versions = new Set(this.all().flatMap((type) => (type.group === group ? [type.version] : [])))
    return [...versions].sort(compareVersions)
  }

  /** Replaces all versions of one collection. */
  set(collection: string, types: readonly ResourceType[]): void {
    this.remove(collection)
    for (const type of types) this.#types.set(`${type.group}/${type.version}/${type.plural}`, type)
  }

  remove(collection: string): void {
    this.#generation += 1
    for (const [key, type] of this.#types) if (type.collection === collection) this.#types.delete(key)
  }
}

/** Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1; others last, by name. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [rank(a), rank(b)]
  if (x === undefined || y === undefined) {
    return Number(x === undefined) - Number(y === undefined) || (a < b ? -1 : Number(a > b))
  }
  for (let i = 0; i < 3; i += 1) if (x[i] !== y[i]) return y[i]! - x[i]!
  return 0
}

/** stability (stable 2, beta 1, alpha 0), major, number of the beta or alpha */
function rank(version: string): [number, number, number] | undefined {
  const found = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version)
  if (found === null) return undefined
  const stability = found[2] === undefined ? 2 : found[2] === 'beta' ? 1 : 0
  return [stability, Number(found[1]), Number(found[3] ?? 0)]
}
