import { mkdtempSync, existsSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '#kube/connect.ts'
import type { KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { startKubernetes, type Kubernetes } from './cluster.ts'
import { installProduct } from './product.ts'

const address =
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'

describe.runIf(process.env.FAIRLEAD_TEST_KUBERNETES === '1')('a real Kubernetes', () => {
  let directory: string
  let kubernetes: Kubernetes

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fairlead-kubernetes-'))
    const serviceCIDRs = ['10.96.0.0/16', 'fd00:10:96::/112']
    kubernetes = await startKubernetes({ address, port: 16_443, directory, serviceCIDRs, controllers: true })
  }, 900_000)

  afterAll(async () => {
    await kubernetes?.stop()
    expect(existsSync(directory)).toBe(false)
  })

  test('an administrator makes a Service of both families and gets its addresses', async () => {
    const api = await connect({
      userAgent: 'test',
      kubeconfig: await kubernetes.kubeconfig('admin', ['system:masters']),
    })
    const spec = { ipFamilyPolicy: 'RequireDualStack', selector: { app: 'web' }, ports: [{ port: 80 }] }
    const made = await api.create(resources.services, {
      metadata: { namespace: 'default', name: 'web' },
      spec,
    } as KubeObject)
    expect(made).toMatchObject({
      spec: { clusterIPs: [expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd00:10:96::/)] },
    })
    // The controllers run: a slice of each family follows.
    await until(
      'slices of the Service',
      async () => {
        const { items } = await api.list(resources.endpointSlices, {
          namespace: 'default',
          labelSelector: 'kubernetes.io/service-name=web',
        })
        return items.length === 2
      },
      20_000,
    )
    await api.close()
  })

  test('RBAC refuses a user who was granted nothing', async () => {
    const api = await connect({ userAgent: 'test', kubeconfig: await kubernetes.kubeconfig('nobody') })
    await expect(api.list(resources.services, {})).rejects.toMatchObject({ code: 'FL_KUBE_FORBIDDEN' })
    await api.close()
  })

  test("the chart's CRDs and roles are accepted, and a speaker may list what it watches", async () => {
    const admin = await connect({
      userAgent: 'test',
      kubeconfig: await kubernetes.kubeconfig('admin', ['system:masters']),
    })
    const users = await installProduct(admin)
    await admin.close()
    const api = await connect({
      userAgent: 'test',
      kubeconfig: await kubernetes.kubeconfig(users.speaker.user, users.speaker.groups),
    })
    for (const resource of [resources.services, resources.endpointSlices, resources.speakerStatuses]) {
      await expect(api.list(resource, {})).resolves.toBeDefined()
    }
    await expect(api.list(resources.ipAddressPools, { namespace: users.namespace })).resolves.toBeDefined()
    await api.close()
  })
})
