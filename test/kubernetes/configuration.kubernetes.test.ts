import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manifestOf, resourceOf } from '#crds/cases/manifest.ts'
import type { ConfigObjects } from '#crds/parse.ts'
import type { KubeApi } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { installProduct } from './product.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

describe('the rules of the CRDs', () => {
  let cluster: TestCluster
  let api: KubeApi
  let namespace: string

  beforeAll(async () => {
    cluster = await startTestCluster()
    api = cluster.admin
    namespace = (await installProduct(api)).namespace
  })

  afterAll(() => cluster?.stop())

  test('lists as long as they may be cost no more than the API server grants', async () => {
    const addresses = Array.from(
      { length: 1024 },
      (_, index) => `2001:db8:${index.toString(16)}:0:0:0:0:1 - 2001:db8:${index.toString(16)}:0:0:0:0:ffff`,
    )
    const names = Array.from({ length: 256 }, (_, index) => `pool-with-a-rather-long-name-${index}`)
    const selectors = Array.from({ length: 64 }, (_, index) => ({
      matchExpressions: [
        {
          key: 'kubernetes.io/hostname',
          operator: 'In',
          values: Array.from({ length: 100 }, (_, host) => `host-${index}-${host}.example.com`),
        },
      ],
    }))
    const communities = Array.from({ length: 64 }, (_, index) => `large:4200000000:4200000000:${index}`)
    const aliases = Array.from({ length: 256 }, (_, index) => ({
      name: `an-alias-with-a-name-${index}`,
      value: `64512:${index}`,
    }))
    const objects: [keyof ConfigObjects, object][] = [
      ['pools', { addresses, serviceAllocation: { namespaces: names, serviceSelectors: selectors } }],
      ['l2Advertisements', { ipAddressPools: names, nodeSelectors: selectors }],
      ['bgpAdvertisements', { ipAddressPools: names, peers: names, communities, nodeSelectors: selectors }],
      ['peers', { myASN: 1, peerASN: 2, peerAddress: '2001:db8::1', nodeSelectors: selectors }],
      ['communities', { communities: aliases }],
    ]
    for (const [section, spec] of objects) {
      const object = { metadata: { name: 'long' }, spec }
      await api.create(resourceOf(section), manifestOf(section, object, namespace))
      await api.delete(resourceOf(section), { namespace, name: 'long' })
    }
  })

  test('C32: graceful restart is fixed at creation', async () => {
    const spec = { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', enableGracefulRestart: true }
    const key = { namespace, name: 'fixed' }
    await api.create(
      resources.bgpPeers,
      manifestOf('peers', { metadata: { name: 'fixed' }, spec }, namespace),
    )
    await expect(
      api.patch(resources.bgpPeers, key, { spec: { enableGracefulRestart: false } }, { type: 'merge' }),
    ).rejects.toMatchObject({
      message: expect.stringContaining('EnableGracefulRestart cannot be changed after creation'),
    })
    await api.delete(resources.bgpPeers, key)
  })

  test('no password is in the refusal of a BGPPeer', async () => {
    const spec = { myASN: 0, password: 'open sesame', passwordSecret: { name: 's' } }
    const refused = api.create(
      resources.bgpPeers,
      manifestOf('peers', { metadata: { name: 'secret' }, spec }, namespace),
    )
    const error = await refused.then(
      () => undefined,
      (one: Error) => one,
    )
    expect(error?.message).toContain('can not have both password and secret ref')
    expect(JSON.stringify(error) + error?.message).not.toContain('sesame')
  })
})
