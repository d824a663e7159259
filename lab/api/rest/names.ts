import type { OwnerReference } from '#kube/api.ts'
import { cause, type Cause } from '../status.ts'
import type { ApiObject } from '../object.ts'

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/

const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const QUALIFIED_TEXT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const LABEL_VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

/** RBAC objects may be named almost anything (`system:node`). */
const PATH_SEGMENT_GROUPS = new Set(['rbac.authorization.k8s.io'])
const LABEL_NAMED = new Set(['Service', 'Namespace'])

/** Checks the metadata that a client may choose. */
export function validateMetadata(object: ApiObject, group: string, namespaced: boolean): Cause[] {
  const {
    name,
    namespace,
    labels = {},
    annotations = {},
    finalizers = [],
    ownerReferences = [],
  } = object.metadata
  const causes: Cause[] = []
  if (!name) causes.push(cause.required('metadata.name', 'name or generateName is required'))
  else if (PATH_SEGMENT_GROUPS.has(group)) {
    if (/[/%]/.test(name)) causes.push(cause.invalid('metadata.name', name, "may not contain '/' or '%'"))
  } else if (group === '' && LABEL_NAMED.has(object.kind)) {
    if (!LABEL.test(name)) causes.push(cause.invalid('metadata.name', name, LABEL_TEXT))
    else if (name.length > 63)
      causes.push(cause.invalid('metadata.name', name, 'must be no more than 63 bytes'))
  } else if (!SUBDOMAIN.test(name)) causes.push(cause.invalid('metadata.name', name, SUBDOMAIN_TEXT))
  else if (name.length > 253)
    causes.push(cause.invalid('metadata.name', name, 'must be no more than 253 bytes'))
  if (!namespaced && namespace) {
    causes.push(cause.forbidden('metadata.namespace', 'not allowed on this type'))
  }
  causes.push(...validateLabels(labels, 'metadata.labels'))
  causes.push(...validateAnnotations(annotations))
  for (const finalizer of finalizers) causes.push(...validateQualifiedName(finalizer, 'metadata.finalizers'))
  return [...causes, ...validateOwners(ownerReferences)]
}

const ANNOTATIONS_LIMIT = 256 * 1024

function validateAnnotations(annotations: Readonly<Record<string, string>>): Cause[] {
  const causes = Object.keys(annotations).flatMap((key) =>
    validateQualifiedName(key.toLowerCase(), 'metadata.annotations', key),
  )
  const size = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  )
  return size > ANNOTATIONS_LIMIT
    ? [...causes, cause.tooLong('metadata.annotations', ANNOTATIONS_LIMIT)]
    : causes
}

function validateOwners(owners: readonly OwnerReference[]): Cause[] {
  const field = 'metadata.ownerReferences'
  const causes = owners.flatMap((owner) => {
    const empty = (['kind', 'name', 'uid'] as const).filter((name) => !owner[name])
    const own = empty.map((name) => cause.invalid(`${field}.${name}`, '', 'must not be empty'))
    if (!owner.apiVersion) own.unshift(cause.invalid(`${field}.apiVersion`, '', 'version must not be empty'))
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      own.push(cause.invalid(field, owner, '/v1, Kind=Event is disallowed from being an owner'))
    }
    return own
  })
  const [first, second] = owners.filter((owner) => owner.controller)
  if (second !== undefined) {
    const found = `${first.kind}/${first.name} and ${second.kind}/${second.name}`
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${found}`
    causes.push(cause.invalid(field, owners, why))
  }
  return causes
}

export function validateLabels(labels: Readonly<Record<string, string>>, path: string): Cause[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const causes = validateQualifiedName(key, path)
    if (value.length > 63) causes.push(cause.invalid(path, value, 'must be no more than 63 bytes'))
    if (!LABEL_VALUE.test(value)) causes.push(cause.invalid(path, value, LABEL_VALUE_TEXT))
    return causes
  })
}

/** `name` or `prefix/name`: keys of labels and annotations, finalizers, load balancer classes. */
export function validateQualifiedName(key: string, path: string, shown = key): Cause[] {
  const parts = key.split('/')
  const [prefix, name] = parts.length === 2 ? parts : [undefined, parts[0]]
  if (parts.length > 2) {
    const text = QUALIFIED_TEXT.replace('name part', 'a valid label key')
    const why = `${text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`
    return [cause.invalid(path, shown, why)]
  }
  const causes: Cause[] = []
  if (prefix !== undefined && !SUBDOMAIN.test(prefix)) {
    causes.push(cause.invalid(path, shown, `prefix part ${SUBDOMAIN_TEXT}`))
  }
  if (!name) causes.push(cause.invalid(path, shown, 'name part must be non-empty'))
  else if (name.length > 63) {
    causes.push(cause.invalid(path, shown, 'name part must be no more than 63 bytes'))
  }
  if (!QUALIFIED.test(name ?? '')) causes.push(cause.invalid(path, shown, QUALIFIED_TEXT))
  return causes
}

export const validateDnsLabel = (name: string, path: string): Cause[] =>
  LABEL.test(name) && name.length <= 63 ? [] : [cause.invalid(path, name, LABEL_TEXT)]

export const validateDnsSubdomain = (name: string, path: string): Cause[] =>
  SUBDOMAIN.test(name) && name.length <= 253 ? [] : [cause.invalid(path, name, SUBDOMAIN_TEXT)]

/** The random end of a generated name: five letters and digits without vowels, as in Kubernetes. */
export function nameSuffix(): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789'
  return Array.from({ length: 5 }, () => letters[Math.floor(Math.random() * letters.length)]).join('')
}
