import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '#kube/connect.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { startKubernetes, type Kubernetes } from './cluster.ts'
import { installProduct } from './product.ts'
import { programsBuilt } from './programs.ts'
import { freePort } from './test-cluster.ts'

// Nothing else of this tier needs it, and it takes a minute to build.
const controllers = await programsBuilt(['kube-controller-manager'])
const without = controllers ? '' : ' (without kube-controller-manager, which has not been built)'

describe(`a control plane${without}`, () => {
  let directory: string
  let kubernetes: Kubernetes
  const open: { close(): Promise<void> }[] = []

  const as = async (user: string, groups: readonly string[] = []): Promise<KubeApi> => {
    const kubeconfig = await kubernetes.kubeconfig(user, groups)
    const client = await connect({ userAgent: 'test', kubeconfig })
    open.push(client)
    return client
  }

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fairlead-kubernetes-'))
    const serviceCIDRs = ['10.96.0.0/16', 'fd00:10:96::/112']
    const place = { address: '127.0.0.1', port: await freePort(), directory }
    kubernetes = await startKubernetes({ ...place, serviceCIDRs, controllers })
  })

  afterAll(async () => {
    await Promise.all(open.map((client) => client.close()))
    await kubernetes?.stop()
    expect(existsSync(directory)).toBe(false)
  })

  test('an administrator makes a Service of both families and gets its addresses', async () => {
    const admin = await as('admin', ['system:masters'])
    const spec = { ipFamilyPolicy: 'RequireDualStack', selector: { app: 'web' }, ports: [{ port: 80 }] }
    const service = { metadata: { namespace: 'default', name: 'web' }, spec }
    const made = await admin.create(resources.services, service as KubeObject)
    expect(made).toMatchObject({
      spec: { clusterIPs: [expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd00:10:96::/)] },
    })
    if (!controllers) return
    // The controllers run: a slice of each family follows.
    const selection = { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' }
    const slices = async () => (await admin.list(resources.endpointSlices, selection)).items.length === 2
    await until('slices of the Service', slices, 20_000)
  })

  test('RBAC refuses a user who was granted nothing', async () => {
    const nobody = await as('nobody')
    await expect(nobody.list(resources.services, {})).rejects.toMatchObject({ code: 'FL_KUBE_FORBIDDEN' })
  })

  test("the chart's CRDs and roles are accepted, and a speaker may list what it watches", async () => {
    const { speaker, namespace } = await installProduct(await as('admin', ['system:masters']))
    const api = await as(speaker.user, speaker.groups)
    for (const resource of [resources.services, resources.endpointSlices, resources.speakerStatuses]) {
      await expect(api.list(resource, {})).resolves.toBeDefined()
    }
    await expect(api.list(resources.ipAddressPools, { namespace })).resolves.toBeDefined()
  })
})
