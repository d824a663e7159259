import type { Condition } from '#kube/objects/service.ts'
import type { Announcement } from './announcements.ts'
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
}

type Words = Pick<Condition, 'status' | 'reason' | 'message'>

const NAMES = 10
/** Of one address: more nodes than this hold one only where the network is split. */
const HOLDERS = 3
const INTERFACES = 4
const MESSAGE_LIMIT = 1024

/** The words of the condition Announced. The same state has the same words, so that writing them ends. */
export function announcedCondition(input: AnnouncedInput): Words {
  const { announcements, addresses, speakers } = input
  if (addresses.length === 0) return no('NotAnnounced', 'there is no address to announce')
  const held = new Map(addresses.map((address) => [address, holdingsOf(address, input)]))
  const troubles = addresses.flatMap((address) => troublesOf(address, input))
  const silent = troubles.find(({ address }) => held.get(address)?.length === 0)
  const routed = announcements.some(({ protocol }) => protocol === 'bgp')
  if (announcements.length === 0) {
    if (silent !== undefined) return no(reasonOf(silent.reason), wordsOf(troubles))
    return speakers
      ? no('NotAnnounced', 'no node announces the address')
      : no('NoSpeakerReady', 'no speaker is ready, so no node announces the address')
  }
  // Sorted and without repetition.
  const nodes = [...new Set(announcements.map(({ node, protocol }) => `${node} (${protocol})`))].sort()
  const more = nodes.length > NAMES ? ` and ${nodes.length - NAMES} more` : ''
  const message = [
    `announced by ${nodes.slice(0, NAMES).join(', ')}${more}`,
    ...[...held].flatMap(([address, holdings]) =>
      holdings.length === 0 ? [] : [heldWords(address, holdings)],
    ),
    ...(troubles.length === 0 ? [] : [wordsOf(troubles)]),
  ].join('; ')
  // One of its addresses is nowhere, whatever becomes of the other.
  if (silent !== undefined && !routed) return no(reasonOf(silent.reason), message)
  return { status: 'True', reason: 'Announced', message: message.slice(0, MESSAGE_LIMIT) }
}

const no = (reason: string, message: string): Words => ({
  status: 'False',
  reason,
  message: message.slice(0, MESSAGE_LIMIT),
})

/** A node that lost the address may not have said so yet: its announcement is gone earlier than its word. */
const holdingsOf = (address: string, { announcements, holdings }: AnnouncedInput): readonly Holding[] =>
  holdings(address).filter(({ node }) =>
    announcements.some((one) => one.node === node && one.protocol === 'layer2'),
  )

interface AddressTrouble extends Trouble {
  readonly address: string
}

const troublesOf = (address: string, { troubles }: AnnouncedInput): AddressTrouble[] =>
  troubles(address)
    .slice(0, HOLDERS)
    .map((trouble) => ({ ...trouble, address }))

const wordsOf = (troubles: readonly AddressTrouble[]): string =>
  [...new Set(troubles.map(({ address, message }) => `${address}: ${message}`))].join('; ')

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
  noEligibleNode: 'NoEligibleNode',
}

const reasonOf = (word: string): string => (Object.hasOwn(reasons, word) ? reasons[word] : 'NotAnnounced')
