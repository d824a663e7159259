import type { Address } from '#inet/address.ts'
import type { Config } from '#crds/config.ts'
import { mergeServices, planBgp, type BgpPlan } from './bgp/advertise.ts'
import { planLayer2, type Layer2Plan } from './layer2/advertise.ts'
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
  readonly addresses: readonly {
    readonly text: string
    readonly address: Address
    readonly pool: string | undefined
  }[]
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
  #peers: readonly string[] = []
  #pools: PoolIndex
  #config: Config
  readonly #services = new Map<string, Entry>()
  readonly #byAddress = new Map<string, Set<string>>()
  readonly #layer2 = new Map<string, Layer2Plan>()
  readonly #bgp = new Map<string, BgpPlan>()
  /** route key -> Service key -> what that Service contributes */
  readonly #contributions = new Map<string, Map<string, WireRoute>>()
  readonly #sentAddresses = new Map<string, string>()
  readonly #sentRoutes = new Map<string, string>()
  readonly #dirtyServices = new Set<string>()
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
    this.#peers = peers
    for (const [key, entry] of this.#services) {
      this.#services.set(key, this.#entryOf(entry))
      this.#markDirty(key, entry)
    }
  }

  /** undefined: the Service is gone or is not ours. */
  setService(key: string, target: AnnouncedService | undefined): void {
    const before = this.#services.get(key)
    if (before !== undefined) {
      this.#markDirty(key, before)
      for (const { text } of before.addresses) this.#byAddress.get(text)?.delete(key)
    }
    if (target === undefined) {
      this.#services.delete(key)
      this.#dirtyServices.add(key)
      return
    }
    const entry = this.#entryOf(target)
    this.#services.set(key, entry)
    for (const { text } of entry.addresses) {
      const keys = this.#byAddress.get(text) ?? new Set()
      this.#byAddress.set(text, keys.add(key))
    }
    this.#markDirty(key, entry)
  }

  flush(): AnnouncementDelta {
    const services = [...this.#dirtyServices]
    for (const key of services) this.#planService(key)
    const planned = [...this.#dirtyAddresses]
    const addresses = this.#flushAddresses()
    const routes = this.#flushRoutes()
    this.#dirtyServices.clear()
    return { addresses, routes, services, planned }
  }

  /** The plan of an address that a Service has; undefined for any other. */
  layer2(address: string): Layer2Plan | undefined {
    return this.#layer2.get(address)
  }

  bgp(serviceKey: string): BgpPlan | undefined {
    return this.#bgp.get(serviceKey)
  }

  /** Some BGPAdvertisement speaks for the address, whether it is announced from here or not. */
  isRouted(address: string): boolean {
    return this.servicesOf(address).some((key) => {
      const plan = this.#bgp.get(key)
      return plan !== undefined && plan.reason !== 'noMatchingAdvertisement'
    })
  }

  /** Keys of the Services that have this address, sorted. */
  servicesOf(address: string): string[] {
    return [...(this.#byAddress.get(address) ?? [])].sort()
  }

  addressesOf(serviceKey: string): string[] {
    return (this.#services.get(serviceKey)?.addresses ?? []).map(({ text }) => text)
  }

  /** Every address some Service has. */
  addresses(): Iterable<string> {
    return this.#byAddress.keys()
  }

  /** Routes wanted for a peer, in prefix order. */
  routesTo(peer: string): WireRoute[] {
    const routes = [...this.#contributions.keys()].flatMap((key) => this.#merged(key) ?? [])
    return routes.filter((route) => route.peer === peer).sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
  }

  #entryOf(target: AnnouncedService): Entry {
    const { key, service, endpoints, programmed } = target
    const addresses = vipsOf(service).map((vip) => ({ ...vip, pool: this.#pools.poolOf(vip.address) }))
    return { key, service, endpoints, programmed, addresses }
  }

  #markDirty(key: string, entry: Entry): void {
    this.#dirtyServices.add(key)
    for (const { text } of entry.addresses) this.#dirtyAddresses.add(text)
  }

  #planService(key: string): void {
    const entry = this.#services.get(key)
    for (const route of this.#bgp.get(key)?.routes ?? []) {
      this.#contributions.get(routeKey(route))?.delete(key)
      this.#dirtyRoutes.add(routeKey(route))
    }
    this.#bgp.delete(key)
    if (entry === undefined || entry.addresses.length === 0) return
    const plan = planBgp(entry, entry.addresses, this.#peers, this.#routeWorld)
    this.#bgp.set(key, plan)
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
      const keys = this.servicesOf(text)
      const services = keys.flatMap((key) => this.#services.get(key) ?? [])
      if (services.length === 0) this.#byAddress.delete(text)
      const pool = services[0]?.addresses.find((one) => one.text === text)?.pool
      const plan = services.length === 0 ? undefined : planLayer2(text, pool, services, this.#world)
      if (plan === undefined) this.#layer2.delete(text)
      else this.#layer2.set(text, plan)
      const wire = plan?.wire
      if (wire === undefined) {
        if (this.#sentAddresses.delete(text)) remove.push(text)
        continue
      }
      const fingerprint = JSON.stringify(wire)
      if (this.#sentAddresses.get(text) === fingerprint) continue
      this.#sentAddresses.set(text, fingerprint)
      put.push(wire)
    }
    this.#dirtyAddresses.clear()
    return { put, remove }
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
