/** Messages in words, a line each, for people who read a log: nothing here decides anything. */
import { formatAddress } from '#inet/address.ts'
import { formatPrefix, type Prefix } from '#inet/prefix.ts'
import { BgpError } from '../errors.ts'
import type { PathAttributes } from './attributes.ts'
import type { Capability, GracefulRestartCapability } from './capabilities.ts'
import { formatCommunity } from './communities.ts'
import type { CodecContext } from './context.ts'
import { endOfRibOf } from './end-of-rib.ts'
import { familyOf } from './families.ts'
import type { Frame } from './header.ts'
import { decodeMessage, type Message } from './message.ts'
import { describeNotification } from './notification.ts'
import type { OpenMessage } from './open.ts'
import type { RouteRefreshMessage } from './route-refresh.ts'
import type { UpdateMessage } from './update.ts'

/** Prefixes that one line names; of the others it says how many there are. */
const maxPrefixes = 4

const typeWords = {
  open: 'OPEN',
  update: 'UPDATE',
  notification: 'NOTIFICATION',
  keepalive: 'KEEPALIVE',
  routeRefresh: 'ROUTE-REFRESH',
} as const

/**
 * One message in one line of printable text.
 * @param cut the end of the message was not kept
 */
export function describeFrame(frame: Frame, context: CodecContext, cut = false): string {
  const type = typeWords[frame.type]
  try {
    const { message, problem } = decodeMessage(frame, context)
    const wrong = problem === undefined || cut ? '' : `, malformed: ${problem.message}`
    return `${type} ${describe(message, cut)}`.trimEnd() + wrong
  } catch (error) {
    if (error instanceof BgpError) return `${type}${cut ? ', cut off' : `, malformed: ${error.message}`}`
    throw error
  }
}

function describe(message: Message, cut: boolean): string {
  switch (message.type) {
    case 'open':
      return describeOpen(message)
    case 'update':
      return describeUpdate(message, cut)
    case 'notification':
      return describeNotification(message)
    case 'keepalive':
      return ''
    case 'routeRefresh':
      return describeRefresh(message)
  }
}

const describeOpen = ({ myAS, holdTime, routerId, capabilities }: OpenMessage): string => {
  const offered = capabilities.length > 0 ? capabilities.map(capabilityWords).join(', ') : 'none'
  return `version 4, AS ${myAS}, hold time ${holdTime} s, identifier ${routerId}, capabilities: ${offered}`
}

/** A capability as it may stand in a list. */
export function capabilityWords(capability: Capability): string {
  switch (capability.kind) {
    case 'multiprotocol':
      return familyWords(capability.afi, capability.safi)
    case 'routeRefresh':
      return 'route refresh'
    case 'extendedNextHop': {
      const pairs = capability.families.map(
        ({ afi, safi, nextHopAfi }) => `${familyWords(afi, safi)} over ${afiWords(nextHopAfi)}`,
      )
      return `extended next hop (${pairs.join(', ')})`
    }
    case 'role':
      return `role ${roleNames[capability.value] ?? capability.value}`
    case 'gracefulRestart':
      return restartWords(capability)
    case 'fourOctetAS':
      return `4-octet AS ${capability.as}`
    case 'hostname':
      return `host name ${capability.host}${capability.domain === '' ? '' : `.${capability.domain}`}`
    case 'unknown':
      return unknownNames[capability.code] ?? `capability ${capability.code}`
  }
}

/** RFC 9234 4.1 */
const roleNames = ['provider', 'route server', 'route server client', 'customer', 'peer']

/** Capabilities that we do not speak, and meet all the same. */
const unknownNames: Readonly<Record<number, string>> = {
  6: 'extended message',
  69: 'ADD-PATH',
  70: 'enhanced route refresh',
  71: 'long-lived graceful restart',
  73: 'host name, malformed',
  75: 'software version',
  128: 'route refresh (old)',
}

function restartWords(capability: GracefulRestartCapability): string {
  const { restarting, notification, restartTime, families } = capability
  const details = [
    ...(restarting ? ['restarted'] : []),
    ...(notification ? ['with NOTIFICATIONs'] : []),
    ...families.map(
      ({ afi, safi, forwarding }) => `${familyWords(afi, safi)}${forwarding ? ' kept forwarding' : ''}`,
    ),
  ]
  return `graceful restart ${restartTime} s${details.length > 0 ? ` (${details.join(', ')})` : ''}`
}

const afiWords = (afi: number): string => (afi === 1 ? 'IPv4' : afi === 2 ? 'IPv6' : `AFI ${afi}`)

/** `IPv4 unicast`, or the numbers of a family that is not one of ours. */
function familyWords(afi: number, safi: number): string {
  return familyOf(afi, safi) === undefined ? `family ${afi}/${safi}` : `${afiWords(afi)} unicast`
}

const describeRefresh = ({ afi, safi, subtype }: RouteRefreshMessage): string =>
  familyWords(afi, safi) + (subtype === 0 ? '' : `, subtype ${subtype}`)

function describeUpdate(message: UpdateMessage, cut: boolean): string {
  const { withdrawn, nlri, attributes, reach, unreach } = message
  const end = cut ? undefined : endOfRibOf(message)
  if (end !== undefined) return `End-of-RIB, ${end === 'ipv4-unicast' ? 'IPv4' : 'IPv6'} unicast`
  const gone = [...withdrawn, ...(unreach?.prefixes ?? [])]
  const announced = [...nlri, ...(reach?.prefixes ?? [])]
  const hops = [attributes.nextHop, reach?.nextHop, reach?.linkLocal].flatMap((hop) => hop ?? [])
  return [
    ...(gone.length > 0 ? [`withdraws ${prefixWords(gone, cut)}`] : []),
    ...(announced.length > 0 ? [prefixWords(announced, cut)] : []),
    ...(hops.length > 0 ? [`next hop ${hops.map(formatAddress).join(' and ')}`] : []),
    ...attributeWords(attributes),
  ].join(', ')
}

function prefixWords(prefixes: readonly Prefix[], cut: boolean): string {
  const shown = prefixes.slice(0, maxPrefixes).map(formatPrefix).join(' ')
  const more = prefixes.length - maxPrefixes
  if (more <= 0 && !cut) return shown
  return cut ? `${shown} and more` : `${shown} and ${more} more`
}

function attributeWords({ asPath, med, localPref, communities }: PathAttributes): string[] {
  const path = asPath
    ?.map(({ kind, as }) => (kind === 'sequence' ? as.join(' ') : `{${as.join(' ')}}`))
    .join(' ')
  return [
    ...(path === undefined ? [] : [path === '' ? 'AS path empty' : `AS path ${path}`]),
    ...(med === undefined ? [] : [`MED ${med}`]),
    ...(localPref === undefined ? [] : [`local preference ${localPref}`]),
    ...(communities.length > 0 ? [`communities ${communities.map(formatCommunity).join(' ')}`] : []),
  ]
}
