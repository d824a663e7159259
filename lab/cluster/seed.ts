import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import type { KubeObject } from '#kube/api.ts'
import { PRODUCT_NAMESPACE } from '../info.ts'

const CRDS = fileURLToPath(new URL('../../crds/yaml/', import.meta.url))
const RBAC = fileURLToPath(new URL('../../helm/fairlead/rbac/', import.meta.url))

/** The objects of a YAML file with any number of documents. */
export function readManifest(text: string): KubeObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null)
}

/** Every CustomResourceDefinition that Fairlead reads or writes. */
const productCrds = (): KubeObject[] =>
  readdirSync(CRDS)
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => readManifest(readFileSync(join(CRDS, name), 'utf8')))

/** What the chart's roles are made of. */
interface AccessRules {
  readonly cluster: readonly object[]
  readonly namespace: readonly object[]
}

/** The chart's service account of a component with its roles: the lab grants what an installation grants. */
function permissions(component: string): KubeObject[] {
  const rules = parse(readFileSync(join(RBAC, `${component}.yaml`), 'utf8')) as AccessRules
  const namespace = PRODUCT_NAMESPACE
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const roleRef = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name: component })
  const subjects = [{ kind: 'ServiceAccount', name: component, namespace }]
  const name = component
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    { apiVersion, kind: 'ClusterRole', metadata: { name }, rules: rules.cluster },
    { apiVersion, kind: 'ClusterRoleBinding', metadata: { name }, roleRef: roleRef('ClusterRole'), subjects },
    { apiVersion, kind: 'Role', metadata: { name, namespace }, rules: rules.namespace },
    { apiVersion, kind: 'RoleBinding', metadata: { name, namespace }, roleRef: roleRef('Role'), subjects },
  ] as KubeObject[]
}

/** What the product finds when it is installed: its CRDs, namespace and service accounts. */
export function seedObjects(): KubeObject[] {
  const labels = { 'kubernetes.io/metadata.name': PRODUCT_NAMESPACE }
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: PRODUCT_NAMESPACE, labels } }
  return [...productCrds(), namespace, ...['controller', 'speaker'].flatMap(permissions)]
}
