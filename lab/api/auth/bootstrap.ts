import type { ApiObject } from '../object.ts'

const RBAC = 'rbac.authorization.k8s.io'

interface Default {
  readonly name: string
  readonly rules: readonly object[]
  readonly groups: readonly string[]
}

const AUTHENTICATED = 'system:authenticated'
const UNAUTHENTICATED = 'system:unauthenticated'

const self = (group: string, ...resources: string[]): object => ({
  apiGroups: [group],
  resources,
  verbs: ['create'],
})

const DISCOVERY = '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/'

/** What every cluster grants from the start, as far as it concerns people and service accounts. */
const DEFAULTS: readonly Default[] = [
  {
    name: 'cluster-admin',
    rules: [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ],
    groups: ['system:masters'],
  },
  {
    name: 'system:discovery',
    rules: [
      {
        nonResourceURLs: DISCOVERY.split(' '),
        verbs: ['get'],
      },
    ],
    groups: [AUTHENTICATED],
  },
  {
    name: 'system:public-info-viewer',
    rules: [{ nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'], verbs: ['get'] }],
    groups: [AUTHENTICATED, UNAUTHENTICATED],
  },
  {
    name: 'system:basic-user',
    rules: [
      self('authorization.k8s.io', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
      self('authentication.k8s.io', 'selfsubjectreviews'),
    ],
    groups: [AUTHENTICATED],
  },
]

/** ClusterRoles and ClusterRoleBindings, by collection. */
export function bootstrapAccess(): [collection: string, object: ApiObject][] {
  const apiVersion = `${RBAC}/v1`
  return DEFAULTS.flatMap(({ name, rules, groups }): [string, ApiObject][] => {
    const metadata = { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } }
    const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name }
    const subjects = groups.map((group) => ({ apiGroup: RBAC, kind: 'Group', name: group }))
    return [
      [`clusterroles.${RBAC}`, { apiVersion, kind: 'ClusterRole', metadata, rules }],
      [
        `clusterrolebindings.${RBAC}`,
        { apiVersion, kind: 'ClusterRoleBinding', metadata, roleRef, subjects },
      ],
    ]
  })
}
