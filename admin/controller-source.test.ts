import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import type { ControllerView } from '#controller/view.ts'
import type { KubeApi, Resource } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { projectService } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { controllerSource } from './controller-source.ts'
import { explain } from './explain/explain.ts'
import { createAdminServer } from './server.ts'

const namespace = 'metallb-system'

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}

/** What the chart lets the controller do. */
const rules = parse(
  readFileSync(join(import.meta.dirname, '../helm/fairlead/rbac/controller.yaml'), 'utf8'),
) as { cluster: Rule[]; namespace: Rule[] }

/** The API server as the controller's service account sees it. */
function withRules(api: FakeKubeApi): KubeApi {
  const check = (verb: string, { group, plural }: Resource, inNamespace: string | undefined) => {
    const fits = (rule: Rule) =>
      rule.apiGroups.includes(group) && rule.resources.includes(plural) && rule.verbs.includes(verb)
    if (rules.cluster.some(fits) || (inNamespace === namespace && rules.namespace.some(fits))) return
    throw new KubeError('FL_KUBE_FORBIDDEN', `${plural} is forbidden`, { status: 403, reason: 'Forbidden' })
  }
  return Object.assign(Object.create(api) as KubeApi, {
    get: async (resource: Resource, key: { namespace?: string; name: string }) => {
      check('get', resource, key.namespace)
      return api.get(resource, key)
    },
    list: async (resource: Resource, options: { namespace?: string }) => {
      check('list', resource, options.namespace)
      return api.list(resource, options)
    },
  })
}

const web = projectService({
  metadata: { name: 'web', namespace: 'default' },
  spec: { type: 'LoadBalancer', clusterIP: '10.96.0.9', ports: [{ port: 80 }] },
} as Parameters<typeof projectService>[0])

const viewOf = (synced: boolean): ControllerView => ({
  identity: 'one',
  leader: true,
  synced,
  apiContact: {},
  loadBalancerClass: '',
  config: {} as ControllerView['config'],
  problems: [],
  pools: [],
  namespaces: new Map(),
  *services() {},
  service: (key) =>
    key === 'default/web'
      ? {
          service: web,
          ours: true,
          addresses: [],
          pool: '',
          reason: 'NoPools',
          message: 'no pools',
          considered: [],
        }
      : undefined,
  simulate: () => ({ moves: [], loses: [], gains: [], unchanged: 0, problems: [], ignored: [] }),
})

const probes = {
  live: () => ({ ok: true, reason: '' }),
  ready: () => ({ ok: true, reason: '' }),
  metrics: async () => ({ text: '', contentType: 'text/plain' }),
}

const sourceOf = (api: KubeApi, synced = true) =>
  controllerSource({ view: () => viewOf(synced), api, namespace })

test('what it reads from the API server the chart lets it read', async () => {
  const api = new FakeKubeApi()
  await api.create(resources.services, { metadata: { name: 'web', namespace: 'default' } })
  const metadata = { name: 'l2-1', namespace }
  await api.create(resources.serviceL2Statuses, { metadata })
  const status = { node: 'node1', serviceName: 'web', serviceNamespace: 'default' }
  await api.patch(resources.serviceL2Statuses, metadata, { status }, { type: 'merge', subresource: 'status' })
  const source = sourceOf(withRules(api))
  expect(await source.layer2()).toEqual({ items: [expect.objectContaining({ serviceName: 'web' })] })
  for (const list of [source.nodes, source.bgpPeers, source.pools, source.services, source.bfdSessions])
    expect((await list()).items).toEqual([])
  expect(await source.evidence('default/web')).toMatchObject({ slices: [], speakers: [], statusManagers: [] })
})

test('before the first lists nothing is said of what is not there', async () => {
  const source = sourceOf(new FakeKubeApi(), false)
  const refusal = { code: 'FL_ADMIN_NOT_SYNCED', statusCode: 503 }
  await expect(source.simulate?.({ apply: [], delete: [] })).rejects.toMatchObject(refusal)
  await expect(source.service('default/none')).rejects.toMatchObject(refusal)
  for (const key of ['default/web', 'default/none']) {
    const { verdict, headline, checks } = explain(await source.evidence(key))
    expect([verdict, headline]).toEqual([
      'unknown',
      'nothing is known: the first lists of the API server are not complete yet',
    ])
    expect(new Set(checks.map((check) => check.verdict))).toEqual(new Set(['unknown']))
  }
  const later = sourceOf(new FakeKubeApi())
  expect(await later.simulate?.({ apply: [], delete: [] })).toMatchObject({ unchanged: 0 })
  expect(await later.service('default/none')).toBeUndefined()
  expect(explain(await later.evidence('default/none')).headline).toContain('There is no Service default/none')
})

test('what only a speaker has is refused in words', async () => {
  const server = await createAdminServer({ ...probes, version: '1', source: sourceOf(new FakeKubeApi()) })
  const ask = async (path: string) => (await server.inject({ url: `/api/v1/${path}` })).json()
  const code = 'FL_ADMIN_NOT_HERE'
  const noSessions = { code, message: 'the controller has no BGP sessions: ask a speaker' }
  expect(await ask('bgp/routes?peer=r4')).toEqual(noSessions)
  expect(await ask('bgp/messages?peer=r4')).toEqual(noSessions)
  const noAddress = { code, message: 'the controller answers for no address: ask a speaker' }
  expect(await ask('layer2/timeline')).toEqual(noAddress)
  const nothing = { code, message: 'the controller forwards nothing: ask a speaker' }
  expect(await ask('forwarding/dump')).toEqual(nothing)
  await server.close()
})
