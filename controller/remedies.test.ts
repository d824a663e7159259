import { afterEach, beforeEach, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { namespace, TestCluster } from './faults/test-cluster.ts'
import { withRemedy } from './remedies.ts'
import { ADDRESS_ASSIGNED } from './status-patch.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = new TestCluster()
  await cluster.createPool('p', '10.0.0.0/31')
  const spec = { addresses: ['10.1.0.0/24'], serviceAllocation: { namespaces: ['shop'] } }
  await cluster.api.create(resources.ipAddressPools, {
    metadata: { name: 'shop', namespace },
    spec,
  } as KubeObject)
  await cluster.start()
  await cluster.createService('first', { spec: { clusterIPs: ['1.2.3.1'] } })
  await cluster.clock.advance(1000)
})

afterEach(() => cluster.end())

const asks = (ip: string) => ({ annotations: { 'metallb.io/loadBalancerIPs': ip } })

/** `kubectl describe service` shows no conditions: one Event has to say what is wrong and what to do. */
test.each([
  [
    'PoolExhausted',
    { annotations: { 'metallb.io/address-pool': 'tiny' } },
    /no available IPs in pool tiny\. Add addresses to a pool, or delete Services/,
  ],
  [
    'PoolNotCompatible',
    asks('10.1.0.1'),
    /pool shop not compatible .* namespace .*\. Ask for another pool or address/,
  ],
  [
    'RequestedAddressInUse',
    asks('10.0.0.0'),
    /address also in use by test\/first\. Ask for another address, or share it: the same metallb\.io\/allow-shared-ip/,
  ],
  [
    'FamilyMismatch',
    asks('fd00::1'),
    /does not match the ipFamily of the service\. Ask for one address of each family/,
  ],
])('%s: one Event says why and what to do', async (reason, more, words) => {
  await cluster.createPool('tiny', '10.2.0.0/32')
  await cluster.createService('holder', {
    annotations: { 'metallb.io/address-pool': 'tiny' },
    spec: { clusterIPs: ['1.2.3.2'] },
  })
  await cluster.clock.advance(1000)
  await cluster.createService('web', { ...more, spec: { clusterIPs: ['1.2.3.3'] } })
  await cluster.clock.advance(60_000)
  const events = await cluster.events('web')
  expect(events).toEqual([expect.stringMatching(words)])
  expect(events[0]).toMatch(/^AllocationFailed Failed to allocate IP for "test\/web": /)
  const { conditions } = await cluster.service('web')
  expect(conditions.find(({ type }) => type === ADDRESS_ASSIGNED)).toMatchObject({
    reason,
    message: expect.stringMatching(words),
  })
})

test('ClassNotOurs: when nobody has served it for a while, one Event; nothing else is written', async () => {
  const spec = { loadBalancerClass: 'example.com/other', clusterIPs: ['1.2.3.4'] }
  await cluster.createService('foreign', { spec })
  await cluster.createService('served', { spec: { ...spec, clusterIPs: ['1.2.3.5'] } })
  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }
  const key = { namespace: 'test', name: 'served' }
  await cluster.api.patch(resources.services, key, { status }, { type: 'merge', subresource: 'status' })
  await cluster.clock.advance(29_000)
  expect(await cluster.events('foreign')).toEqual([])
  await cluster.clock.advance(2000)
  const told = [
    'ClassNotOurs loadBalancerClass "example.com/other" is not ours: Fairlead serves Services without a class, and nobody has given it an address. The class of a Service cannot be changed: make it anew without one, or start Fairlead with --lb-class=example.com/other',
  ]
  expect(await cluster.events('foreign')).toEqual(told)
  // Neither a touch nor a restart says it again.
  await cluster.patchService('foreign', { metadata: { labels: { a: 'b' } } })
  await cluster.stop(cluster.replicas[0])
  await cluster.start()
  await cluster.clock.advance(60_000)
  expect(await cluster.events('foreign')).toEqual(told)
  expect(await cluster.events('served')).toEqual([])
  expect((await cluster.service('foreign')).conditions).toEqual([])
})

test('a pool that another one displaced says so, until it does not overlap any more', async () => {
  const read = async (name: string) =>
    (await cluster.api.get(resources.ipAddressPools, { namespace, name })) as KubeObject & { status?: object }
  await cluster.createPool('q', '10.0.0.1/32', '10.3.0.0/24')
  await cluster.clock.advance(2000)
  const conflicting = {
    type: 'Conflicting',
    status: 'True',
    reason: 'AddressesTaken',
    message: expect.stringContaining(
      'CIDR "10.0.0.1/32" in pool "q" overlaps with already defined CIDR "10.0.0.0/31"',
    ),
  }
  const before = (await read('q')).status
  expect(before).toMatchObject({ assignedIPv4: 0, availableIPv4: 0, conditions: [conflicting] })
  expect((await read('p')).status).not.toHaveProperty('conditions')
  // A restart finds it as it should be.
  await cluster.stop(cluster.replicas[0])
  await cluster.clock.advance(100_000)
  await cluster.start()
  await cluster.clock.advance(30_000)
  expect((await read('q')).status).toEqual(before)
  await cluster.editPool('q', '10.3.0.0/24')
  await cluster.clock.advance(2000)
  expect((await read('q')).status).toEqual({
    assignedIPv4: 0,
    assignedIPv6: 0,
    availableIPv4: 256,
    availableIPv6: 0,
  })
})

test('the remedy survives a long message', () => {
  const text = withRemedy('PoolExhausted', 'x'.repeat(2000))
  expect(text.length).toBeLessThan(900)
  expect(text).toMatch(/…\. Add addresses to a pool/)
  expect(withRemedy('Assigned', 'fine')).toBe('fine')
})
