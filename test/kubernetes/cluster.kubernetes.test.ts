import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeClient } from '#kube/client.ts'
import { connect } from '#kube/connect.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { startKubernetes, type Kubernetes } from './cluster.ts'
import { programsBuilt } from './programs.ts'
import { freePort } from './test-cluster.ts'

// Nothing else of this tier needs it, and it takes a minute to build.
const controllers = await programsBuilt(['kube-controller-manager'])
const missing = controllers ? '' : ' (skipped: kube-controller-manager has not been built)'

describe.skipIf(!controllers)(`a control plane with its controllers${missing}`, () => {
  let directory: string
  let kubernetes: Kubernetes
  let admin: KubeClient | undefined

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fairlead-kubernetes-'))
    const serviceCIDRs = ['10.96.0.0/16', 'fd00:10:96::/112']
    const place = { address: '127.0.0.1', port: await freePort(), directory }
    kubernetes = await startKubernetes({ ...place, serviceCIDRs, controllers: true })
    const kubeconfig = await kubernetes.kubeconfig('admin', ['system:masters'])
    admin = await connect({ userAgent: 'test', kubeconfig })
  })

  afterAll(async () => {
    await admin?.close()
    await kubernetes?.stop()
    expect(existsSync(directory)).toBe(false)
  })

  test('an administrator makes a Service of both families and gets its addresses', async () => {
    const api = admin as KubeApi
    const spec = { ipFamilyPolicy: 'RequireDualStack', selector: { app: 'web' }, ports: [{ port: 80 }] }
    const service = { metadata: { namespace: 'default', name: 'web' }, spec }
    const made = await api.create(resources.services, service as KubeObject)
    expect(made).toMatchObject({
      spec: { clusterIPs: [expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd00:10:96::/)] },
    })
    // The controllers run: a slice of each family follows.
    const selection = { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' }
    const slices = async () => (await api.list(resources.endpointSlices, selection)).items.length === 2
    await until('slices of the Service', slices, 20_000)
  })
})
