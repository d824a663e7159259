import type { AddressFamily, RequiredCapability } from './config.ts'
import type { Fault, NotificationErrorCode } from './errors.ts'
import type { FsmConfig, Negotiated } from './events.ts'
import { restartCapability, restartTerms } from './graceful-restart.ts'
import { checkRole, marksRoutes, peerRole, roleCapability } from './roles.ts'
import { writeCapabilities, type Capability } from './wire/capabilities.ts'
import { familyCodes } from './wire/families.ts'
import { asTrans, type OpenMessage } from './wire/open.ts'

/**
 * What our OPEN offers: `all` that is configured, after a peer refused that the `basic` capabilities which nearly
 * every peer has, after another refusal `none` (RFC 5492 3).
 */
export type Offer = 'all' | 'basic' | 'none'

/** After a refusal: the next smaller OPEN; all over again behind the smallest. */
export function smallerOffer(config: FsmConfig, offer: Offer): Offer {
  if (offer === 'none') return 'all'
  const same = capabilityList(config, 'basic', false).length === capabilityList(config, offer, false).length
  return same ? 'none' : 'basic'
}

/**
 * The OPEN that this configuration sends.
 * @param restarting there has been no session with the peer since this process started
 */
export function ownOpen(config: FsmConfig, offer: Offer, restarting: boolean): OpenMessage {
  return {
    type: 'open',
    // RFC 6793 9
    myAS: config.localAS > 65535 ? asTrans : config.localAS,
    holdTime: Math.round(config.holdTime / 1000),
    routerId: config.routerId,
    capabilities: capabilityList(config, offer, restarting),
  }
}

function capabilityList(config: FsmConfig, offer: Offer, restarting: boolean): Capability[] {
  if (offer === 'none') return []
  const { families, localAS, role, strictRole, hostname } = config
  const all = offer === 'all'
  const internal = config.peerAS === localAS || config.asType === 'internal'
  const restart = all ? restartCapability(config, restarting) : undefined
  return [
    ...families.map((family) => multiprotocol(family)),
    { kind: 'routeRefresh' },
    ...(all && config.extendedNextHop
      ? [{ kind: 'extendedNextHop', families: [ipv4OverIPv6] } as const]
      : []),
    // RFC 9234 3: between autonomous systems. A strict one is not ours to drop: without it the peer says none.
    ...(role !== undefined && !internal && (all || strictRole) ? [roleCapability(role)] : []),
    ...(restart === undefined ? [] : [restart]),
    { kind: 'fourOctetAS', as: localAS },
    ...(all && hostname !== undefined ? [{ kind: 'hostname', host: hostname, domain: '' } as const] : []),
  ]
}

/** RFC 8950 4, the only one of its combinations that we use. */
const ipv4OverIPv6 = { afi: 1, safi: 1, nextHopAfi: 2 } as const

const multiprotocol = (family: AddressFamily): Capability => ({
  kind: 'multiprotocol',
  afi: familyCodes[family].afi,
  safi: familyCodes[family].safi,
})

export type OpenResult =
  { readonly ok: true; readonly negotiated: Negotiated } | { readonly ok: false; readonly fault: Fault }

/** Judges the peer's OPEN against our configuration (RFC 4271 6.2) and works out what both agreed on. */
export function checkOpen(config: FsmConfig, open: OpenMessage, offer: Offer): OpenResult {
  const { capabilities } = open
  const fourOctet = capabilities.find((capability) => capability.kind === 'fourOctetAS')
  const peerAS = fourOctet?.as ?? open.myAS
  const fault =
    checkAS(config, open, peerAS, fourOctet !== undefined) ??
    checkRest(config, open, peerAS) ??
    checkRequired(config, capabilities) ??
    checkRole(roleConfig(config, peerAS), capabilities)
  if (fault !== undefined) return { ok: false, fault }
  return { ok: true, negotiated: negotiate(config, open, offer, peerAS) }
}

/** RFC 9234 3: roles are between autonomous systems. */
const roleConfig = (config: FsmConfig, peerAS: number): FsmConfig =>
  peerAS === config.localAS ? { ...config, role: undefined } : config

function negotiate(config: FsmConfig, open: OpenMessage, offer: Offer, peerAS: number): Negotiated {
  const { capabilities } = open
  // RFC 4271 4.2: the smaller of the two; 0 from either side turns the timers off.
  const holdTime = Math.min(Math.round(config.holdTime / 1000), open.holdTime) * 1000
  const internal = peerAS === config.localAS
  const all = offer === 'all'
  const restart = all && config.gracefulRestart ? restartTerms(capabilities) : undefined
  const role = peerRole(capabilities)
  const host = capabilities.findLast(({ kind }) => kind === 'hostname')
  return {
    peerAS,
    peerRouterId: open.routerId,
    internal,
    holdTime,
    keepaliveTime: keepaliveTime(config, holdTime),
    families: commonFamilies(config, open, offer),
    fourOctetAS: offer !== 'none' && capabilities.some(({ kind }) => kind === 'fourOctetAS'),
    routeRefresh: offer !== 'none' && capabilities.some(({ kind }) => kind === 'routeRefresh'),
    extendedNextHop: all && config.extendedNextHop === true && capabilities.some(hasIPv4OverIPv6),
    ...(!internal && marksRoutes(config.role) && { otc: config.localAS }),
    ...(restart && { gracefulRestart: restart }),
    ...(role && { peerRole: role }),
    ...(host?.kind === 'hostname' && host.host !== '' && { peerHostname: host.host }),
  }
}

const hasIPv4OverIPv6 = (capability: Capability): boolean =>
  capability.kind === 'extendedNextHop' &&
  capability.families.some(
    ({ afi, safi, nextHopAfi }) =>
      afi === ipv4OverIPv6.afi && safi === ipv4OverIPv6.safi && nextHopAfi === ipv4OverIPv6.nextHopAfi,
  )

function checkAS(
  config: FsmConfig,
  open: OpenMessage,
  peerAS: number,
  fourOctet: boolean,
): Fault | undefined {
  const data = fourOctet ? octets(peerAS, 4) : octets(peerAS, 2)
  const bad = (text: string) => fail('FL_BGP_OPEN_PEER_AS', text, data)
  // RFC 7607 2: in neither of the two places.
  if (open.myAS === 0 || peerAS === 0) return bad('the peer says that it is AS 0')
  // RFC 6793 4.2.1: 23456 stands for a number that capability 65 must then give.
  if (peerAS === asTrans) return bad('the peer says AS 23456 and not which number that stands for')
  if (config.peerAS !== undefined && peerAS !== config.peerAS) {
    return bad(`the peer says that it is AS ${peerAS}, configured is AS ${config.peerAS}`)
  }
  if (config.asType === 'internal' && peerAS !== config.localAS) {
    return bad(
      `the peer says that it is AS ${peerAS}, configured is an internal peer of AS ${config.localAS}`,
    )
  }
  if (config.asType === 'external' && peerAS === config.localAS) {
    return bad(`the peer says that it is AS ${peerAS}, which is ours, configured is an external peer`)
  }
  return undefined
}

function checkRest(config: FsmConfig, open: OpenMessage, peerAS: number): Fault | undefined {
  const identifier = open.routerId.split('.').map(Number)
  // RFC 6286 2.2: any identifier but 0, and not our own inside one AS.
  if (open.routerId === '0.0.0.0') {
    return fail('FL_BGP_OPEN_IDENTIFIER', 'the peer has BGP identifier 0.0.0.0', identifier)
  }
  if (open.routerId === config.routerId && peerAS === config.localAS) {
    const text = `the peer has our own BGP identifier ${open.routerId}`
    return fail('FL_BGP_OPEN_IDENTIFIER', text, identifier)
  }
  // RFC 4271 4.2: 0, or at least 3 s.
  if (open.holdTime === 1 || open.holdTime === 2) {
    const text = `the peer offers a hold time of ${open.holdTime} s, the least is 3 s`
    return fail('FL_BGP_OPEN_HOLD_TIME', text, octets(open.holdTime, 2))
  }
  return undefined
}

/** RFC 5492 5: the data says which capability is wanted, as it would stand in the OPEN. */
function checkRequired(config: FsmConfig, capabilities: readonly Capability[]): Fault | undefined {
  for (const required of config.requiredCapabilities ?? []) {
    if (capabilities.some((offered) => satisfies(required, offered))) continue
    const wanted = writeCapabilities([capabilityOf(required, config)])
    return fail('FL_BGP_OPEN_CAPABILITY', `the peer does not offer ${required}, which is required`, [
      ...wanted,
    ])
  }
  return undefined
}

function satisfies(required: RequiredCapability, offered: Capability): boolean {
  if (required in familyCodes) {
    const { afi, safi } = familyCodes[required as AddressFamily]
    return offered.kind === 'multiprotocol' && offered.afi === afi && offered.safi === safi
  }
  return offered.kind === requiredKinds[required as keyof typeof requiredKinds]
}

const requiredKinds = {
  'route-refresh': 'routeRefresh',
  'four-octet-as': 'fourOctetAS',
  'graceful-restart': 'gracefulRestart',
} as const satisfies Partial<Record<RequiredCapability, Capability['kind']>>

function capabilityOf(required: RequiredCapability, config: FsmConfig): Capability {
  switch (required) {
    case 'route-refresh':
      return { kind: 'routeRefresh' }
    case 'four-octet-as':
      return { kind: 'fourOctetAS', as: config.localAS }
    case 'graceful-restart': {
      const empty = {
        kind: 'gracefulRestart',
        restarting: false,
        notification: false,
        restartTime: 0,
      } as const
      return restartCapability(config, false) ?? { ...empty, families: [] }
    }
    default:
      return multiprotocol(required)
  }
}

const fail = (error: NotificationErrorCode, text: string, data: readonly number[]): Fault => ({
  error,
  data,
  text,
})

/** RFC 4271 4.4: a third of the hold time, or more often when so configured; 0 when the hold time is 0. */
export function keepaliveTime(config: FsmConfig, holdTime: number): number {
  const third = Math.floor(holdTime / 3)
  return config.keepaliveTime ? Math.min(config.keepaliveTime, third) : third
}

/** RFC 4760 8: what both sides listed. A peer that lists nothing speaks IPv4 unicast. */
function commonFamilies(config: FsmConfig, open: OpenMessage, offer: Offer): AddressFamily[] {
  const listed = open.capabilities.filter((capability) => capability.kind === 'multiprotocol')
  if (listed.length === 0 || offer === 'none') {
    return config.families.filter((family) => family === 'ipv4-unicast')
  }
  return config.families.filter((family) => {
    const { afi, safi } = familyCodes[family]
    return listed.some((capability) => capability.afi === afi && capability.safi === safi)
  })
}

function octets(value: number, count: 2 | 4): number[] {
  const all = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
  return all.slice(4 - count)
}
