import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { installProduct, NAMESPACE } from './product.ts'
import { ProductProcess } from './product-process.ts'
import { Services } from './service-view.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const FROM = 'metallb.io/ip-allocated-from-pool'
const reserve = (name: string) => ({ 'fairlead.io/reserve': name })

let cluster: TestCluster
let controller: ProductProcess
let user: Awaited<ReturnType<typeof installProduct>>['controller']
let services: Services

const createPool = (name: string, spec: object): Promise<KubeObject> =>
  cluster.admin.create(resources.ipAddressPools, {
    metadata: { namespace: NAMESPACE, name },
    spec,
  } as KubeObject)

const lead = async (identity: string) => {
  const args = ['controller', '--identity', identity]
  controller = await ProductProcess.start(cluster, { name: identity, args, user })
  await controller.whenReady()
}

beforeAll(async () => {
  cluster = await startTestCluster()
  services = new Services(cluster.admin)
  user = (await installProduct(cluster.admin)).controller
  await createPool('four', { addresses: ['192.0.2.0/29'], excludes: ['192.0.2.0', '192.0.2.2-192.0.2.3'] })
  await createPool('six', { addresses: ['2001:db8::/124'], excludes: ['2001:db8::'] })
  await lead('one')
})

afterEach(() => services.removeAll())

afterAll(async () => {
  await controller?.stop()
  await cluster?.stop()
})

const key = (name: string) => ({ namespace: 'default', name })
interface Reservation extends KubeObject {
  spec: { addresses: string[]; pools?: string[] }
  status?: { phase?: string; service?: string; conditions?: { reason: string }[] }
}

const says = (name: string, phase: string, service?: string) =>
  until(`AddressReservation ${name} is ${phase} ${service ?? ''}`, async () => {
    const { items } = await cluster.admin.list(resources.addressReservations, { namespace: 'default' })
    return (items as Reservation[]).find(
      ({ metadata, status = {} }) =>
        metadata.name === name && status.phase === phase && status.service === service,
    )
  })

test('two families from two pools with excludes', async () => {
  await services.create({ name: 'web', spec: { ipFamilyPolicy: 'RequireDualStack' } })
  await services.has('web', ['192.0.2.1', '2001:db8::1'])
  expect((await services.get('web')).metadata.annotations).toEqual({ [FROM]: 'four,six' })
  await services.create({ name: 'asks', annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.2' } })
  const { message } = await services.condition('asks', 'RequestedAddressExcluded')
  expect(message).toContain('["192.0.2.2"] is not allowed in config: pool four excludes it')
})

test('a reservation survives its Service and its controller', async () => {
  await services.create({ name: 'web', annotations: reserve('web') })
  await services.has('web', ['192.0.2.1'])
  const { spec, metadata } = await says('web', 'Bound', 'web')
  expect(spec).toEqual({ addresses: ['192.0.2.1'], pools: ['four'] })
  expect(metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'fairlead' })
  await services.remove('web')
  await says('web', 'Released')
  await controller.stop()
  await lead('two')
  await services.create({ name: 'other' })
  await services.has('other', ['192.0.2.4'])
  await services.create({ name: 'again', annotations: reserve('web') })
  await services.has('again', ['192.0.2.1'])
  await services.create({ name: 'second', annotations: reserve('web') })
  const { message } = await services.condition('second', 'ReservationInUse')
  expect(message).toContain('AddressReservation default/web is held by Service default/again')
  await services.remove('again')
  await services.has('second', ['192.0.2.1'])
  await says('web', 'Bound', 'second')
})

test('one made by hand, with its columns', async () => {
  const object = { metadata: key('hand'), spec: { addresses: ['192.0.2.6'] } }
  await cluster.admin.create(resources.addressReservations, object as KubeObject)
  const { status } = await says('hand', 'Released')
  expect(status?.conditions).toMatchObject([{ type: 'Reserved', status: 'True', reason: 'Reserved' }])
  await services.create({ name: 'web', annotations: reserve('hand') })
  await services.has('web', ['192.0.2.6'])
  const { spec } = await says('hand', 'Bound', 'web')
  expect(spec).toEqual(object.spec)
  await cluster.admin.delete(resources.addressReservations, key('hand'))
  await until(
    'it is made again',
    async () => (await says('hand', 'Bound', 'web')).metadata.labels !== undefined,
  )
})

test('the schema refuses what can be no reservation', async () => {
  for (const addresses of [[], ['192.0.2.1', '192.0.2.4', '2001:db8::1']]) {
    const object = { metadata: key('wrong'), spec: { addresses } } as KubeObject
    await expect(cluster.admin.create(resources.addressReservations, object)).rejects.toMatchObject({
      code: 'FL_KUBE_INVALID',
    })
  }
})
