import { capabilitiesOf, isWordless } from '#speaker/status/bgp-part.ts'
import { age } from './ages.ts'
import type { BriefRow, PeerRow, SessionRow } from './bgp-peers.ts'

/** Why a session is not up, in words, and what to do; or what may be wrong although it is. @param now epoch ms */
export function storyOf(row: PeerRow, now: number): string[] {
  const { reason, session } = row
  if (session === undefined) return reason === undefined ? [] : [reason]
  if (session.state === 'Established') return upStory(session)
  const { lastError, counters } = session
  if (lastError === undefined) return ['connecting for the first time']
  const earlier = isWordless(lastError) ? row.earlier : undefined
  const lines = [told(lastError, now)]
  if (earlier !== undefined) lines.push(`before that: ${told(earlier, now)}`)
  const advice = reason === undefined ? adviceFor(earlier ?? lastError, row) : ''
  if (advice !== '') lines.push(advice)
  if (reason === undefined && (counters.connectAttempts ?? 0) > 1)
    lines.push(`attempts to connect so far: ${counters.connectAttempts}`)
  return lines
}

const told = ({ at, text }: { at: number; text: string }, now: number): string =>
  `${text} (${age(now - at)} ago)`

function adviceFor({ code, text }: NonNullable<SessionRow['lastError']>, row: PeerRow): string {
  const { localAS, peerAS } = row.session ?? {}
  if (code === 'FL_BGP_OPEN_PEER_AS')
    return `spec.peerASN of the BGPPeer and the AS number of the router must be the same: write ${peerAS}, if that is the router that was meant`
  if (/2\/2|Bad Peer AS/i.test(text))
    return `the router expects another AS number of this node than ${localAS}: compare spec.myASN and spec.localASN of the BGPPeer with its "remote-as"`
  if (code === 'FL_BGP_CONNECT_TIMEOUT')
    return `${passwordAdvice(row)}; then look for a firewall on TCP port 179, and for ttl-security on the router`
  if (code === 'FL_BGP_CONNECT_FAILED' && /refused/i.test(text))
    return 'nothing listens there, or the router does not know this node as a neighbor: compare the address with its configuration'
  if (/6\/5|rejected/i.test(text)) return 'the router has no neighbor with the address of this node'
  if (code === 'FL_BGP_NO_OPEN' || /waiting for an OPEN/.test(text))
    return 'set spec.ttlSecurity of the BGPPeer and TTL security of the router on both sides or on neither; then look for a filter, and for the address of this node in the configuration of the router'
  if (code === 'FL_BGP_HOLD_TIMER')
    return 'the path fails without a word: look at the link, MTU and load of the router'
  return ''
}

/** Who has the wrong password, or none, drops what comes in silence, and so does the other side. */
const passwordAdvice = ({ md5 }: PeerRow): string =>
  md5
    ? 'a password is configured here: the router must have the same one for this node, as both sides drop another signature without a word'
    : 'no password is configured here: if the router has one for this node, it drops what comes without a word'

const upStory = ({ unsent = {} }: SessionRow): string[] =>
  Object.entries(unsent).map(
    ([why, count]) => `${count} ${count === 1 ? 'route' : 'routes'} not sent: ${why.replaceAll('-', ' ')}`,
  )

/**
 * A router without a policy for us neither takes routes nor gives any; that it sent none is all we can see of it. Most
 * routers that work well send none either, so it is said once for all of them.
 */
export function silentRouters(rows: readonly PeerRow[]): string[] {
  const silent = rows.flatMap(({ name = '', session }) =>
    session !== undefined && isSilent(session) ? [{ name, session }] : [],
  )
  if (silent.length === 0) return []
  const [{ session }] = silent
  const routes = routesOf(session)
  const who =
    silent.length === 1
      ? `${session.negotiated?.peerHostname ?? 'the router'} has been sent ${routes} ${routes === 1 ? 'route' : 'routes'} and has sent none`
      : `${silent.map(({ name }) => name).join(', ')}: have been sent routes and have sent none`
  return [
    `${who}. BGP does not say whether a router takes what it is sent: if its table lacks them, look for a missing policy ` +
      'first. FRR, IOS-XR and others take no eBGP route without one (RFC 8212; `show bgp summary` of FRR says "(Policy)")',
  ]
}

/** It has been sent routes of another AS, and has sent End-of-RIB at most. */
const isSilent = (session: SessionRow): boolean =>
  session.state === 'Established' &&
  session.localAS !== session.peerAS &&
  routesOf(session) > 0 &&
  (session.counters.updatesReceived ?? 0) <= Object.keys(session.announced).length

const routesOf = ({ announced }: SessionRow): number =>
  Object.values(announced).reduce((sum, count) => sum + count, 0)

/** What was agreed on, who the two ends are, and what both said last. @param now epoch milliseconds */
export function detailsOf({ session, routerId, bfdSession, md5 }: PeerRow, now: number): string[] {
  if (session === undefined) return []
  const { localAddress, localAS, endpoint, peerAS, peerRouterId, holdTime, keepaliveTime, negotiated } =
    session
  const timers = holdTime === 0 ? 'no keepalives' : `keepalive ${keepaliveTime / 1000}s`
  const us = [`AS ${localAS}`, ...(routerId === undefined ? [] : [`router ID ${routerId}`])]
  const them = [
    ...(peerAS === undefined ? [] : [`AS ${peerAS}`]),
    ...(peerRouterId === undefined ? [] : [`router ID ${peerRouterId}`]),
    ...(negotiated?.peerHostname === undefined ? [] : [`host name ${negotiated.peerHostname}`]),
  ]
  return [
    ...(session.state === 'Established'
      ? [`agreed: ${[...capabilitiesOf(session), timers, ...restartWords(session)].join(', ')}`]
      : []),
    `we: ${[localAddress ?? 'any address', ...us].join(', ')}${md5 ? ', with a password' : ''}`,
    `the router: ${[endpoint, ...them].join(', ')}`,
    said('sent', session.notificationSent, now),
    said('received', session.notificationReceived, now),
    ...(bfdSession === undefined ? [] : [bfdWords(bfdSession)]),
  ]
}

function restartWords({ negotiated }: SessionRow): string[] {
  const terms = negotiated?.gracefulRestart
  if (terms === undefined) return []
  return terms.notification
    ? ['the router keeps routes over a restart of the speaker, after a NOTIFICATION too']
    : ['the router keeps routes over a restart of the speaker, but not after a NOTIFICATION']
}

function bfdWords({ state, detectionTime, diagnostic }: NonNullable<PeerRow['bfdSession']>): string {
  if (state === 'Up') return `BFD: Up, notices a dead path after ${detectionTime}ms`
  return `BFD: ${state} (${diagnostic})`
}

/** As far as a SpeakerStatus tells it. */
export function briefDetails(row: Partial<BriefRow>, now: number): string[] {
  const { capabilities = [], holdTime, keepaliveTime, announced } = row
  const timers = holdTime === undefined ? [] : [`hold ${holdTime}`, `keepalive ${keepaliveTime}`]
  const agreed = [...capabilities, ...timers]
  const at = (one: BriefRow['notificationSent'] | undefined) =>
    one && { at: Date.parse(one.at), text: one.text }
  return [
    ...(agreed.length === 0 ? [] : [`agreed: ${agreed.join(', ')}`]),
    ...(announced === undefined ? [] : [`routes sent: ${announced.ipv4} of IPv4, ${announced.ipv6} of IPv6`]),
    said('sent', at(row.notificationSent), now),
    said('received', at(row.notificationReceived), now),
    ...(row.bfd === undefined ? [] : [`BFD: ${String(row.bfd)}`]),
  ]
}

const said = (way: string, what: { at: number; text: string } | undefined, now: number): string =>
  `last NOTIFICATION ${way}: ${what === undefined ? 'none' : told(what, now)}`
