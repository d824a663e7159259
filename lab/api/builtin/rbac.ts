import { equalJson, isObject, type JsonObject } from '../json.ts'
import { cause, type Cause } from '../status.ts'
import type { Strategy } from '../types/resource-type.ts'
import { listAt } from './select.ts'

const RBAC = 'rbac.authorization.k8s.io'

interface Rule {
  readonly verbs?: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

/** ValidatePolicyRule. */
export const roleStrategy: Strategy = {
  defaults(object) {
    // A list of Go without `omitempty`.
    object.rules ??= null
  },
  validate: (object) =>
    listAt<Rule>(object, 'rules').flatMap((rule, i) =>
      validateRule(rule, `rules[${i}]`, object.kind === 'Role'),
    ),
}

function validateRule(rule: Rule, at: string, namespaced: boolean): Cause[] {
  const { verbs = [], apiGroups = [], resources = [], nonResourceURLs = [] } = rule
  const causes: Cause[] = []
  if (verbs.length === 0) causes.push(cause.required(`${at}.verbs`, 'verbs must contain at least one value'))
  if (nonResourceURLs.length > 0) {
    const field = `${at}.nonResourceURLs`
    if (namespaced) {
      causes.push(cause.invalid(field, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'))
    }
    if (apiGroups.length > 0 || resources.length > 0) {
      const why = 'rules cannot apply to both regular resources and non-resource URLs'
      causes.push(cause.invalid(field, nonResourceURLs, why))
    }
    return causes
  }
  if (apiGroups.length === 0) {
    causes.push(cause.required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
  }
  if (resources.length === 0) {
    causes.push(cause.required(`${at}.resources`, 'resource rules must supply at least one resource'))
  }
  return causes
}

export const roleBindingStrategy: Strategy = {
  defaults(object) {
    if (isObject(object.roleRef) && !object.roleRef.apiGroup) object.roleRef.apiGroup = RBAC
    for (const subject of listAt<JsonObject>(object, 'subjects')) {
      if (subject.kind !== 'ServiceAccount' && !subject.apiGroup) subject.apiGroup = RBAC
    }
  },
  validate(object, old) {
    const roleRef = isObject(object.roleRef) ? object.roleRef : {}
    const kinds = object.kind === 'RoleBinding' ? ['Role', 'ClusterRole'] : ['ClusterRole']
    const causes: Cause[] = []
    if (old !== undefined && !equalJson(roleRef, old.roleRef)) {
      const inGo = { APIGroup: roleRef.apiGroup, Kind: roleRef.kind, Name: roleRef.name }
      causes.push(cause.invalid('roleRef', inGo, 'cannot change roleRef'))
    }
    if (!kinds.includes(String(roleRef.kind))) {
      causes.push(cause.unsupported('roleRef.kind', roleRef.kind, kinds))
    } else {
      listAt<JsonObject>(object, 'subjects').forEach((subject, i) => {
        const lost = subject.kind === 'ServiceAccount' && !subject.namespace
        if (lost && object.kind === 'ClusterRoleBinding') {
          causes.push(cause.required(`subjects[${i}].namespace`))
        }
      })
    }
    return causes
  },
}
