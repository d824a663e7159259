import { parseAddress } from '#inet/address.ts'
import { parseRange } from '#inet/range.ts'
import {
  emptyConfig,
  type BgpAdvertisement,
  type BgpPeer,
  type Config,
  type L2Advertisement,
  type Pool,
} from '#crds/config.ts'
import type { EndpointSlice, SliceEndpoint } from '#kube/objects/endpoint-slice.ts'
import type { Node } from '#kube/objects/node.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { summarizeEndpoints } from './endpoints.ts'
import type { AnnouncedService, SpeakerInfo, World } from './world.ts'

/** Builders for the tests of this room: everything has a default, a test names what it is about. */

export const pool = (name: string, ...ranges: string[]): Pool => ({
  name,
  labels: {},
  ranges: ranges.map(parseRange),
  autoAssign: true,
  avoidBuggyIPs: false,
})

export const l2Ad = (
  name: string,
  pools: string[],
  more: Partial<L2Advertisement> = {},
): L2Advertisement => ({
  name,
  pools: new Set(pools),
  nodeSelectors: [],
  serviceSelectors: [],
  interfaces: [],
  preferredNodes: [],
  ...more,
})

export const bgpAd = (
  name: string,
  pools: string[],
  more: Partial<BgpAdvertisement> = {},
): BgpAdvertisement => ({
  name,
  pools: new Set(pools),
  aggregationLength: 32,
  aggregationLengthV6: 128,
  communities: [],
  peers: [],
  nodeSelectors: [],
  serviceSelectors: [],
  ...more,
})

export const bgpPeer = (name: string, more: Partial<BgpPeer> = {}): BgpPeer => ({
  name,
  myASN: 64500,
  peerASN: 64512,
  peerAddress: parseAddress('192.168.1.1'),
  peerPort: 179,
  nodeSelectors: [],
  enableGracefulRestart: false,
  ebgpMultiHop: false,
  vrf: '',
  dualStackAddressFamily: false,
  ...more,
})

export const node = (name: string, more: Partial<Node> = {}): Node => ({
  name,
  uid: name,
  labels: { 'kubernetes.io/hostname': name },
  internalIPs: ['192.168.1.11'],
  podCIDRs: [],
  ready: true,
  networkUnavailable: false,
  unschedulable: false,
  deleting: false,
  externalIPs: [],
  taints: [],
  ...more,
})

/** Nodes are given by name (or whole); each runs a ready speaker unless `speakers` says otherwise. */
export function world(options: {
  self?: string
  config?: Partial<Config>
  nodes: (string | Node)[]
  speakers?: Record<string, SpeakerInfo>
  ignoreExcludeLabel?: boolean
}): World {
  const nodes = options.nodes.map((one) => (typeof one === 'string' ? node(one) : one))
  const speakers = options.speakers ?? Object.fromEntries(nodes.map(({ name }) => [name, { ready: true }]))
  return {
    self: options.self ?? nodes[0].name,
    config: { ...emptyConfig, ...options.config },
    nodes: new Map(nodes.map((one) => [one.name, one])),
    speakers: new Map(Object.entries(speakers)),
    ignoreExcludeLabel: options.ignoreExcludeLabel ?? false,
  }
}

export function service(
  name: string,
  ips: string[],
  spec: Record<string, unknown> = {},
  labels = {},
): Service {
  return projectService({
    metadata: { name, namespace: 'default', uid: name, labels },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.10', ports: [{ port: 80 }], ...spec },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  } as Parameters<typeof projectService>[0])
}

export const endpoint = (
  nodeName: string,
  address: string,
  more: Partial<SliceEndpoint> = {},
): SliceEndpoint => ({
  address,
  ready: true,
  serving: true,
  terminating: false,
  nodeName,
  zoneHints: [],
  nodeHints: [],
  pod: '',
  ...more,
})

const slice = (name: string, endpoints: SliceEndpoint[]): EndpointSlice => ({
  namespace: 'default',
  name: `${name}-abc`,
  service: name,
  labels: {},
  addressType: 'IPv4',
  ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  endpoints,
})

/** A Service with one ready endpoint on each of these nodes. */
export function announced(target: Service, on: string[], programmed = true): AnnouncedService {
  const endpoints = on.map((name, index) => endpoint(name, `10.244.0.${index + 1}`))
  return {
    key: `default/${target.name}`,
    service: target,
    endpoints: summarizeEndpoints([slice(target.name, endpoints)]),
    programmed,
  }
}

/** Usable interfaces of a speaker, by name. */
export const usable = (...names: string[]): NonNullable<SpeakerInfo['interfaces']> =>
  new Map(names.map((name, index) => [name, { mac: `02:00:00:00:00:${10 + index}`, prefixes: [] }]))
