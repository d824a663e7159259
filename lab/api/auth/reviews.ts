import { isObject, valueAt, type JsonObject } from '../json.ts'
import { badRequest, cause, invalid, type Cause } from '../status.ts'
import type { Authenticator, User } from './authenticator.ts'
import { DEFAULT_AUDIENCE } from './authenticator.ts'
import type { Attributes, Authorizer } from './authorizer.ts'

/** Resources that answer a question and store nothing. All are cluster-scoped and know only `create`. */
export const REVIEWS = [
  { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews', kind: 'TokenReview' },
  { group: 'authentication.k8s.io', version: 'v1', plural: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    plural: 'subjectaccessreviews',
    kind: 'SubjectAccessReview',
  },
  {
    group: 'authorization.k8s.io',
    version: 'v1',
    plural: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
  },
] as const

export type ReviewKind = (typeof REVIEWS)[number]['kind']

/**
 * Answers a review: the body with its status filled in.
 * @param asker the user who sends the request
 * @throws StatusError 400, 422
 */
export function review(
  kind: ReviewKind,
  body: JsonObject,
  asker: User,
  authenticator: Authenticator,
  authorizer: Authorizer,
): JsonObject {
  const spec = isObject(body.spec) ? body.spec : {}
  switch (kind) {
    case 'TokenReview':
      if (!spec.token) throw badRequest('token is required for TokenReview in authentication')
      return { ...body, status: reviewToken(spec, authenticator) }
    case 'SelfSubjectReview':
      return { ...body, status: { userInfo: userInfo(asker) } }
    case 'SubjectAccessReview': {
      checkAccessReview(spec)
      const groups = Array.isArray(spec.groups) ? spec.groups.map(String) : []
      return { ...body, status: decide({ user: String(spec.user ?? ''), groups }, spec, authorizer) }
    }
    case 'SelfSubjectAccessReview':
      return { ...body, status: decide(asker, spec, authorizer) }
  }
}

function checkAccessReview(spec: JsonObject): void {
  const causes: Cause[] = []
  if (isObject(spec.resourceAttributes) === isObject(spec.nonResourceAttributes)) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
    causes.push(cause.invalid('spec.resourceAttributes', null, why))
  }
  const groups = Array.isArray(spec.groups) ? spec.groups : []
  if (!spec.user && groups.length === 0) {
    causes.push(cause.invalid('spec.user', '', 'at least one of user or group must be specified'))
  }
  if (causes.length > 0) throw invalid({ group: 'authorization.k8s.io', plural: '', kind: '' }, '', causes)
}

const userInfo = ({ user, groups, uid }: User): JsonObject => ({
  username: user,
  ...(uid === undefined ? {} : { uid }),
  groups: [...groups],
})

function reviewToken(spec: JsonObject, authenticator: Authenticator): JsonObject {
  const audiences = Array.isArray(spec.audiences) ? spec.audiences.map(String) : [DEFAULT_AUDIENCE]
  for (const audience of audiences) {
    const user = authenticator.authenticate(String(spec.token ?? ''), audience)
    if (user !== undefined) {
      const named = spec.audiences === undefined ? {} : { audiences: [audience] }
      return { authenticated: true, user: userInfo(user), ...named }
    }
  }
  return { user: {}, error: 'invalid bearer token' }
}

function decide(user: User, spec: JsonObject, authorizer: Authorizer): JsonObject {
  const { allowed, reason } = authorizer.decide(user, attributesOf(spec))
  return { allowed, ...(reason === '' ? {} : { reason }) }
}

function attributesOf(spec: JsonObject): Attributes {
  const text = (...path: string[]) => String(valueAt(spec, path) ?? '')
  if (isObject(spec.nonResourceAttributes)) {
    return { verb: text('nonResourceAttributes', 'verb'), path: text('nonResourceAttributes', 'path') }
  }
  const of = (field: string) => text('resourceAttributes', field)
  const namespace = of('namespace')
  return {
    verb: of('verb'),
    apiGroup: of('group'),
    resource: of('resource'),
    subresource: of('subresource'),
    name: of('name'),
    ...(namespace === '' ? {} : { namespace }),
  }
}
