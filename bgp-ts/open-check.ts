import type { AddressFamily } from './config.ts'
import type { Fault, NotificationErrorCode } from './errors.ts'
import type { FsmConfig, Negotiated } from './events.ts'
import type { Capability } from './wire/capabilities.ts'
import { familyCodes } from './wire/families.ts'
import { asTrans, type OpenMessage } from './wire/open.ts'

/** The OPEN that this configuration sends; without capabilities after a peer refused them. */
export function ownOpen(config: FsmConfig, withoutCapabilities: boolean): OpenMessage {
  const capabilities: Capability[] = config.families.map((family) => ({
    kind: 'multiprotocol',
    afi: familyCodes[family].afi,
    safi: familyCodes[family].safi,
  }))
  capabilities.push({ kind: 'routeRefresh' }, { kind: 'fourOctetAS', as: config.localAS })
  return {
    type: 'open',
    // RFC 6793 9
    myAS: config.localAS > 65535 ? asTrans : config.localAS,
    holdTime: Math.round(config.holdTime / 1000),
    routerId: config.routerId,
    capabilities: withoutCapabilities ? [] : capabilities,
  }
}

export type OpenResult =
  { readonly ok: true; readonly negotiated: Negotiated } | { readonly ok: false; readonly fault: Fault }

/** Judges the peer's OPEN against our configuration (RFC 4271 6.2) and works out what both agreed on. */
export function checkOpen(config: FsmConfig, open: OpenMessage, withoutCapabilities: boolean): OpenResult {
  const fourOctet = open.capabilities.find((capability) => capability.kind === 'fourOctetAS')
  const peerAS = fourOctet?.as ?? open.myAS
  const fault = checkAS(config, open, peerAS, fourOctet !== undefined) ?? checkRest(config, open, peerAS)
  if (fault !== undefined) return { ok: false, fault }
  // RFC 4271 4.2: the smaller of the two; 0 from either side turns the timers off.
  const holdTime = Math.min(Math.round(config.holdTime / 1000), open.holdTime) * 1000
  const negotiated: Negotiated = {
    peerAS,
    peerRouterId: open.routerId,
    internal: peerAS === config.localAS,
    holdTime,
    keepaliveTime: keepaliveTime(config, holdTime),
    families: commonFamilies(config, open, withoutCapabilities),
    fourOctetAS: fourOctet !== undefined && !withoutCapabilities,
    routeRefresh: !withoutCapabilities && open.capabilities.some(({ kind }) => kind === 'routeRefresh'),
  }
  return { ok: true, negotiated }
}

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
function commonFamilies(config: FsmConfig, open: OpenMessage, withoutCapabilities: boolean): AddressFamily[] {
  const listed = open.capabilities.filter((capability) => capability.kind === 'multiprotocol')
  if (listed.length === 0 || withoutCapabilities) {
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
