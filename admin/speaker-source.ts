import type { ForwardingView } from '#speaker/forwarding/view.ts'
import type { SpeakerView } from '#speaker/view.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import { bfdDocument, bgpSource } from './bgp/source.ts'
import { addressesOf, configDocument, plain, portsOf, serviceKey } from './documents.ts'
import { notSynced } from './errors.ts'
import type { ForwardingEvidence } from './explain/evidence.ts'
import { DumpSource } from './forwarding/dump-source.ts'
import { frontendWords, holderOf } from './forwarding/words.ts'
import { parseTraceQuery } from './forwarding/trace-query.ts'
import { traceDocument } from './forwarding/trace.ts'
import { timelineDocument } from './layer2/timeline.ts'
import type { AdminSource, Document } from './source.ts'

/** The admin API of a speaker: what one node does for each Service, and why not. */
export function speakerSource(options: {
  readonly view: () => SpeakerView
  readonly loadBalancerClass: string
}): AdminSource {
  const { view, loadBalancerClass } = options
  const dumps = new DumpSource(() => view().forwarding)
  return {
    component: 'speaker',
    status: async () => {
      const { node, synced, apiContact, interfaces, layer2, peers, forwarding, problems } = view()
      return {
        component: 'speaker',
        node,
        synced,
        apiContact,
        interfaces: plain(interfaces),
        heldAddresses: layer2.flatMap(({ address, holder }) => (holder?.held ? [address] : [])),
        sessions: peers.map(({ peer, session }) => ({ peer: peer.name, state: session?.state ?? 'Idle' })),
        forwarding: {
          mode: forwarding.mode,
          synced: forwarding.synced,
          generation: forwarding.generation,
          ...(forwarding.lastError === undefined ? {} : { lastError: forwarding.lastError }),
          lastSync: forwarding.lastSync,
          forwarding: forwarding.forwarding,
          reason: forwarding.reason,
          foreign: forwarding.foreign,
          ...serviceCounts(forwarding),
        },
        problems: problems.length,
      }
    },
    services: async () => {
      const now = view()
      const ours = [...now.services()].filter((service) => classRefusal(service, loadBalancerClass) === '')
      return {
        items: ours
          .map((service) => serviceDocument(now, serviceKey(service)))
          .filter((one) => one !== undefined),
      }
    },
    service: async (key) => {
      const now = view()
      const found = serviceDocument(now, key)
      if (found === undefined && !now.synced) throw notSynced()
      return found
    },
    pools: async () => ({
      items: view().config.pools.map((pool) => plain(pool) as Document),
      unknown: 'a speaker knows the pools, the controller how much of them is used',
    }),
    nodes: async () => {
      const now = view()
      return {
        items: [...now.nodes.values()].map((node) => ({
          name: node.name,
          addresses: node.internalIPs,
          podCIDRs: node.podCIDRs,
          ready: node.ready,
          speaker: now.speakers.has(node.name),
          mayAnnounce: now.refusal(node.name) === '' && now.speakers.has(node.name),
          reason: now.refusal(node.name) || (now.speakers.has(node.name) ? '' : 'noSpeaker'),
        })),
      }
    },
    layer2: async () => ({ items: view().layer2.map((one) => plain(one) as Document) }),
    layer2Timeline: async (address) => timelineDocument(view(), address),
    bgpPeers: async () => ({
      items: view().peers.map(({ peer, session, story, bfd, routes }) => ({
        ...(plain(peer) as Document),
        ...(peer.blocked === undefined ? {} : { reason: peer.blocked }),
        ...(peer.password === undefined ? {} : { md5: true }),
        ...(bfd === undefined ? {} : { bfdSession: bfdDocument(bfd) }),
        session: plain(session),
        ...story,
        routes: plain(routes),
      })),
    }),
    bfdSessions: async () => ({ items: view().bfd.map(bfdDocument) }),
    bgp: bgpSource(view),
    forwardingServices: async () => {
      const { forwarding } = view()
      return {
        items: [...forwarding.services()].map((one) => plain(one) as Document),
        ...(forwarding.mode === 'off' ? { unknown: 'forwarding is off: another proxy does it' } : {}),
      }
    },
    forwardingTrace: async (query) => {
      const now = view()
      return traceDocument(parseTraceQuery(query), now.forwarding, now.services())
    },
    forwardingDump: (query, signal) => dumps.dump(query, signal),
    config: async () => configDocument(view().config, view().problems),
    evidence: async (key, client) => {
      const now = view()
      return {
        key,
        synced: now.synced,
        service: now.service(key),
        loadBalancerClass,
        slices: now.slices(key),
        forwarding: forwardingEvidence(now, key),
        ...(client === undefined ? {} : { client }),
      }
    },
  }
}

function forwardingEvidence({ node, forwarding }: SpeakerView, key: string): ForwardingEvidence {
  const { mode, reason, lastError, inspection } = forwarding
  const service = forwarding.service(key)
  return {
    node,
    mode,
    forwarding: forwarding.forwarding,
    reason,
    lastError: lastError?.text ?? '',
    programmed: service?.programmed ?? false,
    frontends: service?.frontends ?? [],
    taken: (service?.frontends ?? []).flatMap((frontend) => {
      const holder = holderOf(inspection, frontend) ?? key
      return holder === key ? [] : [`${frontendWords(frontend)} belongs to the older Service ${holder}`]
    }),
    problems: inspection.problems(key),
  }
}

function serviceCounts({ inspection }: ForwardingView): { services: number; programmed: number } {
  const keys = [...inspection.services()]
  return { services: keys.length, programmed: keys.filter((key) => inspection.programmed(key)).length }
}

function serviceDocument(view: SpeakerView, key: string): Document | undefined {
  const service = view.service(key)
  if (service === undefined) return undefined
  const addresses = addressesOf(service)
  const forwarding = view.forwarding.service(key)
  return {
    namespace: service.namespace,
    name: service.name,
    type: service.type,
    addresses,
    ports: portsOf(service),
    externalTrafficPolicy: service.externalTrafficPolicy,
    endpoints: view.slices(key).flatMap((slice) => slice.endpoints.map((one) => plain(one))),
    announcement: plain(view.announcement(key)),
    layer2: addresses.flatMap((address) => plain(view.layer2Of(address)) ?? []),
    ...(forwarding === undefined ? {} : { forwarding: plain(forwarding) }),
  }
}
