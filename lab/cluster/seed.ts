import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { PRODUCT_NAMESPACE } from '../info.ts'
import { labResources } from './objects.ts'

const CRDS = fileURLToPath(new URL('../../crds/yaml/', import.meta.url))

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

/** What the product finds when it is installed: its CRDs, namespace and service accounts. */
export async function seedCluster(api: KubeApi): Promise<void> {
  for (const definition of productCrds()) await api.create(labResources.customResourceDefinitions, definition)
  const labels = { 'kubernetes.io/metadata.name': PRODUCT_NAMESPACE }
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: PRODUCT_NAMESPACE, labels } }
  await api.create(labResources.namespaces, namespace)
  for (const name of ['controller', 'speaker']) {
    const metadata = { name, namespace: PRODUCT_NAMESPACE }
    await api.create(labResources.serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata })
  }
}
