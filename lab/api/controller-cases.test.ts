import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { serviceCasesSuite } from '#controller/cases/api-suite.ts'
import type { KubeObject, Resource } from '#kube/api.ts'
import { makeServer } from './test-server.ts'

const crdType: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}
const folder = new URL('../../crds/yaml/', import.meta.url)
const crds = readdirSync(folder).map(
  (file) => parse(readFileSync(new URL(file, folder), 'utf8')) as KubeObject,
)

serviceCasesSuite(
  "the lab's API server with the shipped CRDs",
  async (clock) => {
    const server = makeServer({ now: () => clock.now() })
    const api = server.local()
    for (const crd of crds) await api.create(crdType, crd)
    return { api, close: () => server.close() }
  },
  { clusterIPs: false, only: /^A(2|4|7|11|13|16|19|23|25|32|35) |two pools|excluded/ },
)
