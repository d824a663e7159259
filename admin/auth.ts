import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { resources } from '#kube/resources.ts'
import { AdminError } from './errors.ts'

/** How long a decision is believed, and how many are kept: a client cannot make this grow. */
const CACHE_MS = 60_000
const CACHE_SIZE = 256

/**
 * In front of a path in the question whether somebody may get it. Every cluster lets every user and every service
 * account get `/api/*` (ClusterRole `system:discovery`), so our own paths would be open to all.
 */
const PREFIX = '/fairlead'

/** Lets a request through, or throws an AdminError. */
export type Authorizer = (authorization: string | undefined, path: string) => Promise<void>

/**
 * Checks a bearer token as the API server itself would: TokenReview says who it is, SubjectAccessReview whether that
 * user may `get` the path behind `/fairlead` (`/fairlead/api/v1/*` in the nonResourceURLs of a ClusterRole).
 */
export function tokenAuthorizer(api: KubeApi, clock: Clock): Authorizer {
  const decisions = new Map<string, { allowed: boolean; until: number }>()
  return async (authorization, path) => {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
    if (token === undefined) {
      throw new AdminError(
        'FL_ADMIN_UNAUTHENTICATED',
        401,
        'a bearer token is needed: Authorization: Bearer TOKEN',
      )
    }
    const key = `${token} ${path}`
    let decision = decisions.get(key)
    if (decision === undefined || decision.until < clock.now()) {
      const allowed = await review(api, token, path)
      decision = { allowed, until: clock.now() + CACHE_MS }
      decisions.delete(key)
      if (decisions.size >= CACHE_SIZE) decisions.delete(decisions.keys().next().value as string)
      decisions.set(key, decision)
    }
    if (!decision.allowed) {
      throw new AdminError(
        'FL_ADMIN_FORBIDDEN',
        403,
        `the token's user may not get ${PREFIX}${path} (nonResourceURLs in a ClusterRole)`,
      )
    }
  }
}

interface Review extends KubeObject {
  status?: {
    authenticated?: boolean
    user?: { username?: string; groups?: string[]; uid?: string }
    allowed?: boolean
  }
}

async function review(api: KubeApi, token: string, path: string): Promise<boolean> {
  let user: NonNullable<Review['status']>['user']
  try {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: { name: '' },
      spec: { token },
    }
    const { status } = (await api.create(resources.tokenReviews, body)) as Review
    if (status?.authenticated !== true) {
      throw new AdminError('FL_ADMIN_UNAUTHENTICATED', 401, 'the token is not valid')
    }
    user = status.user
    const access = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: { name: '' },
      spec: {
        user: user?.username,
        groups: user?.groups ?? [],
        nonResourceAttributes: { path: PREFIX + path, verb: 'get' },
      },
    }
    return ((await api.create(resources.subjectAccessReviews, access)) as Review).status?.allowed === true
  } catch (error) {
    if (error instanceof AdminError) throw error
    throw new AdminError(
      'FL_ADMIN_AUTH_UNAVAILABLE',
      503,
      `the API server cannot check the token now: ${String(error)}`,
    )
  }
}
