import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import type { Condition } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { installProduct, NAMESPACE } from './product.ts'
import { ProductProcess } from './product-process.ts'
import { Services } from './service-view.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const NODE = 'node-a'
const POOL = 'main'
/** The speaker answers ARP on the cable that the tier has for it, never on one of the host's. */
const CABLE = 'lan0'
const missing =
  CABLE in networkInterfaces() ? '' : ' (skipped: only in the namespace of `npm test kubernetes`)'

interface StatusObject extends KubeObject {
  readonly status?: Record<string, unknown> & { readonly conditions?: readonly Condition[] }
}

describe.skipIf(missing !== '')(`a speaker and a controller, with the rights of the chart${missing}`, () => {
  let cluster: TestCluster
  let services: Services
  let speaker: ProductProcess
  let controller: ProductProcess

  const make = (
    resource: Parameters<TestCluster['admin']['create']>[0],
    object: object,
  ): Promise<KubeObject> => cluster.admin.create(resource, object as KubeObject)
  const configure = (resource: Parameters<TestCluster['admin']['create']>[0], name: string, spec: object) =>
    make(resource, { metadata: { namespace: NAMESPACE, name }, spec })
  const l2Statuses = async (): Promise<StatusObject[]> =>
    (await cluster.admin.list(resources.serviceL2Statuses, { namespace: NAMESPACE })).items
  const speakerStatus = async (): Promise<StatusObject> =>
    cluster.admin.get(resources.speakerStatuses, { name: NODE })

  beforeAll(async () => {
    cluster = await startTestCluster()
    services = new Services(cluster.admin)
    const product = await installProduct(cluster.admin)
    await make(resources.nodes, {
      metadata: { name: NODE, labels: { 'kubernetes.io/hostname': NODE } },
      status: {
        addresses: [{ type: 'InternalIP', address: '198.18.0.1' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    })
    await configure(resources.ipAddressPools, POOL, { addresses: ['198.18.0.0/24'] })
    await configure(resources.l2Advertisements, 'all', { ipAddressPools: [POOL] })
    speaker = await ProductProcess.start(cluster, {
      name: 'speaker',
      args: ['speaker', '--node-name', NODE, '--forwarding', 'off'],
      user: product.speaker,
    })
    controller = await ProductProcess.start(cluster, {
      name: 'controller',
      args: ['controller', '--identity', 'one'],
      user: product.controller,
    })
    await speaker.whenReady()
    await controller.whenReady()
  })

  afterAll(async () => {
    await speaker?.stop()
    await controller?.stop()
    await cluster?.stop()
  })

  test('it tells how the node is', async () => {
    const status = await until(
      'the SpeakerStatus is ready and knows the interfaces',
      async () => {
        const { items } = await cluster.admin.list(resources.speakerStatuses, {})
        return (items as StatusObject[]).find(
          ({ status }) =>
            status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') &&
            JSON.stringify(status).includes(`"${CABLE}"`),
        )
      },
      15_000,
    )
    expect(status.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: NODE }])
    expect(status.status).toMatchObject({
      interfaces: expect.arrayContaining([expect.objectContaining({ name: CABLE })]),
    })
    const line = await cluster.kubectl.ok('get speakerstatuses')
    expect(line).toContain(NODE)
  })

  test('it announces a Service and says so where MetalLB does', async () => {
    await services.create({ name: 'web' })
    await services.addresses('web')
    await make(resources.endpointSlices, {
      metadata: { namespace: 'default', name: 'web', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.0.2'], nodeName: NODE, conditions: { ready: true } }],
      ports: [{ port: 80, protocol: 'TCP' }],
    })
    const [announced] = await until('a ServiceL2Status', async () => {
      const found = await l2Statuses()
      return found.length > 0 && found[0].status !== undefined && found
    })
    expect(announced.status).toMatchObject({ node: NODE, serviceName: 'web', serviceNamespace: 'default' })
    expect(announced.metadata.labels).toMatchObject({
      'metallb.io/node': NODE,
      'metallb.io/service-name': 'web',
      'metallb.io/service-namespace': 'default',
    })
    await until('the condition Announced', async () => {
      const { status } = await services.get('web')
      return status.conditions?.some(
        ({ type, status }) => type === 'fairlead.io/Announced' && status === 'True',
      )
    })
    expect(await services.told('web', 2)).toEqual([
      'Normal IPAllocated Assigned IP ["198.18.0.0"]',
      `Normal nodeAssigned announcing from node "${NODE}" with protocol "layer2"`,
    ])
    expect(await cluster.kubectl.ok('get servicel2statuses -A')).toMatch(/node-a +web +default/)
  })

  test('what it said goes with the Service', async () => {
    await services.remove('web')
    await until('no ServiceL2Status', async () => (await l2Statuses()).length === 0)
  })

  test('a planned stop says that it leaves', async () => {
    await speaker.stop()
    const { status } = await speakerStatus()
    expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False' })
  })

  test('the API server refused them nothing', () => {
    expect([...speaker.troubles(), ...controller.troubles()]).toEqual([])
  })
})
