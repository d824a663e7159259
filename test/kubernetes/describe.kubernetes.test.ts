import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { installProduct, NAMESPACE } from './product.ts'
import { ProductProcess } from './product-process.ts'
import { Services, type ServiceWish } from './service-view.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

/**
 * A Service that cannot be served: the output of `kubectl describe service` alone, which shows Events and no
 * conditions, tells why and what to change.
 */

const IPS = 'metallb.io/loadBalancerIPs'
const pools = {
  full: { addresses: ['192.0.2.0/32'] },
  team: { addresses: ['203.0.113.0/30'], serviceAllocation: { namespaces: ['team'] } },
}
/** Longer than Fairlead waits for whoever serves another class. */
const WAIT_MS = 45_000

let cluster: TestCluster
let controller: ProductProcess
let services: Services

beforeAll(async () => {
  cluster = await startTestCluster()
  services = new Services(cluster.admin)
  const { controller: user } = await installProduct(cluster.admin)
  for (const [name, spec] of Object.entries(pools)) {
    const metadata = { namespace: NAMESPACE, name }
    await cluster.admin.create(resources.ipAddressPools, { metadata, spec } as KubeObject)
  }
  controller = await ProductProcess.start(cluster, {
    name: 'controller',
    args: ['controller', '--identity', 'one'],
    user,
  })
  await controller.whenReady()
  await services.create({ name: 'first' })
  await services.has('first', ['192.0.2.0'])
})

afterAll(async () => {
  expect(controller?.troubles()).toEqual([])
  await controller?.stop()
  await cluster?.stop()
})

const cases: readonly (readonly [reason: string, wish: ServiceWish, why: RegExp, remedy: RegExp])[] = [
  [
    'exhausted pool',
    { name: 'exhausted' },
    /no available IPs: .*full has no free address/,
    /Add addresses to a pool/,
  ],
  [
    'wrong namespace',
    { name: 'elsewhere', annotations: { [IPS]: '203.0.113.1' } },
    /pool team not compatible for ip assignment: it is not for namespace default/,
    /Ask for another pool or address, or change the serviceAllocation/,
  ],
  [
    'address in use by another Service',
    { name: 'taken', annotations: { [IPS]: '192.0.2.0' } },
    /address also in use by default\/first/,
    /Ask for another address, or share it: the same metallb\.io\/allow-shared-ip on both/,
  ],
  [
    'family mismatch',
    { name: 'family', annotations: { [IPS]: '2001:db8::1' } },
    /\["2001:db8::1"\] does not match the ipFamily of the service/,
    /Ask for one address of each family of the Service/,
  ],
  [
    'class not ours',
    { name: 'foreign', spec: { loadBalancerClass: 'example.com/other' } },
    /ClassNotOurs .*loadBalancerClass "example\.com\/other" is not ours: Fairlead serves Services without a class/,
    /make it anew without one, or start Fairlead with --lb-class=example\.com\/other/,
  ],
]

test('exhausted pool, wrong namespace, address in use, family mismatch, class not ours', async () => {
  for (const [, wish] of cases) await services.create(wish)
  for (const [what, { name }, why, remedy] of cases) {
    const text = await until(
      `${what} is told`,
      async () => {
        const described = await cluster.kubectl.ok(`describe service ${name}`)
        return /\nEvents:\s+<none>/.test(described) ? undefined : described
      },
      WAIT_MS,
    )
    const [, events = ''] = text.split('\nEvents:')
    expect(events).toMatch(why)
    expect(events).toMatch(remedy)
    expect(events.split('\n').filter((line) => /^ {2}(Warning|Normal)/.test(line))).toHaveLength(1)
  }
}, 90_000)

test('a status that somebody else wrote: who it was', async () => {
  const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '198.51.100.9' }] } } })
  await cluster.kubectl.ok(`patch service first --subresource=status --type=merge -p ${status}`)
  await services.has('first', ['192.0.2.0'])
  await until('it is told', async () =>
    (await cluster.kubectl.ok('describe service first')).includes(
      'field manager "kubectl-patch" changed the status to 198.51.100.9; it is 192.0.2.0 again',
    ),
  )
})
