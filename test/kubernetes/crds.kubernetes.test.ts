import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { allCases } from '#crds/cases/all.ts'
import { manifestOf, resourceOf } from '#crds/cases/manifest.ts'
import type { ConfigObjects } from '#crds/parse.ts'
import { resources } from '#kube/resources.ts'
import { crdObjects, installProduct, NAMESPACE } from './product.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const EXAMPLES = join(import.meta.dirname, '../../crds/examples')
const examples = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml'))
const read = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8')

let cluster: TestCluster

beforeAll(async () => {
  cluster = await startTestCluster()
  await installProduct(cluster.admin)
})

afterAll(() => cluster?.stop())

describe('the CRDs', () => {
  const names = crdObjects().map(({ metadata }) => metadata.name)

  test.each(names)('%s is in force, with nothing to say against its schema', async (name) => {
    const crd = JSON.parse(await cluster.kubectl.ok(`get crd ${name} -o json`)) as CustomResourceDefinition
    const conditions = Object.fromEntries(crd.status.conditions.map(({ type, status }) => [type, status]))
    // NonStructuralSchema and KubernetesAPIApprovalPolicyConformant appear only when they are violated.
    expect(conditions).toEqual({ NamesAccepted: 'True', Established: 'True' })
    expect(crd.status.acceptedNames).toMatchObject(crd.spec.names)
  })

  test('are changed in place by kubectl, as an upgrade does', async () => {
    const manifests = crdObjects()
    const out = await cluster.kubectl.ok(
      'apply --server-side --force-conflicts -f -',
      ...manifests,
      ...manifests,
    )
    expect(out.trimEnd().split('\n')).toHaveLength(2 * manifests.length)
  })

  test('kubectl explain knows every field', async () => {
    const out = await cluster.kubectl.ok('explain ipaddresspool.spec')
    expect(out).toContain('serviceAllocation')
    expect(await cluster.kubectl.ok('explain bgppeer.spec.connectTime')).toContain('connectTime')
  })
})

describe("MetalLB's manifests", () => {
  test.each(examples)('%s: applied by kubectl, and again by the server', async (name) => {
    const text = read(name)
    const first = await cluster.kubectl.run('apply -f -', text)
    expect(first).toMatchObject({ code: 0 })
    expect(first.out).not.toContain('unchanged')
    const again = await cluster.kubectl.ok('apply -f -', text)
    expect(
      again
        .trimEnd()
        .split('\n')
        .every((line) => line.endsWith(' unchanged')),
    ).toBe(true)
    // kubectl owns what it applied before, so the first server-side apply takes it over.
    const server = await cluster.kubectl.ok('apply --server-side -f -', text)
    expect(
      server
        .trimEnd()
        .split('\n')
        .every((line) => line.endsWith(' serverside-applied')),
    ).toBe(true)
    await cluster.kubectl.ok('delete --wait=false -f -', text)
  })

  test('a BGPPeer of v1beta1 is taken with a warning and read as v1beta2', async () => {
    const text = read('bgp-v1beta1.yaml')
    const { err } = await cluster.kubectl.run('apply -f -', text)
    expect(err).toContain('v1beta1 is deprecated, please use v1beta2')
    const old = parse(text) as { metadata: { name: string }; spec: object }
    const peer = await cluster.admin.get(resources.bgpPeers, {
      namespace: NAMESPACE,
      name: old.metadata.name,
    })
    expect(peer).toMatchObject({ apiVersion: 'metallb.io/v1beta2', spec: old.spec })
    await cluster.kubectl.ok('delete -f -', text)
  })

  test('kubectl shows the columns of MetalLB', async () => {
    await cluster.kubectl.ok('apply -f -', read('layer2-selected.yaml'), '\n---\n', read('bgp.yaml'))
    const header = async (plural: string): Promise<string> => {
      const out = await cluster.kubectl.ok(`-n ${NAMESPACE} get ${plural}`)
      return out.split('\n')[0].replaceAll(/ {2,}/g, ', ').trim()
    }
    expect(await header('ipaddresspools')).toBe('NAME, AUTO ASSIGN, AVOID BUGGY IPS, ADDRESSES')
    expect(await header('l2advertisements')).toBe('NAME, IPADDRESSPOOLS, IPADDRESSPOOL SELECTORS, INTERFACES')
    expect(await header('bgppeers')).toBe('NAME, ADDRESS, ASN, BFD PROFILE, MULTI HOPS')
    expect(await header('bfdprofiles')).toBe(
      'NAME, PASSIVE MODE, TRANSMIT INTERVAL, RECEIVE INTERVAL, MULTIPLIER',
    )
    await cluster.kubectl.ok('delete -f -', read('layer2-selected.yaml'), '\n---\n', read('bgp.yaml'))
  })
})

describe('one object alone, at the API server', () => {
  test.each(allCases)('%s', async (_title, { section, object, schema }) => {
    const made = cluster.admin.create(resourceOf(section), manifestOf(section, object, NAMESPACE))
    if (schema !== undefined) {
      await expect(made).rejects.toMatchObject({
        code: 'FL_KUBE_INVALID',
        message: expect.stringMatching(schema),
      })
      return
    }
    const { metadata } = await made
    await cluster.admin.delete(resourceOf(section), metadata)
  })
})

describe('the rules of the CRDs', () => {
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
      await cluster.admin.create(resourceOf(section), manifestOf(section, object, NAMESPACE))
      await cluster.admin.delete(resourceOf(section), { namespace: NAMESPACE, name: 'long' })
    }
  })

  test('C32: graceful restart is fixed at creation', async () => {
    const spec = { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', enableGracefulRestart: true }
    const key = { namespace: NAMESPACE, name: 'fixed' }
    await cluster.admin.create(
      resources.bgpPeers,
      manifestOf('peers', { metadata: { name: 'fixed' }, spec }, NAMESPACE),
    )
    await expect(
      cluster.admin.patch(
        resources.bgpPeers,
        key,
        { spec: { enableGracefulRestart: false } },
        { type: 'merge' },
      ),
    ).rejects.toMatchObject({
      message: expect.stringContaining('EnableGracefulRestart cannot be changed after creation'),
    })
    await cluster.admin.delete(resources.bgpPeers, key)
  })

  test('no password is in the refusal of a BGPPeer', async () => {
    const spec = { myASN: 0, password: 'open sesame', passwordSecret: { name: 's' } }
    const refused = cluster.admin.create(
      resources.bgpPeers,
      manifestOf('peers', { metadata: { name: 'secret' }, spec }, NAMESPACE),
    )
    const error = await refused.then(
      () => undefined,
      (one: Error) => one,
    )
    expect(error?.message).toContain('can not have both password and secret ref')
    expect(JSON.stringify(error) + error?.message).not.toContain('sesame')
  })
})

interface CustomResourceDefinition {
  readonly spec: { readonly names: object }
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[]
    readonly acceptedNames: object
  }
}
