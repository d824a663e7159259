import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import type { Announcements } from './announcements.ts'
import type { DrainState } from './drain/phase.ts'
import type { ForwardingView } from './forwarding/view.ts'
import type { Sources } from './sources.ts'
import type { AddressProblems } from './status/problems.ts'
import type { AnnouncementView, Layer2View, SpeakerView } from './view.ts'
import type { WireState } from './wire-state.ts'
import type { WirePeer } from './wire/protocol.ts'
import { nodeRefusal, type World } from './world.ts'

export interface ViewParts {
  readonly node: string
  readonly synced: boolean
  readonly sources: Sources
  readonly world: World
  readonly announcements: Announcements
  readonly wire: WireState
  readonly peers: readonly WirePeer[]
  readonly forwarding: ForwardingView
  readonly loadBalancerClass: string
  readonly problems: AddressProblems
  readonly stale: boolean
  readonly drain: DrainState
  readonly ask: SpeakerView['ask']
}

/** The speaker's knowledge for the admin API. Lists are built when they are read, maps are the live ones. */
export function buildView(parts: ViewParts): SpeakerView {
  const { node, synced, sources, world, announcements, wire } = parts
  return {
    node,
    synced,
    apiContact: sources.contact(),
    config: world.config,
    problems: [...sources.config.problems, ...sources.exclusions.problems],
    nodes: world.nodes,
    stale: parts.stale,
    drain: parts.drain,
    refusal: (name) => nodeRefusal(world, name),
    speakers: new Set([...world.speakers].filter(([, { ready }]) => ready).map(([name]) => name)),
    interfaces: wire.interfaces,
    get layer2() {
      return [...announcements.addresses()].sort().map((address) => layer2View(address, parts))
    },
    layer2Of: (address) =>
      announcements.layer2(address) === undefined ? undefined : layer2View(address, parts),
    get neighbors() {
      return wire.layer2.neighbors
    },
    layer2Events: (address) => wire.layer2.events(address),
    get peers() {
      return parts.peers.map((peer) => {
        const session = wire.bgp.session(peer.name)
        const story = wire.bgp.story(peer.name)
        const bfd = wire.bgp.bfdOf(peer.name)
        const routes = announcements.routesTo(peer.name)
        return {
          peer,
          ...(session === undefined ? {} : { session }),
          ...(story === undefined ? {} : { story }),
          ...(bfd === undefined ? {} : { bfd }),
          routes,
        }
      })
    },
    get bfd() {
      return wire.bgp.bfd
    },
    ask: parts.ask,
    forwarding: parts.forwarding,
    services: () => sources.services.store.values(),
    service: (key) => sources.services.store.get(key),
    slices: (key) => sources.slicesOf(key),
    announcement: (key) => announcementView(key, parts),
  }
}

function layer2View(address: string, { announcements, wire, problems }: ViewParts): Layer2View {
  const plan = announcements.layer2(address)
  const holder = wire.layer2.holder(address)
  const counters = wire.layer2.counters(address)
  const problem = problems.of(address)
  return {
    address,
    services: announcements.servicesOf(address),
    candidates: plan?.wire?.candidates ?? [],
    served: plan?.wire?.served ?? false,
    ...(holder === undefined ? {} : { holder }),
    ...(counters === undefined ? {} : { counters }),
    ...(problem === undefined ? {} : { problem: problem.message }),
  }
}

function announcementView(key: string, parts: ViewParts): AnnouncementView {
  const { sources, announcements, wire, loadBalancerClass } = parts
  const service = sources.services.store.get(key)
  const refusal = service === undefined ? 'NotFound' : classRefusal(service, loadBalancerClass)
  const addresses = announcements.addressesOf(key)
  const plans = addresses.flatMap((address) => announcements.layer2(address) ?? [])
  const held = addresses.some((address) => wire.layer2.holder(address)?.held)
  const bgp = announcements.bgp(key)
  const none = refusal || (addresses.length === 0 ? 'noAddress' : '')
  const notHeld = plans.find(({ reason }) => reason !== '')?.reason ?? heldElsewhere(addresses, wire)
  return {
    layer2: {
      announced: held,
      reason: held ? '' : none || notHeld,
      advertisements: [...new Set(plans.flatMap(({ advertisements }) => advertisements))].sort(),
    },
    bgp: {
      announced: bgp?.reason === '',
      reason: bgp?.reason ?? (none || 'noMatchingAdvertisement'),
      peers: bgp?.peers ?? [],
    },
  }
}

/** Upstream's word for "another node was elected", unless this node was and cannot answer yet. */
const heldElsewhere = (addresses: readonly string[], wire: WireState): string =>
  addresses.map((address) => wire.layer2.holder(address)?.reason ?? '').find((reason) => reason !== '') ??
  'notOwner'
