import {
  compareAddresses,
  formatAddress,
  parseAddress,
  sameAddress,
  type Address,
  type Family,
} from '#inet/address.ts'
import { rangeContains } from '#inet/range.ts'
import type { Pool, Reservation } from '#crds/config.ts'
import { keyOf } from '#kube/api.ts'
import type { Service } from '#kube/objects/service.ts'
import type { AllocationRequest } from './allocator/request.ts'
import { readRequest } from './request.ts'
import { addressesOf, type History } from './test-history.ts'

/** Addresses that reservations kept, and who held them, at some moment. */
export type Moment = ReadonlyMap<string, { readonly addresses: readonly Address[]; readonly holder: string }>

/**
 * What is right, told slowly: from the objects alone, by looking at every address and every Service. Shares nothing
 * with the allocator but the reading of requests.
 */
export class Oracle {
  readonly #history: History
  readonly #requests = new Map<string, AllocationRequest>()

  constructor(history: History) {
    this.#history = history
    for (const [key, service] of history.services) {
      const read = readRequest(service)
      if (service.type === 'LoadBalancer' && 'request' in read) this.#requests.set(key, read.request)
    }
  }

  /** Everything that is wrong, as texts. */
  faults(): string[] {
    return [...this.#unlawful(), ...this.#unshared(), ...this.#unserved(), ...this.#wrongFree()]
  }

  /**
   * What was taken from a reservation since an earlier moment: an address that it kept and that nobody used, or that
   * its holder left behind, is nobody's but theirs who name it, and theirs who share with these.
   */
  taken(before: Moment): string[] {
    return [...before].flatMap(([reservation, { addresses, holder }]) =>
      addresses.flatMap((address) => {
        const keeper = this.#keeper(address)
        if (keeper === undefined || keyOf(keeper) !== reservation) return []
        const users = this.#users(address)
        if (users.some((key) => this.#requests.get(key)?.reservation === reservation)) return []
        const wrong = holder === '' ? users : users.filter((key) => key === holder && this.#isReadable(key))
        return wrong.map((key) => `${key} has ${formatAddress(address)} of reservation ${reservation}`)
      }),
    )
  }

  /** For `taken`: the reservations that keep addresses for nobody else than who holds them. */
  moment(): Moment {
    const moment = new Map<string, { addresses: readonly Address[]; holder: string }>()
    for (const [key, { addresses }] of this.#history.reservations) {
      const holder = this.#holder(key)
      const kept = addresses.filter((address) => {
        const keeper = this.#keeper(address)
        const alone = this.#users(address).every((user) => user === holder)
        return keeper !== undefined && keyOf(keeper) === key && alone
      })
      moment.set(key, { addresses: kept, holder })
    }
    return moment
  }

  #isReadable(key: string): boolean {
    const read = readRequest(this.#history.services.get(key) as Service)
    return 'invalid' in read && read.invalid === ''
  }

  /** Addresses outside every pool, excluded, or of a pool that is not for the Service. */
  #unlawful(): string[] {
    return this.#all().flatMap(([key, service]) => {
      const request = this.#requests.get(key)
      return addressesOf(service).flatMap((address) => {
        const pool = this.#poolOf(address)
        if (request === undefined || pool === undefined)
          return [`${key} has ${formatAddress(address)} of no pool`]
        return this.#isFor(pool, request) ? [] : [`${key} has ${formatAddress(address)} of ${pool.name}`]
      })
    })
  }

  /** Two Services on one address that may not share it. */
  #unshared(): string[] {
    const all = this.#all()
    return all.flatMap(([a, one], index) =>
      all.slice(index + 1).flatMap(([b, other]) => {
        const common = addressesOf(one).filter((address) => has(other, address))
        return common.length === 0 || this.#mayShare(a, b)
          ? []
          : [`${a} and ${b} have ${common.map(formatAddress).join()}`]
      }),
    )
  }

  /** Services that lack an address that they could have. */
  #unserved(): string[] {
    return this.#all().flatMap(([key, service]) => {
      const request = this.#requests.get(key)
      const read = readRequest(service)
      if (request === undefined || ('invalid' in read && read.invalid !== '')) return []
      const lacking =
        addressesOf(service).length === 0 ? this.#couldHave(key, request) : this.#topUp(key, request)
      return lacking === '' ? [] : [`${key} could have ${lacking}`]
    })
  }

  /** Free is what no Service has and no reservation keeps. */
  #wrongFree(): string[] {
    return this.#history.config.pools.flatMap((pool) =>
      ([4, 6] as const).flatMap((family) => {
        const free = this.#addresses(pool, family).filter(
          (address) => this.#users(address).length === 0 && this.#keeper(address) === undefined,
        )
        const found = [...this.#history.session.free(pool.name, family)]
        const texts = (list: readonly Address[]) => [...list].sort(compareAddresses).map(formatAddress).join()
        return texts(free) === texts(found)
          ? []
          : [`free in ${pool.name}: ${texts(free)}, by the allocator: ${texts(found)}`]
      }),
    )
  }

  /** '' when there is nothing for the Service. */
  #couldHave(key: string, request: AllocationRequest): string {
    const reservation = this.#history.reservations.get(request.reservation)
    if (request.reservation !== '' && this.#holder(request.reservation) !== '') return ''
    const wanted = reservation === undefined ? [] : this.#ofFamilies(reservation, request)
    if (reservation !== undefined && wanted.length === 0) return ''
    if (wanted.some((address) => !this.#available(key, address))) return ''
    const { addresses, families, pool } = request
    if (pool !== '' && [...wanted, ...addresses].some((address) => this.#poolOf(address)?.name !== pool))
      return ''
    if (addresses.length > 0) {
      if (wanted.some((one) => !addresses.some((other) => sameAddress(one, other)))) return ''
      const fits =
        families.length === addresses.length && addresses.every((one) => families.includes(one.family))
      return fits && addresses.every((one) => this.#available(key, one))
        ? addresses.map(formatAddress).join()
        : ''
    }
    const missing = families.filter((family) => !wanted.some((one) => one.family === family))
    const choices = missing.map((family) => this.#choices(key, request, family, wanted))
    const served = choices.every((list) => list.length > 0)
    if (wanted.length > 0) return served || request.preferDual ? wanted.map(formatAddress).join() : ''
    if (pool !== '' && families.length > 1 && !served && !request.preferDual) return ''
    if (served || (request.preferDual && choices.some((list) => list.length > 0)))
      return choices.flatMap((list) => list.slice(0, 1).map(formatAddress)).join()
    return ''
  }

  /** Of a Service that prefers two families and has one. */
  #topUp(key: string, request: AllocationRequest): string {
    const service = this.#history.services.get(key) as Service
    const has = addressesOf(service)
    const unmet = this.#history.decisionOf(key)?.reason !== 'Assigned'
    if (!request.preferDual || has.length > 1 || request.addresses.length > 0 || unmet) return ''
    const family = has[0].family === 4 ? 6 : 4
    return this.#choices(key, request, family, has).map(formatAddress).join()
  }

  #choices(key: string, request: AllocationRequest, family: Family, has: readonly Address[]): Address[] {
    const own = has.map((address) => this.#poolOf(address)?.name)
    return this.#history.config.pools
      .filter((pool) =>
        request.pool === '' ? pool.autoAssign || own.includes(pool.name) : pool.name === request.pool,
      )
      .filter((pool) => this.#isFor(pool, request))
      .flatMap((pool) => this.#addresses(pool, family))
      .filter((address) => this.#available(key, address))
  }

  #available(key: string, address: Address): boolean {
    const request = this.#requests.get(key) as AllocationRequest
    const pool = this.#poolOf(address)
    if (pool === undefined || !this.#isFor(pool, request)) return false
    const users = this.#users(address).filter((one) => one !== key)
    if (users.length > 0) return users.every((one) => this.#mayShare(key, one))
    const keeper = this.#keeper(address)
    return keeper === undefined || keyOf(keeper) === request.reservation
  }

  #mayShare(a: string, b: string): boolean {
    const one = this.#requests.get(a)?.claim
    const other = this.#requests.get(b)?.claim
    if (one === undefined || other === undefined || one.sharingKey === '') return false
    return (
      one.sharingKey === other.sharingKey &&
      one.backendKey === other.backendKey &&
      !one.ports.some((port) => other.ports.includes(port))
    )
  }

  /** The reservation that keeps an address: the oldest whose namespace may use the pool. */
  #keeper(address: Address): Reservation | undefined {
    const pool = this.#poolOf(address)
    if (pool === undefined) return undefined
    return [...this.#history.reservations.values()]
      .sort((a, b) => (a.created < b.created ? -1 : 1))
      .find(
        (one) =>
          one.addresses.some((other) => sameAddress(address, other)) &&
          this.#isForNamespace(pool, one.namespace),
      )
  }

  #ofFamilies({ addresses }: Reservation, { families }: AllocationRequest): Address[] {
    return addresses.filter(({ family }) => families.includes(family))
  }

  #holder(reservation: string): string {
    return this.#history.session.reservationState(reservation).holder
  }

  #users(address: Address): string[] {
    return this.#all().flatMap(([key, service]) => (has(service, address) ? [key] : []))
  }

  #all(): [string, Service][] {
    return [...this.#history.services].filter(([, { type }]) => type === 'LoadBalancer')
  }

  #poolOf(address: Address): Pool | undefined {
    return this.#history.config.pools.find((pool) => gives(pool, address))
  }

  #addresses(pool: Pool, family: Family): Address[] {
    const found: Address[] = []
    for (const range of pool.ranges) {
      for (let value = range.first; value <= range.last && range.family === family; value++)
        if (gives(pool, { family, value })) found.push({ family, value })
    }
    return found
  }

  #isFor(pool: Pool, { namespace, labels }: AllocationRequest): boolean {
    const { serviceSelectors = [] } = pool.allocation ?? {}
    const fits = serviceSelectors.some(({ matchLabels }) => labels['team'] === matchLabels?.['team'])
    return this.#isForNamespace(pool, namespace) && (serviceSelectors.length === 0 || fits)
  }

  #isForNamespace(pool: Pool, namespace: string): boolean {
    const { namespaces = [], namespaceSelectors = [] } = pool.allocation ?? {}
    const color = this.#history.colors.get(namespace) ?? 'none'
    return (
      namespaces.length + namespaceSelectors.length === 0 ||
      namespaces.includes(namespace) ||
      namespaceSelectors.some(({ matchLabels }) => matchLabels?.['color'] === color)
    )
  }
}

const has = (service: Service, address: Address): boolean =>
  service.ingress.some(({ ip }) => ip !== undefined && sameAddress(parseAddress(ip), address))

function gives(pool: Pool, address: Address): boolean {
  const inside = pool.ranges.some((range) => rangeContains(range, address))
  const excluded = pool.excludes?.some((range) => rangeContains(range, address)) === true
  const buggy = pool.avoidBuggyIPs && address.family === 4 && /\.(0|255)$/.test(formatAddress(address))
  return inside && !excluded && !buggy
}
