import { isDeepStrictEqual } from 'node:util'
import { parseAddress } from '#inet/address.ts'
import type { Config } from '#crds/config.ts'
import { mergeServices, planBgp, routedPeers, type BgpPlan, type RoutedPeer } from './bgp/advertise.ts'
import { planLayer2, type Layer2Plan } from './layer2/advertise.ts'
import { SharedValues } from './shared-values.ts'
import type { WireAddress, WireRoute, WireRouteKey } from './wire/protocol.ts'
import { PoolIndex, vipsOf, type AnnouncedService, type World } from './world.ts'

/** What changed for the wire thread since the last flush. */
export interface AnnouncementDelta {
  readonly addresses: { readonly put: readonly WireAddress[]; readonly remove: readonly string[] }
  readonly routes: { readonly put: readonly WireRoute[]; readonly remove: readonly WireRouteKey[] }
  /** Services whose announcement was looked at again */
  readonly services: readonly string[]
  /** addresses whose plan was made again, those that no Service has any more included */
  readonly planned: readonly string[]
}

interface Entry extends AnnouncedService {
  /** canonical texts */
  readonly addresses: readonly string[]
  /** undefined when it has no address, or was not planned yet */
  bgp: BgpPlan | undefined
}

/** One address that some Service has. */
interface KnownAddress {
  /** of the Services that have it, sorted */
  keys: readonly string[]
  plan: Layer2Plan | undefined
  /** what the wire thread holds */
  sent: WireAddress | undefined
}

const routeKey = (route: WireRouteKey): string => `${route.peer} ${route.prefix}`

/**
 * From Services and the world to what the wire thread should hold, incrementally: a changed Service costs its own
 * addresses and routes, a changed world costs everything once. Pure: no I/O, no clock; `flush` gives the difference
 * to what the previous flush gave.
 */
export class Announcements {
  #world: World
  #routeWorld: World
  #peers: readonly RoutedPeer[] = []
  #pools: PoolIndex
  #config: Config
  readonly #services = new Map<string, Entry>()
  readonly #addresses = new Map<string, KnownAddress>()
  /** what plans of many addresses and Services have in common */
  #shared = new SharedValues()
  /** route key -> Service key -> what that Service contributes */
  readonly #contributions = new Map<string, Map<string, WireRoute>>()
  readonly #sentRoutes = new Map<string, string>()
  /** with the plan that their routes are of */
  readonly #dirtyServices = new Map<string, BgpPlan | undefined>()
  readonly #dirtyAddresses = new Set<string>()
  readonly #dirtyRoutes = new Set<string>()

  constructor(world: World) {
    this.#world = world
    this.#routeWorld = world
    this.#config = world.config
    this.#pools = new PoolIndex(world.config)
  }

  /**
   * Everything is looked at again.
   * @param peers names of the BGPPeers that this node holds
   * @param routeWorld the world as routes see it, where that is another one
   */
  setWorld(world: World, peers: readonly string[], routeWorld = world): void {
    if (world.config !== this.#config) {
      this.#config = world.config
      this.#pools = new PoolIndex(world.config)
    }
    this.#world = world
    this.#routeWorld = routeWorld
    this.#peers = routedPeers(world.config, peers)
    this.#shared = new SharedValues()
    for (const [key, entry] of this.#services) this.#markDirty(key, entry)
  }

  /** undefined: the Service is gone or is not ours. */
  setService(key: string, target: AnnouncedService | undefined): void {
    const before = this.#services.get(key)
    if (before !== undefined) this.#markDirty(key, before)
    const entry = target === undefined ? undefined : entryOf(target, before)
    for (const text of before?.addresses ?? []) {
      if (entry?.addresses.includes(text)) continue
      const known = this.#addresses.get(text)
      if (known !== undefined) known.keys = known.keys.filter((one) => one !== key)
    }
    if (entry === undefined) {
      this.#services.delete(key)
      if (!this.#dirtyServices.has(key)) this.#dirtyServices.set(key, undefined)
      return
    }
    this.#services.set(key, entry)
    for (const text of entry.addresses) {
      const known = this.#addresses.get(text)
      if (known === undefined) this.#addresses.set(text, { keys: [key], plan: undefined, sent: undefined })
      else if (!known.keys.includes(key)) known.keys = [...known.keys, key].sort()
    }
    this.#markDirty(key, entry)
  }

  flush(): AnnouncementDelta {
    const services = [...this.#dirtyServices.keys()]
    for (const [key, before] of this.#dirtyServices) this.#planService(key, before)
    const planned = [...this.#dirtyAddresses]
    const addresses = this.#flushAddresses()
    const routes = this.#flushRoutes()
    this.#dirtyServices.clear()
    return { addresses, routes, services, planned }
  }

  /** The plan of an address that a Service has; undefined for any other. */
  layer2(address: string): Layer2Plan | undefined {
    return this.#addresses.get(address)?.plan
  }

  bgp(serviceKey: string): BgpPlan | undefined {
    return this.#services.get(serviceKey)?.bgp
  }

  /** The Services that have this address, in the order of their keys. */
  targetsOf(address: string): AnnouncedService[] {
    return this.servicesOf(address).flatMap((key) => this.#services.get(key) ?? [])
  }

  /** The pool that has an address. */
  poolOf(address: string): string | undefined {
    return this.#pools.poolOf(parseAddress(address))
  }

  /** Some BGPAdvertisement speaks for the address, whether it is announced from here or not. */
  isRouted(address: string): boolean {
    return this.servicesOf(address).some((key) => {
      const plan = this.bgp(key)
      return plan !== undefined && plan.reason !== 'noMatchingAdvertisement'
    })
  }

  /** Keys of the Services that have this address, sorted. */
  servicesOf(address: string): readonly string[] {
    return this.#addresses.get(address)?.keys ?? []
  }

  addressesOf(serviceKey: string): readonly string[] {
    return this.#services.get(serviceKey)?.addresses ?? []
  }

  /** Every address some Service has. */
  addresses(): Iterable<string> {
    return this.#addresses.keys()
  }

  /** Routes wanted for a peer, in prefix order. */
  routesTo(peer: string): WireRoute[] {
    const routes = [...this.#contributions.keys()].flatMap((key) => this.#merged(key) ?? [])
    return routes.filter((route) => route.peer === peer).sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
  }

  #markDirty(key: string, entry: Entry): void {
    // What a Service has been in between was never planned.
    if (!this.#dirtyServices.has(key)) this.#dirtyServices.set(key, entry.bgp)
    for (const text of entry.addresses) this.#dirtyAddresses.add(text)
  }

  #planService(key: string, before: BgpPlan | undefined): void {
    for (const route of before?.routes ?? []) {
      this.#contributions.get(routeKey(route))?.delete(key)
      this.#dirtyRoutes.add(routeKey(route))
    }
    const entry = this.#services.get(key)
    if (entry === undefined) return
    entry.bgp = undefined
    if (entry.addresses.length === 0) return
    const addresses = entry.addresses.map(parseAddress).map((address) => {
      return { address, pool: this.#pools.poolOf(address) }
    })
    const plan = planBgp(entry, addresses, this.#peers, this.#routeWorld)
    entry.bgp = plan.routes.length === 0 ? this.#shared.of(plan) : plan
    for (const route of plan.routes) {
      const contributions = this.#contributions.get(routeKey(route)) ?? new Map<string, WireRoute>()
      this.#contributions.set(routeKey(route), contributions.set(key, route))
      this.#dirtyRoutes.add(routeKey(route))
    }
  }

  #flushAddresses(): AnnouncementDelta['addresses'] {
    const put: WireAddress[] = []
    const remove: string[] = []
    for (const text of this.#dirtyAddresses) {
      const known = this.#addresses.get(text)
      if (known === undefined) continue
      known.plan = this.#planAddress(text, known)
      const wire = known.plan?.wire
      if (known.plan === undefined) this.#addresses.delete(text)
      if (wire === known.sent) continue
      known.sent = wire
      if (wire === undefined) remove.push(text)
      else put.push(wire)
    }
    this.#dirtyAddresses.clear()
    return { put, remove }
  }

  /** undefined when no Service has it any more; what stays as it was is the object that it was. */
  #planAddress(text: string, { keys, sent }: KnownAddress): Layer2Plan | undefined {
    const services = keys.flatMap((key) => this.#services.get(key) ?? [])
    if (services.length === 0) return undefined
    const plan = planLayer2(text, this.#pools.poolOf(parseAddress(text)), services, this.#world)
    const { wire } = plan
    const advertisements = this.#shared.of(plan.advertisements)
    if (wire === undefined) return { ...plan, advertisements }
    if (sent !== undefined && isDeepStrictEqual(wire, sent)) return { ...plan, wire: sent, advertisements }
    const [interfaces, candidates] = [this.#shared.of(wire.interfaces), this.#shared.of(wire.candidates)]
    const { address, served, force } = wire
    const next = { address, interfaces, candidates, served, ...(force === undefined ? {} : { force }) }
    return { ...plan, wire: next, advertisements }
  }

  #flushRoutes(): AnnouncementDelta['routes'] {
    const put: WireRoute[] = []
    const remove: WireRouteKey[] = []
    for (const key of this.#dirtyRoutes) {
      const route = this.#merged(key)
      if (route === undefined) {
        this.#contributions.delete(key)
        const space = key.lastIndexOf(' ')
        if (this.#sentRoutes.delete(key))
          remove.push({ peer: key.slice(0, space), prefix: key.slice(space + 1) })
        continue
      }
      const fingerprint = JSON.stringify(route)
      if (this.#sentRoutes.get(key) === fingerprint) continue
      this.#sentRoutes.set(key, fingerprint)
      put.push(route)
    }
    this.#dirtyRoutes.clear()
    return { put, remove }
  }

  /** All Services' contributions to one route, by the names of the Services. */
  #merged(key: string): WireRoute | undefined {
    const contributions = [...(this.#contributions.get(key) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
    return mergeServices(contributions.map(([, route]) => route))
  }
}

function entryOf(target: AnnouncedService, before: Entry | undefined): Entry {
  const { key, service, endpoints, programmed } = target
  const addresses = vipsOf(service).map(({ text }) => text)
  return { key, service, endpoints, programmed, addresses, bgp: before?.bgp }
}
