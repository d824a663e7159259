import type { Family } from '#inet/address.ts'
import type { Condition } from '#kube/objects/service.ts'
import type { Announcement } from './announcements.ts'
import { routeWords } from './announced-condition-routes.ts'
import type { SpeakerSession } from './speaker-session.ts'
import type { Holding, Trouble } from './speakers.ts'

/** Everything that the condition Announced is told from. */
export interface AnnouncedInput {
  readonly announcements: readonly Announcement[]
  /** canonical text; [] when the Service has none */
  readonly addresses: readonly string[]
  readonly holdings: (address: string) => readonly Holding[]
  readonly troubles: (address: string) => readonly Trouble[]
  /** some speaker is ready */
  readonly speakers: boolean
  /** what the speaker of a node said counts: it is ready and reaches the API */
  readonly heard: (node: string) => boolean
  /** undefined: not known, which stands in nobody's way */
  readonly session: (node: string, peer: string) => SpeakerSession | undefined
}

type Words = Pick<Condition, 'status' | 'reason' | 'message'>

const NAMES = 10
/** Of one address: more nodes than this hold one only where the network is split. */
const HOLDERS = 3
const INTERFACES = 4
const MESSAGE_LIMIT = 1024

/** One address: who answers for it, to whom routers send it, or why neither. */
interface AddressState {
  readonly address: string
  readonly holdings: readonly Holding[]
  readonly announcers: readonly Announcement[]
  readonly troubles: readonly Trouble[]
  /** absent when it is announced */
  readonly why?: Why
}

interface Why {
  readonly reason: string
  /** '' when the troubles say it */
  readonly message: string
}

/** The words of the condition Announced. The same state has the same words, so that writing them ends. */
export function announcedCondition(input: AnnouncedInput): Words {
  const { addresses } = input
  if (addresses.length === 0) return no('NotAnnounced', 'there is no address to announce')
  const states = addresses.map((address) => stateOf(address, input))
  const announcers = states.flatMap((state) => state.announcers)
  const troubles = states.flatMap(({ address, troubles: all }) =>
    all.slice(0, HOLDERS).map(({ message }) => ({ address, message })),
  )
  const silent = states.flatMap(({ address, why }) => (why === undefined ? [] : [{ address, ...why }]))
  const message = [
    ...(announcers.length === 0 ? [] : [announcedBy(announcers)]),
    ...states.flatMap(({ address, holdings }) =>
      holdings.length === 0 ? [] : [heldWords(address, holdings)],
    ),
    ...wordsOf([...silent.filter((one) => one.message !== ''), ...troubles], addresses.length),
  ].join('; ')
  // One of its addresses is nowhere, whatever becomes of the other.
  if (silent.length > 0) return no(silent[0].reason, message)
  return { status: 'True', reason: 'Announced', message: message.slice(0, MESSAGE_LIMIT) }
}

const no = (reason: string, message: string): Words => ({
  status: 'False',
  reason,
  message: message.slice(0, MESSAGE_LIMIT),
})

function stateOf(address: string, input: AnnouncedInput): AddressState {
  const { announcements, heard, session } = input
  const family: Family = address.includes(':') ? 6 : 4
  const counting = announcements.filter(({ node }) => heard(node))
  const layer2 = counting.filter(({ protocol }) => protocol === 'layer2')
  const routed = counting.filter(({ protocol }) => protocol === 'bgp')
  // A node that lost the address may not have said so yet: its announcement is gone earlier than its word.
  const holdings = input.holdings(address).filter(({ node }) => layer2.some((one) => one.node === node))
  const troubles = input.troubles(address)
  // The peers of an announcement are those of the Service: another of its addresses may be what they are told.
  const routeless = troubles.some(({ reason }) => unrouted.has(reason))
  const carries = ({ node, peers }: Announcement): boolean =>
    peers === undefined || peers.some((peer) => session(node, peer)?.families.includes(family) ?? true)
  const carried = routeless ? [] : routed.filter(carries)
  // What speakers list is bounded: without a word against it a holder that is not named counts.
  const against = troubles.find(({ reason }) => !oddities.has(reason))
  const answered = holdings.length > 0 || (layer2.length > 0 && against === undefined)
  const holders =
    holdings.length === 0 ? layer2 : layer2.filter(({ node }) => holdings.some((one) => one.node === node))
  const state = { address, holdings, troubles, announcers: [...(answered ? holders : []), ...carried] }
  if (answered || carried.length > 0) return state
  if (against !== undefined) return { ...state, why: { reason: reasonOf(against.reason), message: '' } }
  if (routed.length > 0) return { ...state, why: routeWords(routed, family, session) }
  return { ...state, why: nobody(input) }
}

function nobody({ announcements, heard, speakers }: AnnouncedInput): Why {
  if (!speakers)
    return { reason: 'NoSpeakerReady', message: 'no speaker is ready, so no node announces the address' }
  const lost = announcements.filter(({ node }) => !heard(node))
  if (lost.length === 0) return { reason: 'NotAnnounced', message: 'no node announces the address' }
  const message = `last ${announcedBy(lost)}, of which nothing is heard or which is not ready`
  return { reason: 'SpeakerUnreachable', message }
}

/** What is said of an address only when no node has a route for it. */
const unrouted: ReadonlySet<string> = new Set([
  'noMatchingAdvertisement',
  'invalidAdvertisement',
  'conflictingAdvertisements',
  'noPeers',
])

/** What speakers say only of addresses that they hold. */
const oddities: ReadonlySet<string> = new Set(['outsideSubnets', 'contested'])

/** Sorted and without repetition. */
function announcedBy(announcements: readonly Announcement[]): string {
  const nodes = [...new Set(announcements.map(({ node, protocol }) => `${node} (${protocol})`))].sort()
  const more = nodes.length > NAMES ? ` and ${nodes.length - NAMES} more` : ''
  return `announced by ${nodes.slice(0, NAMES).join(', ')}${more}`
}

interface Said {
  readonly address: string
  readonly message: string
}

/** What is said of several addresses alike is said once; of all of them, where it is about nothing else, without them. */
function wordsOf(all: readonly Said[], addresses: number): string[] {
  return [...Map.groupBy(all, ({ message }) => message)].map(([message, said]) => {
    const named = [...new Set(said.map(({ address }) => address))]
    return generic.has(message) && named.length === addresses ? message : `${named.join(', ')}: ${message}`
  })
}

const generic: ReadonlySet<string> = new Set([
  'no speaker is ready, so no node announces the address',
  'no node announces the address',
])

function heldWords(address: string, holdings: readonly Holding[]): string {
  const words = holdings.slice(0, HOLDERS).map(({ node, since, interfaces }) => {
    const on = interfaces.slice(0, INTERFACES).join(', ')
    return `${node}${on === '' ? '' : ` on ${on}`} since ${since}`
  })
  return `${address} is held by ${words.join(' and ')}`
}

/** Words of speakers as reasons of a condition: what is none of ours is only known to be in the way. */
const reasons: Readonly<Record<string, string>> = {
  noMatchingAdvertisement: 'NoMatchingAdvertisement',
  notOwner: 'NoMatchingAdvertisement',
  conflictingAdvertisements: 'ConflictingAdvertisements',
  noPeers: 'NoMatchingPeer',
  familyNotOffered: 'NoPeerForFamily',
  invalidAdvertisement: 'InvalidAdvertisement',
  sharedIPWithServiceSelector: 'SharedIPWithServiceSelector',
  noEndpoints: 'NoEndpoints',
  noLocalEndpoints: 'NoLocalEndpoints',
  notServed: 'NotServed',
  addressInUse: 'AddressInUseOnWire',
  noInterface: 'NoInterface',
  noUsableInterface: 'NoInterface',
  interfaceMissing: 'NoInterface',
  nodeUnknown: 'NoEligibleNode',
  nodeNetworkUnavailable: 'NoEligibleNode',
  nodeLabeledExcludeBalancers: 'NoEligibleNode',
  nodeDraining: 'NoEligibleNode',
  speakerLeaving: 'NoSpeakerReady',
  speakerUnreachable: 'SpeakerUnreachable',
  noEligibleNode: 'NoEligibleNode',
}

const reasonOf = (word: string): string => (Object.hasOwn(reasons, word) ? reasons[word] : 'NotAnnounced')
