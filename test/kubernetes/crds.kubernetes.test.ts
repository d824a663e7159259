import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { allCases } from '#crds/cases/all.ts'
import { manifestOf, resourceOf } from '#crds/cases/manifest.ts'
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

interface CustomResourceDefinition {
  readonly spec: { readonly names: object }
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[]
    readonly acceptedNames: object
  }
}
