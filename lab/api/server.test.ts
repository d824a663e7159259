import { afterEach, describe, expect, it } from 'vitest'
import type { KubeObject, Resource } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import type { JsonObject } from './json.ts'
import type { ApiObject } from './object.ts'
import type { ApiServer } from './server.ts'
import { makeServer } from './test-server.ts'

const resource = (
  group: string,
  plural: string,
  kind: string,
  version = 'v1',
  namespaced = true,
): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced,
})
const pods = resource('', 'pods', 'Pod')
const configMaps = resource('', 'configmaps', 'ConfigMap')
const deployments = resource('apps', 'deployments', 'Deployment')
const replicaSets = resource('apps', 'replicasets', 'ReplicaSet')
const crds = resource(
  'apiextensions.k8s.io',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  'v1',
  false,
)

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'echo', image: 'echo:1' }] },
}
const workload = { selector: { matchLabels: { app: 'web' } }, template }

let servers: ApiServer[] = []
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  servers = []
})

function setUp(options: Parameters<typeof makeServer>[0] = {}) {
  const server = makeServer(options)
  servers.push(server)
  const api = server.local()
  const create = (of: Resource, name: string, more: JsonObject = {}, metadata: JsonObject = {}) =>
    api.create(of, {
      metadata: { namespace: 'default', name, ...metadata },
      ...more,
    } as KubeObject) as Promise<ApiObject>
  const exists = async (of: Resource, name: string, namespace = 'default') => {
    const { items } = await api.list(of, { namespace })
    return items.some((item) => item.metadata.name === name)
  }
  return { server, api, create, exists }
}

const ownedBy = ({ apiVersion, kind, metadata }: ApiObject, block = false) => ({
  ownerReferences: [
    {
      apiVersion,
      kind,
      name: metadata.name,
      uid: metadata.uid,
      controller: true,
      ...(block ? { blockOwnerDeletion: true } : {}),
    },
  ],
})

describe('a new cluster', () => {
  it('has its namespaces, their service accounts and the kubernetes Service', async () => {
    const { server, api } = setUp()
    const { items } = await api.list(resources.namespaces, {})
    expect(items.map(({ metadata }) => metadata.name)).toEqual([
      'default',
      'kube-node-lease',
      'kube-public',
      'kube-system',
    ])
    const service = await api.get(resources.services, { namespace: 'default', name: 'kubernetes' })
    expect(service).toMatchObject({
      spec: { clusterIP: '10.96.0.1', ports: [{ port: 443, targetPort: 6443 }] },
    })
    await server.settled()
    const accounts = await api.list(resource('', 'serviceaccounts', 'ServiceAccount'), {})
    expect(accounts.items).toHaveLength(4)
    server.advertise([
      { address: '10.0.0.1', port: 6443 },
      { address: 'fd00::1', port: 6443 },
    ])
    const slices = await api.list(resources.endpointSlices, { namespace: 'default' })
    expect(slices.items.map(({ metadata }) => metadata.name)).toEqual(['kubernetes', 'kubernetes-ipv6'])
  })
})

describe('writes', () => {
  it('counts generations of the spec only', async () => {
    const { api, create } = setUp()
    const made = await create(deployments, 'web', { spec: workload, status: { replicas: 9 } })
    expect(made).toMatchObject({
      metadata: { generation: 1 },
      spec: { replicas: 1, revisionHistoryLimit: 10 },
    })
    expect(made.status).toEqual({})
    const key = made.metadata
    const labelled = await api.patch(
      deployments,
      key,
      { metadata: { labels: { a: 'b' } } },
      { type: 'merge' },
    )
    expect(labelled.metadata.generation).toBe(1)
    const scaled = await api.patch(deployments, key, { spec: { replicas: 3 } }, { type: 'merge' })
    expect(scaled.metadata.generation).toBe(2)
    const status = await api.patch(
      deployments,
      key,
      { spec: { replicas: 7 }, status: { readyReplicas: 3 } },
      { type: 'merge', subresource: 'status' },
    )
    expect(status).toMatchObject({
      metadata: { generation: 2 },
      spec: { replicas: 3 },
      status: { readyReplicas: 3 },
    })
  })

  it('writes nothing when nothing changes', async () => {
    const { server, api, create } = setUp()
    const made = await create(configMaps, 'c', { data: { a: 'b' } })
    const before = server.store.revision
    const again = await api.patch(configMaps, made.metadata, { data: { a: 'b' } }, { type: 'merge' })
    expect(again.metadata.resourceVersion).toBe(made.metadata.resourceVersion)
    expect(server.store.revision).toBe(before)
  })

  it('keeps stored objects apart from what callers hold', async () => {
    const { api, create } = setUp()
    const made = await create(configMaps, 'c', { data: { a: 'b' } })
    ;(made.data as JsonObject).a = 'changed'
    expect(await api.get(configMaps, made.metadata)).toMatchObject({ data: { a: 'b' } })
  })

  it.each([
    [
      'a template that does not match',
      deployments,
      { spec: { ...workload, selector: { matchLabels: { app: 'x' } } } },
    ],
    ['a Pod without containers', pods, { spec: {} }],
    ['a slice of an unknown address type', resources.endpointSlices, { addressType: 'IPX', endpoints: [] }],
    [
      'an address of the wrong family',
      resources.endpointSlices,
      { addressType: 'IPv6', endpoints: [{ addresses: ['1.2.3.4'] }] },
    ],
    ['a Lease of no time', resources.leases, { spec: { leaseDurationSeconds: 0 } }],
  ])('refuses %s', async (_what, of, more) => {
    const { create } = setUp()
    await expect(create(of, 'x', more)).rejects.toMatchObject({ code: 'FL_KUBE_INVALID' })
  })

  it.each([
    ['a Lease without microseconds', resources.leases, { spec: { renewTime: '2026-01-01T00:00:00Z' } }],
    ['a Secret that is not base64', resources.secrets, { data: { a: '%' } }],
  ])('cannot read %s', async (_what, of, more) => {
    const { create } = setUp()
    await expect(create(of, 'x', more)).rejects.toMatchObject({ code: 'FL_KUBE_BAD_REQUEST' })
  })

  it('gives its rights to everybody who is authenticated, as every cluster does', async () => {
    const { server } = setUp()
    const api = server.local()
    const may = async (path: string, groups: string[]) => {
      const spec = { user: 'x', groups, nonResourceAttributes: { path, verb: 'get' } }
      const answer = await api.create(resources.subjectAccessReviews, {
        metadata: { name: '' },
        spec,
      } as KubeObject)
      return (answer as { status?: { allowed?: boolean } }).status?.allowed
    }
    expect(await may('/api/v1/status', ['system:authenticated'])).toBe(true)
    expect(await may('/fairlead/api/v1/status', ['system:authenticated'])).toBe(false)
    expect(await may('/healthz', ['system:unauthenticated'])).toBe(true)
  })

  it.each(['UPPER', 'under_score', '-dash', 'a'.repeat(254)])('refuses the name %s', async (name) => {
    const { create } = setUp()
    await expect(create(configMaps, name)).rejects.toMatchObject({ code: 'FL_KUBE_INVALID' })
  })

  it('freezes what is immutable', async () => {
    const { api, create } = setUp()
    const frozen = await create(configMaps, 'c', { data: { a: 'b' }, immutable: true })
    await expect(
      api.patch(configMaps, frozen.metadata, { data: { a: 'c' } }, { type: 'merge' }),
    ).rejects.toMatchObject({ code: 'FL_KUBE_INVALID' })
    const web = await create(deployments, 'web', { spec: workload })
    const change = { spec: { selector: { matchLabels: { app: 'web', b: 'c' } } } }
    await expect(api.patch(deployments, web.metadata, change, { type: 'merge' })).rejects.toThrow(
      'field is immutable',
    )
  })

  it('turns stringData into data', async () => {
    const { create } = setUp()
    const secret = await create(resources.secrets, 's', { stringData: { password: 'x' } })
    expect(secret).toMatchObject({ type: 'Opaque', data: { password: 'eA==' } })
    expect(secret).not.toHaveProperty('stringData')
  })

  it('needs the namespace to be there', async () => {
    const { create } = setUp()
    const lost = create(configMaps, 'c', {}, { namespace: 'nowhere' })
    await expect(lost).rejects.toMatchObject({
      code: 'FL_KUBE_NOT_FOUND',
      message: 'namespaces "nowhere" not found',
    })
  })
})

describe('deletion', () => {
  it('of a Pod waits for its kubelet', async () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    const { server, api, create, exists } = setUp({ now: () => now })
    const pod = await create(pods, 'p', { spec: { nodeName: 'n1', containers: [{ name: 'a', image: 'a' }] } })
    await api.delete(pods, pod.metadata)
    const marked = (await api.get(pods, pod.metadata)) as ApiObject
    expect(marked.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 30,
    })
    await server
      .local()
      .delete(pods, pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid: 'other' } })
      .catch(() => {})
    expect(await exists(pods, 'p')).toBe(true)
    const { uid } = marked.metadata
    await server.local().delete(pods, pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid: uid! } })
    expect(await exists(pods, 'p')).toBe(false)
    await create(pods, 'q', { spec: { containers: [{ name: 'a', image: 'a' }] } })
    await api.delete(pods, { namespace: 'default', name: 'q' })
    expect(await exists(pods, 'q')).toBe(false)
  })

  it('takes dependents along, through several levels', async () => {
    const { server, api, create, exists } = setUp()
    const deployment = await create(deployments, 'web', { spec: workload })
    const set = await create(replicaSets, 'web-1', { spec: workload }, ownedBy(deployment))
    await create(pods, 'web-1-a', { spec: template.spec }, ownedBy(set))
    await api.delete(deployments, deployment.metadata)
    await server.settled()
    expect(await exists(replicaSets, 'web-1')).toBe(false)
    expect(await exists(pods, 'web-1-a')).toBe(false)
  })

  it('of an owner in the foreground waits for dependents that block it', async () => {
    const { server, api, create, exists } = setUp()
    const owner = await create(configMaps, 'owner')
    const held = await create(
      configMaps,
      'held',
      {},
      { ...ownedBy(owner, true), finalizers: ['example.com/hold'] },
    )
    await create(configMaps, 'free', {}, ownedBy(owner, true))
    await server.local().delete(configMaps, owner.metadata, { propagationPolicy: 'Foreground' })
    await server.settled()
    expect(await exists(configMaps, 'free')).toBe(false)
    const waiting = await api.get(configMaps, owner.metadata)
    expect(waiting.metadata).toMatchObject({
      finalizers: ['foregroundDeletion'],
      deletionTimestamp: expect.any(String),
    })
    await api.patch(configMaps, held.metadata, { metadata: { finalizers: null } }, { type: 'merge' })
    await server.settled()
    expect([await exists(configMaps, 'held'), await exists(configMaps, 'owner')]).toEqual([false, false])
  })

  it('of an owner can leave its dependents behind', async () => {
    const { server, api, create, exists } = setUp()
    const owner = await create(configMaps, 'owner')
    const child = await create(configMaps, 'child', {}, ownedBy(owner))
    await server.local().delete(configMaps, owner.metadata, { propagationPolicy: 'Orphan' })
    await server.settled()
    expect(await exists(configMaps, 'owner')).toBe(false)
    expect((await api.get(configMaps, child.metadata)).metadata).not.toHaveProperty('ownerReferences')
  })

  it('leaves a dependent that has another owner, and removes one whose owner never was', async () => {
    const { server, api, create, exists } = setUp()
    const one = await create(configMaps, 'one')
    const two = await create(configMaps, 'two')
    const { ownerReferences: a } = ownedBy(one)
    const { ownerReferences: b } = ownedBy(two)
    await create(configMaps, 'shared', {}, { ownerReferences: [...a, { ...b[0]!, controller: false }] })
    await create(configMaps, 'lost', {}, ownedBy({ ...one, metadata: { ...one.metadata, uid: 'never' } }))
    await api.delete(configMaps, one.metadata)
    await server.settled()
    const shared = await api.get(configMaps, { namespace: 'default', name: 'shared' })
    expect(shared.metadata.ownerReferences?.map(({ name }) => name)).toEqual(['two'])
    expect(await exists(configMaps, 'lost')).toBe(false)
  })

  it('of a namespace takes its content, which may hold it up', async () => {
    const { server, api, create, exists } = setUp()
    await create(resources.namespaces, 'shop', {}, { namespace: undefined })
    await create(configMaps, 'c', {}, { namespace: 'shop' })
    const held = await create(configMaps, 'held', {}, { namespace: 'shop', finalizers: ['example.com/hold'] })
    await api.delete(resources.namespaces, { name: 'shop' })
    await expect(create(configMaps, 'late', {}, { namespace: 'shop' })).rejects.toMatchObject({ status: 403 })
    await server.settled()
    expect(await exists(configMaps, 'c', 'shop')).toBe(false)
    expect(await api.get(resources.namespaces, { name: 'shop' })).toMatchObject({
      status: { phase: 'Terminating' },
    })
    await api.patch(configMaps, held.metadata, { metadata: { finalizers: null } }, { type: 'merge' })
    await server.settled()
    await expect(api.get(resources.namespaces, { name: 'shop' })).rejects.toMatchObject({ status: 404 })
  })
})

it('gives a Pod to a node, once', async () => {
  const { server, api, create } = setUp()
  const { metadata } = await create(pods, 'p', { spec: template.spec })
  await server.local().bind(metadata, 'n1')
  const bound = (await api.get(pods, metadata)) as ApiObject
  expect(bound).toMatchObject({
    metadata: { generation: 1 },
    spec: { nodeName: 'n1' },
    status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
  })
  await expect(server.local().bind(metadata, 'n2')).rejects.toMatchObject({ code: 'FL_KUBE_CONFLICT' })
  const moved = api.patch(pods, metadata, { spec: { nodeName: 'n2' } }, { type: 'merge' })
  await expect(moved).rejects.toThrow('pod updates may not change fields other than')
})

it('forgets events after an hour', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const { server, create, exists } = setUp({ now: () => now })
  const event = { involvedObject: { kind: 'Node', name: 'n' }, reason: 'R' }
  await create(resources.events, 'old', event)
  now += 3_500_000
  await create(resources.events, 'newer', event)
  await server.settled()
  expect(await exists(resources.events, 'old')).toBe(true)
  now += 200_000
  await create(resources.events, 'newest', event)
  await server.settled()
  expect([await exists(resources.events, 'old'), await exists(resources.events, 'newer')]).toEqual([
    false,
    true,
  ])
})

describe('custom resources', () => {
  const version = (name: string, storage: boolean, properties: JsonObject, more: JsonObject = {}) => ({
    name,
    served: true,
    storage,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties },
          status: { type: 'object', properties: { n: { type: 'integer' } } },
        },
      },
    },
    subresources: { status: {} },
    ...more,
  })
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'peers.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'peers', kind: 'Peer' },
      scope: 'Namespaced',
      versions: [
        version('v1beta1', false, { asn: { type: 'integer' } }, { deprecated: true }),
        version('v1beta2', true, {
          asn: { type: 'integer', minimum: 1 },
          port: { type: 'integer', default: 179 },
        }),
      ],
    },
  } as unknown as KubeObject
  const peers = (name: string) => resource('example.com', 'peers', 'Peer', name)

  it('are served from the write of their CRD on, until its deletion takes them along', async () => {
    const { server, api, create } = setUp()
    await expect(api.list(peers('v1beta2'), {})).rejects.toMatchObject({ status: 404 })
    const [crd] = server.applyManifest([definition])
    expect(crd).toMatchObject({
      spec: { names: { singular: 'peer', listKind: 'PeerList' }, conversion: { strategy: 'None' } },
      status: {
        conditions: [
          { type: 'NamesAccepted', status: 'True' },
          { type: 'Established', status: 'True' },
        ],
      },
    })
    await create(peers('v1beta2'), 'a', { spec: { asn: 1 } })
    await api.delete(crds, { name: 'peers.example.com' })
    await server.settled()
    await expect(api.list(peers('v1beta2'), {})).rejects.toMatchObject({ status: 404 })
    expect(server.store.size('peers.example.com')).toBe(0)
  })

  it('are one object in all versions', async () => {
    const { server, api, create } = setUp()
    server.applyManifest([definition])
    const old = await create(peers('v1beta1'), 'a', { spec: { asn: 7 } })
    expect(old).toMatchObject({ apiVersion: 'example.com/v1beta1', spec: { asn: 7 } })
    const now = (await api.get(peers('v1beta2'), old.metadata)) as ApiObject
    expect(now).toMatchObject({ apiVersion: 'example.com/v1beta2', spec: { asn: 7, port: 179 } })
    await api.patch(peers('v1beta2'), old.metadata, { spec: { port: 180 } }, { type: 'merge' })
    expect(((await api.get(peers('v1beta1'), old.metadata)) as ApiObject).spec).toEqual({ asn: 7 })
    await api.delete(peers('v1beta1'), old.metadata)
    await expect(api.get(peers('v1beta2'), old.metadata)).rejects.toMatchObject({ status: 404 })
  })

  it('are validated, pruned and versioned', async () => {
    const { server, api, create } = setUp()
    server.applyManifest([definition])
    await expect(create(peers('v1beta2'), 'a', { spec: { asn: 0 } })).rejects.toMatchObject({
      message:
        'Peer.example.com "a" is invalid: spec.asn: Invalid value: 0: spec.asn in body should be greater than or equal to 1',
    })
    await expect(create(peers('v1beta2'), 'a', { spec: { asn: 1, other: 1 } })).rejects.toThrow(
      'strict decoding error: unknown field "spec.other"',
    )
    const made = await create(peers('v1beta2'), 'a', { spec: { asn: 1 }, status: { n: 1 } })
    expect(made.metadata.generation).toBe(1)
    expect(made).not.toHaveProperty('status')
    const status = await api.patch(
      peers('v1beta2'),
      made.metadata,
      { spec: { asn: 5 }, metadata: { labels: { a: 'b' } }, status: { n: 2 } },
      { type: 'merge', subresource: 'status' },
    )
    expect(status).toMatchObject({ metadata: { generation: 1 }, spec: { asn: 1 }, status: { n: 2 } })
    expect(status.metadata).not.toHaveProperty('labels')
    const unversioned = { ...made, metadata: { ...made.metadata, resourceVersion: '' } }
    await expect(api.update(peers('v1beta2'), unversioned)).rejects.toThrow('must be specified for an update')
  })

  it.each([
    [{ metadata: { name: 'other.example.com' } }, 'metadata.name'],
    [{ spec: { scope: 'Everywhere' } }, 'spec.scope: Unsupported value'],
    [{ spec: { versions: [version('v1', false, {})] } }, 'exactly one version marked as storage'],
    [{ spec: { versions: [{ name: 'v1', served: true, storage: true }] } }, 'schemas are required'],
  ])('of a broken CRD are refused: %j', async (change, text) => {
    const { api } = setUp()
    const { metadata, spec } = definition as ApiObject
    const broken = {
      ...definition,
      metadata,
      ...change,
      spec: { ...spec, ...(change as ApiObject).spec },
    }
    await expect(api.create(crds, broken as KubeObject)).rejects.toThrow(text)
  })
})
