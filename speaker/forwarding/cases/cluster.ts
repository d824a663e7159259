import type { Family } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Protocol, Service } from '#kube/objects/service.ts'
import type { ForwardingConfig, LocalDetector, NodeContext } from '../config.ts'
import { service, slice, testConfig } from '../fixtures.ts'
import {
  NODE,
  NODE_NAME,
  NODE_OTHER,
  ZONE,
  type EndpointText,
  type Flow,
  type PortText,
  type Scene,
  type SceneService,
} from './scene.ts'

/** From the text of a scene to objects, configuration and flows, for the families and transports wanted. */

/**
 * The IPv6 address or prefix that stands for an IPv4 one: each octet's decimal digits are a group of fd00::/64, so
 * that 10.180.0.1 is fd00::10:180:0:1 and 10.0.0.0/8 is fd00::10:0:0:0/80. Prefixes inside an octet keep their
 * lowest members.
 */
export function six(text: string): string {
  const [address, length] = text.trim().split('/', 2)
  // Written for IPv6 in the first place.
  if (address.includes(':')) return text
  if (address === '127.0.0.1') return '::1'
  const octets = address.split('.')
  if (octets.length !== 4) throw new TypeError(`${text} is not IPv4`)
  const whole = `fd00::${octets.join(':')}`
  if (length === undefined) return whole
  const bits = Number(length)
  const rest = bits % 8
  if (bits === 0) return '::/0'
  return `${whole}/${64 + 16 * Math.floor(bits / 8) + (rest === 0 ? 0 : 8 + rest)}`
}

const inFamily = (family: Family, text: string): string => (family === 4 ? text : six(text))
const inBoth = (texts: readonly string[], families: readonly Family[]): string[] =>
  families.flatMap((family) => texts.map((text) => inFamily(family, text)))

const both: readonly Family[] = [4, 6]
const transports: readonly Protocol[] = ['TCP', 'UDP', 'SCTP']

/** Where the node's other interfaces are: what masqueraded packets come from. */
export const GATEWAYS = { endpoints: '192.168.2.2', pods: '192.168.3.2', beyond: '192.168.4.2' } as const

const usualAddresses = [NODE, NODE_OTHER, ...Object.values(GATEWAYS)]

/** Every address of the node in a scene. */
export const nodeAddresses = (scene: Scene): string[] => [
  '127.0.0.1',
  '::1',
  ...inBoth([...usualAddresses, ...(scene.bound ?? [])], both),
]

export const nodeOf = (scene: Scene): NodeContext => ({
  name: NODE_NAME,
  internalIPs: [NODE, six(NODE)],
  labels: { 'topology.kubernetes.io/zone': ZONE },
  localAddresses: nodeAddresses(scene),
  podCIDRs: inBoth(['10.180.0.0/24'], both),
  serviceCIDRs: inBoth(['172.30.0.0/16'], both),
})

export function configOf({ config = {} }: Scene): ForwardingConfig {
  const prefixes = (texts: readonly string[], families: readonly Family[] = both) =>
    inBoth(texts, families).map((text) => parsePrefix(text))
  const detector: LocalDetector = config.detector ?? {
    by: 'cluster-cidrs',
    cidrs: prefixes(['10.0.0.0/8']),
  }
  return {
    ...testConfig,
    detector,
    nodePortAddresses:
      config.nodePortAddresses === undefined
        ? 'primary'
        : prefixes(config.nodePortAddresses, config.ipv4Only === true ? [4] : both),
    masqueradeAll: config.masqueradeAll ?? false,
  }
}

export interface SceneObjects {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
}

/** The objects of a scene, for one family or as dual-stack Services. */
export const objectsOf = (scene: Scene, families: readonly Family[] = both): SceneObjects[] =>
  scene.services.map((made) => objectsOfService(made, scene, families))

function objectsOfService(made: SceneService, scene: Scene, families: readonly Family[]): SceneObjects {
  const { name, text } = made
  const twin = (ports: readonly PortText[]): PortText[] =>
    isTwinned(scene) ? ports.flatMap(withTwins) : [...ports]
  const addresses = (list: readonly string[] | undefined) => inBoth(list ?? [], families)
  const clusterIPs = text.clusterIPs ?? ['172.30.0.41']
  const translated = service(name, {
    ...text,
    clusterIPs: clusterIPs.includes('None') ? clusterIPs : addresses(clusterIPs),
    externalIPs: addresses(text.externalIPs),
    ...(text.ranges
      ? { ranges: text.ranges.flatMap((range) => families.map((one) => rangeIn(one, range))) }
      : {}),
    ...(text.ingress
      ? {
          ingress: text.ingress.flatMap((ingress) =>
            ingress.ip === undefined ? [ingress] : addresses([ingress.ip]).map((ip) => ({ ...ingress, ip })),
          ),
        }
      : {}),
    ports: twin(text.ports ?? [{ port: 80 }]),
  })
  const slices = made.slices.flatMap(({ endpoints, ports, labels }, index) =>
    families.map((family) =>
      slice(
        name,
        endpoints.map((endpoint): EndpointText => {
          const whole = typeof endpoint === 'string' ? { address: endpoint } : endpoint
          return { ...whole, address: inFamily(family, whole.address) }
        }),
        twin(ports ?? [{ port: 80 }]),
        { name: `${name}-${index}-${family}`, ...(labels ? { labels } : {}) },
      ),
    ),
  )
  return { service: translated, slices }
}

/** White space around a range stays: it is part of a case. */
const rangeIn = (family: Family, text: string): string =>
  family === 4 ? text : text.replace(text.trim(), six(text))

export const isTwinned = (scene: Scene): boolean => scene.transports !== 'as written'

/** A port for each transport, under names of their own. */
const withTwins = (port: PortText): PortText[] =>
  transports.map((protocol) => ({ ...port, name: `${port.name ?? 'p'}-${protocol.toLowerCase()}`, protocol }))

/** A flow of the table for one family and transport. */
export function flowIn(flow: Flow, family: Family, protocol: Flow['protocol'] = flow.protocol): Flow {
  const expected = /\d\.\d/.test(flow.expected)
    ? flow.expected
        .split(', ')
        .map((text) => {
          const [endpoint, ...mark] = text.split(' ')
          const [address, port] = endpoint.split(':')
          return [family === 4 ? endpoint : `[${six(address)}]:${port}`, ...mark].join(' ')
        })
        .sort()
        .join(', ')
    : flow.expected
  return { ...flow, from: inFamily(family, flow.from), to: inFamily(family, flow.to), protocol, expected }
}

/** The transports that a flow is tried with. */
export const transportsOf = (scene: Scene, flow: Flow): readonly Flow['protocol'][] =>
  flow.protocol === 'TCP' && isTwinned(scene) ? transports : [flow.protocol]

/** Those of these families that a scene is about. */
export const familiesOf = (scene: Scene, families: readonly Family[] = both): readonly Family[] =>
  families.filter((family) => scene.families?.includes(family) ?? true)

/** `case 38 E, externalTrafficPolicy Local: pod → LB: 10.180.0.1:80 and 10.180.2.1:80, not masqueraded` */
export function titleOf(scene: Scene, flow: Flow): string {
  const number = flow.number === undefined ? 'case +' : `case ${flow.number} ${scene.group}`
  const transport = flow.protocol === 'TCP' ? '' : ` (${flow.protocol})`
  return `${number}, ${scene.title}: ${flow.what}${transport}: ${inWords(flow.expected)}`
}

const verdicts: Record<string, string> = {
  reject: 'refused',
  drop: 'dropped',
  untouched: 'not ours',
  answer: 'answered by this node',
}

function inWords(expected: string): string {
  const verdict = verdicts[expected]
  if (verdict !== undefined) return verdict
  const endpoints = expected.split(', ')
  const masqueraded = endpoints.filter((endpoint) => endpoint.endsWith(' m')).length
  if (masqueraded > 0 && masqueraded < endpoints.length) {
    return endpoints.map((text) => text.replace(/ m$/, ' masqueraded')).join(' and ')
  }
  const names = endpoints.map((text) => text.replace(/ m$/, '')).join(' and ')
  return `${names}, ${masqueraded > 0 ? '' : 'not '}masqueraded`
}
