import { cause, type Cause } from '../status.ts'
import { equalJson } from '../json.ts'
import { timestamp, type ApiObject } from '../object.ts'
import { validateDnsLabel, validateDnsSubdomain } from '../rest/names.ts'
import type { Strategy } from '../types/resource-type.ts'
import { definitionSpec, type DefinitionVersion } from './definition.ts'

/** The finalizer that makes a CRD wait until its objects are gone. */
export const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io'

/** CustomResourceDefinitions: accepted and established at once. @param now milliseconds since 1970 */
export function definitionStrategy(now: () => number): Strategy {
  const established = (object: ApiObject) => {
    const { names, versions } = definitionSpec(object)
    const lastTransitionTime = timestamp(now())
    const condition = (type: string, reason: string, message: string) => ({
      lastTransitionTime,
      message,
      reason,
      status: 'True',
      type,
    })
    const stored = new Set(object.status?.storedVersions as string[] | undefined)
    for (const { name, storage } of versions) if (storage) stored.add(name)
    object.status = {
      acceptedNames: names,
      conditions: object.status?.conditions ?? [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      storedVersions: [...stored],
    }
  }
  return {
    defaults(object) {
      const spec = definitionSpec(object)
      if (spec?.names === undefined) return
      spec.names.singular ??= spec.names.kind?.toLowerCase()
      spec.names.listKind ??= `${spec.names.kind}List`
      spec.conversion ??= { strategy: 'None' }
    },
    prepareCreate(object) {
      object.metadata.finalizers = [...new Set([...(object.metadata.finalizers ?? []), CLEANUP])]
      if (validateDefinition(object).length === 0) established(object)
    },
    prepareUpdate: established,
    newGeneration: (object, old) => !equalJson(object.spec, old.spec),
    validate: (object, old) => [
      ...validateDefinition(object),
      ...(old === undefined ? [] : validateChange(object, old)),
    ],
  }
}

function validateDefinition(object: ApiObject): Cause[] {
  const { group = '', names, scope, versions = [] } = definitionSpec(object) ?? {}
  const causes: Cause[] = []
  if (names?.plural === undefined || names.kind === undefined) return [cause.required('spec.names')]
  const wanted = `${names.plural}.${group}`
  if (object.metadata.name !== wanted) {
    const why = `must be spec.names.plural+"."+spec.group`
    causes.push(cause.invalid('metadata.name', object.metadata.name, why))
  }
  if (group === '') causes.push(cause.required('spec.group'))
  else causes.push(...validateDnsSubdomain(group, 'spec.group'))
  causes.push(...validateDnsLabel(names.plural, 'spec.names.plural'))
  if (scope !== 'Namespaced' && scope !== 'Cluster') {
    causes.push(cause.unsupported('spec.scope', scope, ['Cluster', 'Namespaced']))
  }
  if (versions.filter((version) => version.storage).length !== 1) {
    const why = 'must have exactly one version marked as storage version'
    causes.push(
      cause.invalid(
        'spec.versions',
        versions.map(({ name }) => name),
        why,
      ),
    )
  }
  versions.forEach((version, i) => causes.push(...validateVersion(version, `spec.versions[${i}]`)))
  return causes
}

function validateVersion(version: DefinitionVersion, path: string): Cause[] {
  const schema = version.schema?.openAPIV3Schema
  const at = `${path}.schema.openAPIV3Schema`
  if (schema === undefined) return [cause.required(at, 'schemas are required')]
  if (schema.type === undefined) return [cause.required(`${at}.type`, 'must not be empty at the root')]
  return schema.type === 'object'
    ? []
    : [cause.invalid(`${at}.type`, schema.type, 'must be "object" at the root')]
}

function validateChange(object: ApiObject, old: ApiObject): Cause[] {
  const [now, before] = [definitionSpec(object), definitionSpec(old)]
  const causes: Cause[] = []
  const immutable = 'field is immutable'
  if (now.group !== before.group) causes.push(cause.invalid('spec.group', now.group, immutable))
  if (now.scope !== before.scope) causes.push(cause.invalid('spec.scope', now.scope, immutable))
  if (now.names.kind !== before.names.kind) {
    causes.push(cause.invalid('spec.names.kind', now.names.kind, immutable))
  }
  return causes
}
