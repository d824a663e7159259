import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { installProduct, NAMESPACE } from './product.ts'
import { ProductProcess } from './product-process.ts'
import { addressesOf, Services } from './service-view.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const pools = {
  main: { addresses: ['192.0.2.0/28', '2001:db8::/124'] },
  asked: { addresses: ['198.51.100.0/30'], autoAssign: false },
  tiny: { addresses: ['198.51.100.8/31'], autoAssign: false },
  team: { addresses: ['203.0.113.0/30'], serviceAllocation: { namespaces: ['team'], priority: 10 } },
  labelled: {
    addresses: ['203.0.113.8/30'],
    serviceAllocation: { serviceSelectors: [{ matchLabels: { team: 'a' } }], priority: 9 },
  },
  four: { addresses: ['198.51.100.16/30'], autoAssign: false },
} as const
const POOL = 'metallb.io/address-pool'
const IPS = 'metallb.io/loadBalancerIPs'
const SHARE = 'metallb.io/allow-shared-ip'
const FROM = 'metallb.io/ip-allocated-from-pool'

let cluster: TestCluster
let controller: ProductProcess
let services: Services

const createPool = (name: string, spec: object): Promise<KubeObject> =>
  cluster.admin.create(resources.ipAddressPools, {
    metadata: { namespace: NAMESPACE, name },
    spec,
  } as KubeObject)

beforeAll(async () => {
  cluster = await startTestCluster()
  services = new Services(cluster.admin)
  const { controller: user } = await installProduct(cluster.admin)
  for (const name of ['team', 'other'])
    await cluster.admin.create(resources.namespaces, { metadata: { name } })
  for (const [name, spec] of Object.entries(pools)) await createPool(name, spec)
  controller = await ProductProcess.start(cluster, {
    name: 'controller',
    args: ['controller', '--identity', 'one'],
    user,
  })
  await controller.whenReady()
})

afterEach(() => services.removeAll())

afterAll(async () => {
  await controller?.stop()
  await cluster?.stop()
})

describe('an address is given', () => {
  test('A2: the lowest, with pool, condition, event and counters', async () => {
    await services.create({ name: 'web' })
    const condition = await services.condition('web', 'Assigned')
    expect(condition).toMatchObject({ status: 'True', message: '192.0.2.0 from pool main' })
    const web = await services.get('web')
    expect(web.status.loadBalancer.ingress).toEqual([{ ip: '192.0.2.0', ipMode: 'VIP' }])
    expect(web.metadata.annotations).toEqual({ [FROM]: 'main' })
    expect(await services.told('web')).toEqual(['Normal IPAllocated Assigned IP ["192.0.2.0"]'])
    await until('the counters', async () => {
      const pool = await cluster.admin.get(resources.ipAddressPools, { namespace: NAMESPACE, name: 'main' })
      return (pool as { status?: { assignedIPv4?: number } }).status?.assignedIPv4 === 1
    })
  })

  test('the API server knows who wrote what', async () => {
    await services.create({ name: 'web' })
    await services.condition('web', 'Assigned')
    const { metadata } = await services.get('web')
    const entries = (metadata.managedFields ?? []) as {
      manager: string
      operation: string
      subresource?: string
      fieldsV1: object
    }[]
    expect(entries.map(({ manager, subresource = '' }) => [manager, subresource])).toEqual(
      expect.arrayContaining([
        ['test', ''],
        ['fairlead-controller', 'status'],
      ]),
    )
    const ours = entries.find(({ manager }) => manager === 'fairlead-controller')
    expect(ours?.fieldsV1).toMatchObject({
      'f:metadata': { 'f:annotations': { [`f:${FROM}`]: {} } },
      'f:status': {
        'f:loadBalancer': { 'f:ingress': {} },
        'f:conditions': { 'k:{"type":"fairlead.io/AddressAssigned"}': {} },
      },
    })
  })

  test.each([
    ['A4', 'by annotation', { [IPS]: '192.0.2.5' }, {}, ['192.0.2.5']],
    ['A10', 'from a pool', { [POOL]: 'asked' }, {}, ['198.51.100.0']],
    [
      'A16',
      'by loadBalancerIP, of a pool that must be asked',
      {},
      { loadBalancerIP: '198.51.100.2' },
      ['198.51.100.2'],
    ],
    ['A23', 'of both families', {}, { ipFamilyPolicy: 'RequireDualStack' }, ['192.0.2.0', '2001:db8::']],
    [
      'A32',
      'of both families, IPv4 first whatever the order',
      {},
      { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] },
      ['192.0.2.0', '2001:db8::'],
    ],
    [
      'A25',
      'of one family, where the pool has no other',
      { [POOL]: 'four' },
      { ipFamilyPolicy: 'PreferDualStack' },
      ['198.51.100.16'],
    ],
    ['A26', 'IPv6', {}, { ipFamilies: ['IPv6'] }, ['2001:db8::']],
    [
      'A31',
      'both, by annotation',
      { [IPS]: '2001:db8::7,192.0.2.7' },
      { ipFamilyPolicy: 'RequireDualStack' },
      ['192.0.2.7', '2001:db8::7'],
    ],
    ['2', 'by the old annotation', { 'metallb.universe.tf/loadBalancerIPs': '192.0.2.6' }, {}, ['192.0.2.6']],
  ])('%s: %s', async (_number, _what, annotations, spec, addresses) => {
    await services.create({ name: 'web', annotations, spec })
    expect(await services.addresses('web')).toEqual(addresses)
  })

  test('A34: from the pool of its namespace', async () => {
    await services.create({ name: 'web', namespace: 'team' })
    expect(await services.addresses('web', 'team')).toEqual(['203.0.113.0'])
  })

  test('A35: from the pool of its labels, and from another when the labels change', async () => {
    await services.create({ name: 'web', labels: { team: 'a' } })
    expect(await services.addresses('web')).toEqual(['203.0.113.8'])
    await services.change('web', { metadata: { labels: { team: 'b' } } })
    await services.has('web', ['192.0.2.0'])
  })

  test('B7, B14: one for two that share it', async () => {
    const annotations = { [SHARE]: 'key', [IPS]: '192.0.2.3' }
    await services.create({ name: 'one', annotations })
    await services.create({ name: 'two', annotations, spec: { ports: [{ port: 443 }] } })
    await services.has('one', ['192.0.2.3'])
    await services.has('two', ['192.0.2.3'])
  })
})

describe('an address is not given, and kubectl describe says why', () => {
  const describeService = (name: string, namespace = 'default'): Promise<string> =>
    cluster.kubectl.ok(`-n ${namespace} describe service ${name}`)
  const why = async (name: string, reason: string, namespace?: string): Promise<string> => {
    const { message, status } = await services.condition(name, reason, namespace)
    expect(status).toBe('False')
    expect(addressesOf(await services.get(name, namespace))).toEqual([])
    await services.told(name, 1, namespace)
    expect(await describeService(name, namespace)).toContain(message)
    return message
  }

  test('B13: a pool is full, and the next one gets what is freed', async () => {
    const annotations = { [POOL]: 'tiny' }
    for (const name of ['one', 'two', 'three']) await services.create({ name, annotations })
    await services.has('one', ['198.51.100.8'])
    await services.has('two', ['198.51.100.9'])
    expect(await why('three', 'PoolExhausted')).toMatch(/^no available IPs in pool tiny\. Add addresses/)
    await services.remove('one')
    await services.has('three', ['198.51.100.8'])
  })

  test('B1: another Service has it', async () => {
    await services.create({ name: 'one', annotations: { [IPS]: '192.0.2.4' } })
    await services.addresses('one')
    await services.create({ name: 'two', annotations: { [IPS]: '192.0.2.4' } })
    expect(await why('two', 'RequestedAddressInUse')).toContain('default/one')
  })

  test('B5: another Service that shares it has the port', async () => {
    const annotations = { [SHARE]: 'key', [IPS]: '192.0.2.3' }
    await services.create({ name: 'one', annotations })
    await services.addresses('one')
    await services.create({ name: 'two', annotations })
    expect(await why('two', 'RequestedAddressInUse')).toContain(
      'port TCP/80 is already in use on "192.0.2.3"',
    )
  })

  test('B10: it is for another namespace', async () => {
    await services.create({ name: 'web', namespace: 'other', annotations: { [IPS]: '203.0.113.1' } })
    expect(await why('web', 'PoolNotCompatible', 'other')).toContain('team')
  })

  test('A19: it is of the other family', async () => {
    await services.create({ name: 'web', annotations: { [IPS]: '2001:db8::1' } })
    expect(await why('web', 'FamilyMismatch')).toContain('does not match the ipFamily of the service')
  })

  test('A7: the pool that is asked for has not the address that is asked for', async () => {
    await services.create({ name: 'web', annotations: { [IPS]: '192.0.2.1', [POOL]: 'asked' } })
    expect(await why('web', 'InvalidRequest')).toContain(
      'is not compatible with requested address pool asked',
    )
  })

  test('B16: there is no such pool', async () => {
    await services.create({ name: 'web', annotations: { [POOL]: 'nothing' } })
    expect(await why('web', 'UnknownPool')).toContain('unknown pool "nothing"')
  })

  test('A5: it is asked for twice', async () => {
    await services.create({
      name: 'web',
      annotations: { [IPS]: '192.0.2.1' },
      spec: { loadBalancerIP: '192.0.2.2' },
    })
    expect(await why('web', 'InvalidRequest')).toContain('service can not have both')
  })

  test('H: a Service of another class is left alone', async () => {
    await services.create({ name: 'foreign', spec: { loadBalancerClass: 'example.com/other' } })
    // Whatever would come of it would have come before what comes of this one.
    await services.create({ name: 'ours' })
    await services.addresses('ours')
    expect(await services.get('foreign')).toMatchObject({ status: { loadBalancer: {} } })
  })
})

describe('an address goes with what it was given for', () => {
  test('A1: the type changes, and changes back', async () => {
    await services.create({ name: 'web' })
    await services.addresses('web')
    await services.change('web', { spec: { type: 'ClusterIP' } })
    await until('nothing of ours is left', async () => {
      const { metadata, status } = await services.get('web')
      return metadata.annotations?.[FROM] === undefined && (status.conditions ?? []).length === 0
    })
    expect(addressesOf(await services.get('web'))).toEqual([])
    await services.create({ name: 'next' })
    await services.has('next', ['192.0.2.0'])
    await services.change('web', { spec: { type: 'LoadBalancer' } })
    await services.has('web', ['192.0.2.1'])
  })

  test('A13, A38: a status that somebody else wrote', async () => {
    await services.create({ name: 'web' })
    await services.has('web', ['192.0.2.0'])
    const status = { loadBalancer: { ingress: [{ ip: '10.0.0.1' }, { hostname: 'a.example' }] } }
    const key = { namespace: 'default', name: 'web' }
    await cluster.admin.patch(resources.services, key, { status }, { type: 'merge', subresource: 'status' })
    await services.has('web', ['192.0.2.0'])
  })

  test('A40: the pool goes, and another one comes', async () => {
    const key = { namespace: NAMESPACE, name: 'passing' }
    await createPool('passing', { addresses: ['198.51.100.128/30'], autoAssign: false })
    await services.create({ name: 'web', annotations: { [IPS]: '198.51.100.129' } })
    await services.has('web', ['198.51.100.129'])
    await cluster.admin.delete(resources.ipAddressPools, key)
    await services.has('web', [])
    await createPool('passing', { addresses: ['198.51.100.128-198.51.100.130'], autoAssign: false })
    await services.has('web', ['198.51.100.129'])
    await cluster.admin.delete(resources.ipAddressPools, key)
  })

  test('a deletion that waits for a finalizer keeps its address until then', async () => {
    await services.create({ name: 'web' })
    await services.has('web', ['192.0.2.0'])
    await services.change('web', { metadata: { finalizers: ['example.com/hold'] } })
    await services.remove('web')
    await services.create({ name: 'next' })
    await services.has('next', ['192.0.2.1'])
    await services.change('web', { metadata: { finalizers: null } })
    await services.create({ name: 'after' })
    await services.has('after', ['192.0.2.0'])
  })
})

test('the API server refused the controller nothing', () => expect(controller.troubles()).toEqual([]))
