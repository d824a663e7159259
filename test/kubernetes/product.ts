import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { KubeApi, KubeObject, Resource } from '#kube/api.ts'
import { isKubeError } from '#kube/errors.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'

const CHART = join(import.meta.dirname, '../../helm/fairlead')
const SERVED_MS = 10_000
export const NAMESPACE = 'metallb-system'
const COMPONENTS = ['controller', 'speaker'] as const

/** As whom a component asks: `kubeconfig(user, groups)` gives it what an installation grants, and no more. */
export interface ComponentUser {
  readonly user: string
  readonly groups: readonly string[]
}

export type Product = { readonly namespace: string } & Readonly<
  Record<(typeof COMPONENTS)[number], ComponentUser>
>

/**
 * Puts into a cluster what the chart does before its Pods: CRDs, namespace, service accounts and roles. Resolves when
 * the CRDs are served.
 *
 * @throws KubeError FL_KUBE_INVALID when the API server refuses one of them
 */
export async function installProduct(api: KubeApi): Promise<Product> {
  const crds = crdObjects()
  for (const crd of crds) await api.create(customResourceDefinitions, crd)
  await api.create(resources.namespaces, { metadata: { name: NAMESPACE } })
  for (const component of COMPONENTS) {
    for (const [resource, object] of accessOf(component)) await api.create(resource, object)
  }
  for (const crd of crds) await until(`${crd.metadata.name} is served`, () => isServed(api, crd), SERVED_MS)
  return { namespace: NAMESPACE, controller: userOf('controller'), speaker: userOf('speaker') }
}

/** The chart's CRDs. */
export function crdObjects(): KubeObject[] {
  const directory = join(CHART, 'crds')
  const files = readdirSync(directory).filter((name) => name.endsWith('.yaml'))
  return files.map((name) => parse(readFileSync(join(directory, name), 'utf8')) as KubeObject)
}

function accessOf(name: string): [Resource, KubeObject][] {
  const rules = parse(readFileSync(join(CHART, 'rbac', `${name}.yaml`), 'utf8')) as Record<string, object[]>
  const namespace = NAMESPACE
  const subjects = [{ kind: 'ServiceAccount', name, namespace }]
  const roleRef = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name })
  const object = (metadata: KubeObject['metadata'], content: object): KubeObject => ({ metadata, ...content })
  return [
    [serviceAccounts, object({ name, namespace }, {})],
    [rbac('clusterroles', 'ClusterRole', false), object({ name }, { rules: rules.cluster })],
    [
      rbac('clusterrolebindings', 'ClusterRoleBinding', false),
      object({ name }, { roleRef: roleRef('ClusterRole'), subjects }),
    ],
    [rbac('roles', 'Role', true), object({ name, namespace }, { rules: rules.namespace })],
    [
      rbac('rolebindings', 'RoleBinding', true),
      object({ name, namespace }, { roleRef: roleRef('Role'), subjects }),
    ],
  ]
}

const userOf = (component: string): ComponentUser => ({
  user: `system:serviceaccount:${NAMESPACE}:${component}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`],
})

/** An API server says that a CRD is established some time before it serves its objects. */
async function isServed(api: KubeApi, crd: KubeObject): Promise<boolean> {
  const { spec } = crd as CustomResourceDefinition
  const { group, names, scope, versions } = spec
  const namespaced = scope === 'Namespaced'
  const resource = { group, plural: names.plural, kind: names.kind, version: versions[0].name, namespaced }
  try {
    await api.list(resource, { limit: 1 })
    return true
  } catch (error) {
    if (isKubeError(error, 'FL_KUBE_NOT_FOUND', 'FL_KUBE_THROTTLED', 'FL_KUBE_SERVER')) return false
    throw error
  }
}

interface CustomResourceDefinition extends KubeObject {
  readonly spec: {
    readonly group: string
    readonly names: { readonly plural: string; readonly kind: string }
    readonly scope: 'Namespaced' | 'Cluster'
    readonly versions: readonly { readonly name: string }[]
  }
}

const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}

const serviceAccounts: Resource = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
}

const rbac = (plural: string, kind: string, namespaced: boolean): Resource => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced,
})
