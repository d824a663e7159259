import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { manifestOf } from '#crds/cases/manifest.ts'
import type { ConfigurationStateStatus } from '#crds/objects.ts'
import type { ConfigObjects } from '#crds/parse.ts'
import { startController, type ControllerProcess } from '#controller/main.ts'
import { admissionPaths } from '#controller/webhook/admit.ts'
import { customResourceDefinitions, validatingWebhookConfigurations } from '#controller/webhook/ca-bundle.ts'
import { webhookNames } from '#controller/webhook/webhook.ts'
import type { KubeApi, KubeObject, Resource } from '#kube/api.ts'
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { installProduct, type Product } from './product.ts'
import { freePort, startTestCluster, type TestCluster } from './test-cluster.ts'

const RULES = join(import.meta.dirname, '../../helm/fairlead/rbac/controller-webhook.yaml')

/** EndpointSlices take no address of loopback. */
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address
const missing = address === undefined ? ' (skipped: this machine has no IPv4 address)' : ''

const rbac = (plural: string, kind: string): Resource => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: !kind.startsWith('Cluster'),
})

describe.skipIf(address === undefined)(`the webhook of a real API server${missing}`, () => {
  let cluster: TestCluster
  let api: KubeApi
  let controller: ControllerProcess
  let product: Product
  let port: number

  beforeAll(async () => {
    // No proxy forwards ClusterIPs here: the API server goes to the endpoints of a Service itself.
    cluster = await startTestCluster({ apiServerFlags: ['--enable-aggregator-routing=true'] })
    api = cluster.admin
    port = await freePort()
    product = await installProduct(api)
    await grantWebhook()
    await exposeWebhook()
    await convertByWebhook()
    controller = await startController({
      api: await cluster.as(product.controller),
      clock: systemClock,
      namespace: product.namespace,
      identity: 'one',
      loadBalancerClass: '',
      log: silentLogger,
      webhook: { host: address!, port },
    })
    await until('the controller is ready', async () => controller.ready().ok, 20_000)
    await until('the API server is told whom to trust', hasBundles, 20_000)
  })

  afterAll(async () => {
    await controller?.stop()
    await cluster?.stop()
  })

  async function grantWebhook(): Promise<void> {
    const rules = parse(readFileSync(RULES, 'utf8')) as { cluster: object[]; namespace: object[] }
    const { namespace } = product
    const subjects = [{ kind: 'ServiceAccount', name: 'controller', namespace }]
    const roleRef = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name: 'webhook' })
    const objects: [Resource, object][] = [
      [rbac('clusterroles', 'ClusterRole'), { rules: rules.cluster }],
      [rbac('clusterrolebindings', 'ClusterRoleBinding'), { roleRef: roleRef('ClusterRole'), subjects }],
      [rbac('roles', 'Role'), { rules: rules.namespace }],
      [rbac('rolebindings', 'RoleBinding'), { roleRef: roleRef('Role'), subjects }],
    ]
    for (const [resource, content] of objects) {
      const metadata = { name: 'webhook', ...(resource.namespaced ? { namespace } : {}) }
      await api.create(resource, { metadata, ...content })
    }
  }

  /** A Service without selector, and the endpoint that a Pod would be. */
  async function exposeWebhook(): Promise<void> {
    const { namespace } = product
    const name = webhookNames.service
    const service = {
      metadata: { namespace, name },
      spec: { ports: [{ port: 443, targetPort: port }] },
    }
    await api.create(resources.services, service as KubeObject)
    await api.create(resources.endpointSlices, {
      metadata: { namespace, name, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ port, protocol: 'TCP', name: '' }],
    } as KubeObject)
    const webhooks = [...admissionPaths].map(([path]) => {
      const [, version, kind] = /-(v1beta\d)-(.*)$/.exec(path) as unknown as [string, string, string]
      return {
        name: `${kind}validationwebhook.metallb.io`,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Ignore',
        clientConfig: { service: { namespace, name, path } },
        rules: [
          {
            apiGroups: ['metallb.io'],
            apiVersions: [version],
            operations: ['CREATE', 'UPDATE', 'DELETE'],
            resources: [kind === 'community' ? 'communities' : `${kind}s`],
          },
        ],
      }
    })
    await api.create(validatingWebhookConfigurations, {
      metadata: { name: webhookNames.configuration },
      webhooks,
    } as KubeObject)
  }

  /** What MetalLB's CRD says of the conversion of BGPPeers. */
  async function convertByWebhook(): Promise<void> {
    const service = { namespace: product.namespace, name: webhookNames.service, path: '/convert' }
    const webhook = { clientConfig: { service }, conversionReviewVersions: ['v1'] }
    const conversion = { strategy: 'Webhook', webhook }
    await api.patch(customResourceDefinitions, peersCrd, { spec: { conversion } }, { type: 'merge' })
  }

  async function hasBundles(): Promise<boolean> {
    const found = await api.get(validatingWebhookConfigurations, { name: webhookNames.configuration })
    const { webhooks } = found as KubeObject & { webhooks: { clientConfig: ClientConfig }[] }
    const { spec } = (await api.get(customResourceDefinitions, peersCrd)) as KubeObject & {
      spec: { conversion: { webhook: { clientConfig: ClientConfig } } }
    }
    return [...webhooks, spec.conversion.webhook].every(
      ({ clientConfig }) => clientConfig.caBundle !== undefined,
    )
  }

  const create = (
    section: keyof ConfigObjects,
    resource: Resource,
    name: string,
    spec: object,
    where?: string,
  ) => api.create(resource, manifestOf(section, { metadata: { name }, spec }, where ?? product.namespace))

  /** What a person at a terminal reads. */
  async function dryRun(manifest: object): Promise<string> {
    return (await cluster.kubectl.run('apply --dry-run=server -f -', JSON.stringify(manifest))).err
  }

  test('C2: a pool that overlaps with another one is denied in the words of MetalLB', async () => {
    await create('pools', resources.ipAddressPools, 'first', { addresses: ['203.0.113.0/25'] })
    await until(
      'the webhook denies',
      async () => {
        const refused = create('pools', resources.ipAddressPools, 'second', {
          addresses: ['203.0.113.64/26'],
        })
        const error = await refused.then(
          () => undefined,
          (one: Error) => one,
        )
        if (error === undefined) {
          // The controller had not seen the first one, or the API server not the webhook.
          await api.delete(resources.ipAddressPools, { namespace: product.namespace, name: 'second' })
          return false
        }
        expect(error.message).toMatch(
          /admission webhook "ipaddresspoolvalidationwebhook\.metallb\.io" denied the request: spec\.addresses\[0\]: CIDR "203\.0\.113\.64\/26" in pool "second" overlaps with already defined CIDR/,
        )
        return true
      },
      20_000,
    )
  })

  test('C31: configuration in another namespace is denied', async () => {
    const elsewhere = create(
      'pools',
      resources.ipAddressPools,
      'p',
      { addresses: ['192.0.2.0/24'] },
      'default',
    )
    await expect(elsewhere).rejects.toMatchObject({
      message: expect.stringContaining('resource must be created in metallb-system namespace'),
    })
  })

  test('a BFDProfile in use is not deleted', async () => {
    await create('bfdProfiles', resources.bfdProfiles, 'fast', {})
    const peer = { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', bfdProfile: 'fast' }
    await create('peers', resources.bgpPeers, 'router', peer)
    const key = { namespace: product.namespace, name: 'fast' }
    await until(
      'the deletion is denied',
      async () => {
        const error = await api.delete(resources.bfdProfiles, key).catch((one: Error) => one)
        if (error instanceof Error) {
          expect(error.message).toContain('failed to delete BFDProfile fast, used by BGPPeer router')
          return true
        }
        await create('bfdProfiles', resources.bfdProfiles, 'fast', {})
        return false
      },
      20_000,
    )
    await api.delete(resources.bgpPeers, { namespace: product.namespace, name: 'router' })
  })

  test('kubectl shows the warnings: addresses of a node, ClusterIPs, disableMP', async () => {
    const status = { addresses: [{ type: 'InternalIP', address: '198.51.100.7' }] }
    await api.create(resources.nodes, { metadata: { name: 'node1' } })
    await api.patch(resources.nodes, { name: 'node1' }, { status }, { type: 'merge', subresource: 'status' })
    const pool = (addresses: string[]) =>
      manifestOf('pools', { metadata: { name: 'wide' }, spec: { addresses } }, product.namespace)
    // What is known of the cluster is a minute old at most; nobody has asked before.
    const said = await dryRun(pool(['198.51.100.0/24', '10.96.8.0/24']))
    expect(said).toContain('Warning: pool wide overlaps with ClusterIPs: 10.96.0.0/16')
    const spec = { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', disableMP: true }
    const peer = manifestOf('peers', { metadata: { name: 'p' }, spec }, product.namespace)
    expect(await dryRun(peer)).toContain('Warning: disable mp is deprecated')
  })

  test("an error that only the whole configuration shows is in the controller's ConfigurationState", async () => {
    await create('bgpAdvertisements', resources.bgpAdvertisements, 'ad', { communities: ['our-region'] })
    const key = { namespace: product.namespace, name: 'controller' }
    const read = async () => {
      const found = await api.get(resources.configurationStates, key)
      return found as KubeObject & { status?: ConfigurationStateStatus }
    }
    await until('it is invalid', async () => (await read()).status?.result === 'Invalid', 10_000)
    const { status, metadata } = await read()
    expect(status?.errorSummary).toContain('invalid community format: our-region')
    const managers = metadata.managedFields as { manager: string; operation: string; subresource?: string }[]
    expect(
      managers
        .filter(({ operation, subresource }) => operation === 'Apply' && subresource === 'status')
        .map(({ manager }) => manager)
        .sort(),
    ).toEqual(['configReconciler', 'fairlead', 'poolReconciler'])
    await api.delete(resources.bgpAdvertisements, { namespace: product.namespace, name: 'ad' })
    await until('it is valid again', async () => (await read()).status?.result === 'Valid', 10_000)
    await api.delete(resources.configurationStates, key)
    await until(
      'it is made again',
      async () => (await read().catch(() => undefined))?.status?.result === 'Valid',
      10_000,
    )
  })

  test("MetalLB's CRD, whose BGPPeers are converted by a webhook, works with ours", async () => {
    const { namespace } = product
    const v1beta1 = { ...resources.bgpPeers, version: 'v1beta1' }
    const spec = { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', holdTime: '90s' }
    const object = {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'BGPPeer',
      metadata: { namespace, name: 'old' },
      spec,
    }
    // An API server takes up a change of a CRD some time after it is stored.
    await until(
      'a BGPPeer of the old version is converted',
      () =>
        api.create(v1beta1, object as KubeObject).then(
          () => true,
          () => false,
        ),
      20_000,
    )
    expect(await api.get(resources.bgpPeers, { namespace, name: 'old' })).toMatchObject({
      apiVersion: 'metallb.io/v1beta2',
      spec: { ...spec, peerPort: 179 },
    })
    expect(await api.get(v1beta1, { namespace, name: 'old' })).toMatchObject({
      apiVersion: 'metallb.io/v1beta1',
      spec,
    })
  })
})

const peersCrd = { name: 'bgppeers.metallb.io' }

interface ClientConfig {
  readonly caBundle?: string
}
