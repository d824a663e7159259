import type { Backend } from '../backend.ts'
import type { ApiObject } from '../object.ts'
import type { User } from './authenticator.ts'

/** What somebody wants to do; either a resource or a URL. */
export interface Attributes {
  readonly verb: string
  readonly apiGroup?: string
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly path?: string
}

/** A rule of a Role, which also may be given to the server directly, with its subjects. `*` stands for all. */
export interface AccessRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

export interface GrantedRule extends AccessRule {
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
}

interface Subject {
  readonly kind: string
  readonly name: string
  readonly namespace?: string
}

interface Binding extends ApiObject {
  subjects?: Subject[]
  roleRef: { kind: string; name: string }
}

export interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

const RBAC = 'rbac.authorization.k8s.io'

/**
 * Decides what a user may do, for access reviews: members of `system:masters` everything, others what the rules
 * given to the server and the stored RBAC objects grant.
 */
export class Authorizer {
  readonly #rules: readonly GrantedRule[]
  readonly #backend: Backend

  constructor(rules: readonly GrantedRule[], backend: Backend) {
    this.#rules = rules
    this.#backend = backend
  }

  decide(user: User, wanted: Attributes): Decision {
    if (user.groups.includes('system:masters')) return { allowed: true, reason: '' }
    const given = this.#rules.some(
      (rule) =>
        (rule.users?.includes(user.user) || rule.groups?.some((group) => user.groups.includes(group))) &&
        grants(rule, wanted),
    )
    if (given) return { allowed: true, reason: 'rule of the server' }
    for (const binding of this.#bindings(wanted.namespace)) {
      const subject = binding.subjects?.find((one) => isSubject(one, user))
      if (subject !== undefined && this.#roleGrants(binding, wanted)) {
        return { allowed: true, reason: `RBAC: allowed by ${describe(binding, subject)}` }
      }
    }
    return { allowed: false, reason: '' }
  }

  #bindings(namespace: string | undefined): Binding[] {
    const { store } = this.#backend
    const local = store
      .values(`rolebindings.${RBAC}`)
      .filter((one) => namespace !== undefined && one.metadata.namespace === namespace)
    return [...store.values(`clusterrolebindings.${RBAC}`), ...local] as Binding[]
  }

  #roleGrants({ roleRef, metadata }: Binding, wanted: Attributes): boolean {
    const role =
      roleRef.kind === 'ClusterRole'
        ? this.#backend.store.get(`clusterroles.${RBAC}`, roleRef.name)
        : this.#backend.store.get(`roles.${RBAC}`, `${metadata.namespace}/${roleRef.name}`)
    const rules = (role?.rules ?? []) as AccessRule[]
    return rules.some((rule) => grants(rule, wanted))
  }
}

function describe({ kind, metadata, roleRef }: Binding, subject: Subject): string {
  const named = (name: string, namespace: string | undefined) =>
    JSON.stringify(namespace === undefined ? name : `${name}/${namespace}`)
  const binding = `${kind} ${named(metadata.name, metadata.namespace)}`
  const whom = `${subject.kind} ${named(subject.name, subject.kind === 'ServiceAccount' ? subject.namespace : undefined)}`
  return `${binding} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${whom}`
}

function isSubject({ kind, name, namespace }: Subject, { user, groups }: User): boolean {
  if (kind === 'Group') return groups.includes(name)
  return user === (kind === 'ServiceAccount' ? `system:serviceaccount:${namespace}:${name}` : name)
}

function grants(rule: AccessRule, { verb, path, ...wanted }: Attributes): boolean {
  const has = (list: readonly string[] | undefined, value: string) =>
    list?.includes('*') === true || list?.includes(value) === true
  if (!has(rule.verbs, verb)) return false
  if (path !== undefined) {
    return (rule.nonResourceURLs ?? []).some(
      (url) => url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
    )
  }
  const { resource = '', subresource = '', apiGroup = '', name = '' } = wanted
  const full = subresource === '' ? resource : `${resource}/${subresource}`
  const named = rule.resourceNames === undefined || rule.resourceNames.length === 0
  return (
    has(rule.apiGroups, apiGroup) &&
    (has(rule.resources, full) || (subresource !== '' && has(rule.resources, `*/${subresource}`))) &&
    (named || rule.resourceNames!.includes(name))
  )
}
