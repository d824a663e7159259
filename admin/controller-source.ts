import { parseRange } from '#inet/range.ts'
import type { KubeApi, KubeObject, ListOptions } from '#kube/api.ts'
import { parseKey } from '#kube/api.ts'
import { projectEndpointSlice, type EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import { resources } from '#kube/resources.ts'
import type { ControllerView, ServiceView } from '#controller/view.ts'
import { configDocument, plain, portsOf } from './documents.ts'
import { AdminError, notSynced } from './errors.ts'
import type { PoolEvidence, SpeakerForwarding } from './explain/evidence.ts'
import type { AdminSource, Document } from './source.ts'

/** Field managers that are ours: whoever else owns status.loadBalancer is a second controller. */
const OWN_MANAGERS = /^(fairlead|metallb|kubectl|node$|unknown$)/

interface SpeakerStatusObject extends KubeObject {
  status?: {
    node?: string
    sessions?: Document[]
    interfaces?: Document[]
    heldAddresses?: number
    forwarding?: Document
    conditions?: { type: string; status: string; reason: string; message: string }[]
  }
}

/**
 * The admin API of the controller: allocation from memory, and what the speakers said of themselves in their status
 * objects, read when asked.
 */
export function controllerSource(options: {
  readonly view: () => ControllerView
  readonly api: KubeApi
  /** the controller's own, where the statuses of Services are */
  readonly namespace: string
}): AdminSource {
  const { view, api, namespace } = options
  const speakers = async () => (await list(api, resources.speakerStatuses)) as SpeakerStatusObject[]
  return {
    component: 'controller',
    status: async () => {
      const { identity, leader, synced, apiContact, loadBalancerClass, problems, pools } = view()
      return {
        component: 'controller',
        identity,
        leader,
        synced,
        apiContact,
        loadBalancerClass,
        pools: pools.length,
        problems: problems.length,
        withoutAddress: [...view().services()].filter((one) => one.ours && one.addresses.length === 0).length,
      }
    },
    services: async () => ({ items: [...view().services()].filter(({ ours }) => ours).map(serviceDocument) }),
    service: async (key) => {
      const now = view()
      const found = now.service(key)
      if (found === undefined && !now.synced) throw notSynced()
      return found === undefined ? undefined : serviceDocument(found)
    },
    pools: async () => ({ items: view().pools.map((pool) => plain(pool) as Document) }),
    nodes: async () => ({
      items: (await speakers()).map(({ metadata, status = {} }) => {
        const ready = status.conditions?.find(({ type }) => type === 'Ready')
        return {
          name: status.node ?? metadata.name,
          ready: ready?.status === 'True',
          reason: ready?.status === 'True' ? '' : (ready?.message ?? 'the speaker has not reported yet'),
          interfaces: status.interfaces ?? [],
          forwarding: status.forwarding ?? {},
        }
      }),
    }),
    layer2: async () => ({
      items: (await list(api, resources.serviceL2Statuses, { namespace })).map((object) => ({
        ...(object as KubeObject & { status?: Document }).status,
      })),
    }),
    bgpPeers: async () => ({
      items: (await speakers()).flatMap(({ metadata, status = {} }) =>
        (status.sessions ?? []).map((session) => ({ node: status.node ?? metadata.name, ...session })),
      ),
    }),
    bfdSessions: async () => ({ items: [], unknown: 'the controller has no BFD sessions: ask a speaker' }),
    forwardingServices: async () => ({
      items: [],
      unknown: 'the controller forwards nothing: ask a speaker',
    }),
    bgp: {
      routes: notHere('has no BGP sessions'),
      messages: notHere('has no BGP sessions'),
    },
    layer2Timeline: notHere('answers for no address'),
    forwardingTrace: notHere('forwards nothing'),
    forwardingDump: notHere('forwards nothing'),
    config: async () => configDocument(view().config, view().problems),
    simulate: async (request) => {
      const now = view()
      // Without all Services and pools nobody would seem to move.
      if (!now.synced) throw notSynced()
      return plain(now.simulate(request)) as Document
    },
    evidence: async (key, client) => {
      const now = view()
      const { synced, loadBalancerClass } = now
      const allocation = now.service(key)
      const known = { key, synced, service: allocation?.service, loadBalancerClass }
      if (!synced) return known
      return {
        ...known,
        ...(client === undefined ? {} : { client }),
        ...(allocation === undefined ? {} : { allocation }),
        pools: now.pools.map(poolEvidence),
        ...(await read(async () => ({ slices: await slicesOf(api, key) }))),
        ...(await read(async () => ({ speakers: (await speakers()).map(speakerForwarding) }))),
        ...(allocation === undefined
          ? {}
          : await read(async () => ({ statusManagers: await managersOf(api, key) }))),
      }
    },
  }
}

/** @param why what the controller is not or has not, in the words that its lists have, too */
const notHere = (why: string) => async (): Promise<never> => {
  throw new AdminError('FL_ADMIN_NOT_HERE', 404, `the controller ${why}: ask a speaker`)
}

/** A part of the evidence that could not be had is missing, and its check says so. */
async function read<T extends object>(part: () => Promise<T>): Promise<T | object> {
  try {
    return await part()
  } catch {
    return {}
  }
}

async function list(
  api: KubeApi,
  resource: (typeof resources)[keyof typeof resources],
  options: ListOptions = {},
): Promise<KubeObject[]> {
  return (await api.list(resource, options)).items
}

async function slicesOf(api: KubeApi, key: string): Promise<EndpointSlice[]> {
  const { namespace, name } = parseKey(key)
  const options = {
    ...(namespace === undefined ? {} : { namespace }),
    labelSelector: `kubernetes.io/service-name=${name}`,
  }
  return (await api.list(resources.endpointSlices, options)).items.map(projectEndpointSlice)
}

async function managersOf(api: KubeApi, key: string): Promise<string[]> {
  const { metadata } = await api.get(resources.services, parseKey(key))
  const entries = (metadata.managedFields ?? []) as { manager?: string; fieldsV1?: Record<string, unknown> }[]
  return entries
    .filter(({ fieldsV1 }) => JSON.stringify(fieldsV1 ?? {}).includes('"f:loadBalancer":{"f:ingress"'))
    .flatMap(({ manager }) => (manager === undefined || OWN_MANAGERS.test(manager) ? [] : [manager]))
}

function speakerForwarding({ metadata, status = {} }: SpeakerStatusObject): SpeakerForwarding {
  const { mode, synced, reason } = status.forwarding ?? {}
  return {
    node: status.node ?? metadata.name,
    mode: String(mode ?? 'off'),
    synced: synced === true,
    reason: typeof reason === 'string' ? reason : '',
  }
}

function poolEvidence(pool: ControllerView['pools'][number]): PoolEvidence {
  const families = [...new Set(pool.ranges.map((range) => parseRange(range).family))].sort()
  const free = pool.capacity.v4 + pool.capacity.v6 - pool.assigned.v4 - pool.assigned.v6
  return { name: pool.name, ranges: pool.ranges, families, free }
}

function serviceDocument({ service, ...view }: ServiceView): Document {
  return {
    namespace: service.namespace,
    name: service.name,
    type: service.type,
    ours: view.ours,
    addresses: view.addresses,
    pool: view.pool,
    ports: portsOf(service),
    reason: view.reason,
    message: view.message,
    considered: view.considered,
    conditions: service.conditions,
  }
}
