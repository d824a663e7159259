import { apiAddress } from '#kube/api-address.ts'
import { keyOf } from '#kube/api.ts'
import { Claims } from '#kube/claims.ts'
import type { Condition, Service } from '#kube/objects/service.ts'
import { addressesOf, AddressIndex } from './address-index.ts'

/** With any value: another proxy serves it, or nobody does; such a Service claims nothing. */
const EXCLUDING_LABELS = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']

/**
 * The addresses, protocols and ports that a Service claims, such as `192.0.2.1:80/tcp`: ClusterIPs (an external IP of
 * another Service may be one of them), external IPs and load balancer addresses that proxies forward. NodePorts are
 * unique already. The families are those for which it has a ClusterIP.
 *
 * @param wanted of which addresses; of all when absent
 */
export function frontendsOf(service: Service, wanted?: (address: string) => boolean): Set<string> {
  const found = new Set<string>()
  if (EXCLUDING_LABELS.some((label) => label in service.labels) || service.type === 'ExternalName')
    return found
  const clusterIPs = canonical(service.clusterIPs)
  const families = new Set(clusterIPs.map(({ family }) => family))
  const virtual = service.ingress.flatMap(({ ip, ipMode }) =>
    ip !== undefined && (ipMode ?? 'VIP') === 'VIP' ? [ip] : [],
  )
  const external = canonical([...service.externalIPs, ...(service.type === 'LoadBalancer' ? virtual : [])])
  for (const { family, text } of [...clusterIPs, ...external]) {
    if (!families.has(family) || wanted?.(text) === false) continue
    const host = family === 4 ? text : `[${text}]`
    for (const { protocol, port } of service.ports) found.add(`${host}:${port}/${protocol.toLowerCase()}`)
  }
  return found
}

const canonical = (texts: readonly string[]) =>
  texts.flatMap((text) => {
    const family = text.includes(':') ? 6 : 4
    const address = apiAddress(text, family)
    return address === undefined ? [] : [{ family, text: address }]
  })

const none: ReadonlySet<string> = new Set()

/** A frontend that an older Service has. */
export interface TakenFrontend {
  readonly frontend: string
  readonly holder: string
}

/**
 * Which Services claim a frontend that an older one has; the speakers' forwarding decides in the same way. A change
 * costs what that Service claims, however many there are. Only Services that have an address in common are compared.
 */
export class FrontendIndex {
  /** all Services by their addresses; for others to read */
  readonly addresses = new AddressIndex()
  /** of frontends whose address several Services have */
  readonly #claims = new Claims()
  /** Services without all of their frontends */
  readonly #losers = new Set<string>()

  /**
   * @param previous what was given for it last
   * @param service undefined when it is gone
   * @returns the Services for which `taken` may answer differently now
   */
  set(key: string, previous: Service | undefined, service: Service | undefined): ReadonlySet<string> {
    const now = service === undefined ? [] : addressesOf(service)
    if (service !== undefined)
      for (const address of now) this.#compare(this.addresses.add(address, key, service))
    const affected = this.#claim(key, service)
    for (const address of previous === undefined ? [] : addressesOf(previous)) {
      if (!now.includes(address)) this.#compare(this.addresses.delete(address, key))
    }
    return affected
  }

  /** A Service got company on one of its addresses, or lost it. Nobody has another frontend by this. */
  #compare(service: Service | undefined): void {
    if (service === undefined) return
    const claimant = { owner: keyOf(service), created: service.creationTimestamp }
    this.#claims.set(claimant, this.#contested(service))
  }

  #contested(service: Service): Set<string> {
    return frontendsOf(service, (address) => this.addresses.isShared(address))
  }

  #claim(key: string, service: Service | undefined): ReadonlySet<string> {
    const frontends = service === undefined ? none : this.#contested(service)
    const claimant = { owner: key, created: service?.creationTimestamp ?? '' }
    if (this.#claims.has(claimant, frontends)) return none
    const previous = this.#claims.of(key)
    const holders = [...new Set([...previous, ...frontends])].map(
      (one) => [one, this.#claims.holder(one)] as const,
    )
    const text = this.#text(key)
    this.#claims.set(claimant, frontends)
    const affected = new Set<string>()
    for (const [frontend, before] of holders) {
      const now = this.#claims.holder(frontend)
      if (now === before) continue
      // Those who wait tell the name of the one they wait for.
      for (const one of [before, now, ...this.#claims.waiting(frontend)])
        if (one !== undefined) affected.add(one)
    }
    if (this.#text(key) === text) affected.delete(key)
    else affected.add(key)
    for (const one of affected) {
      if (this.taken(one).length > 0) this.#losers.add(one)
      else this.#losers.delete(one)
    }
    return affected
  }

  /** The frontends that a Service claims and that an older one has. */
  taken(key: string): TakenFrontend[] {
    return this.#claims.of(key).flatMap((frontend) => {
      const holder = this.#claims.holder(frontend)
      return holder === undefined || holder === key ? [] : [{ frontend, holder }]
    })
  }

  /** Services that lack a frontend. */
  losers(): ReadonlySet<string> {
    return this.#losers
  }

  #text(key: string): string {
    return this.taken(key)
      .map(({ frontend, holder }) => `${frontend} ${holder}`)
      .join()
  }
}

export const FRONTENDS_CLAIMED = 'fairlead.io/FrontendsClaimed'
const NAMED = 5

/** The words of the condition FrontendsClaimed; undefined where there is no conflict and no condition is needed. */
export function claimedCondition(
  taken: readonly TakenFrontend[],
): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  if (taken.length === 0) return undefined
  const named = taken
    .slice(0, NAMED)
    .map(({ frontend, holder }) => `${frontend} belongs to the older Service ${holder}`)
  const more = taken.length > NAMED ? [`and ${taken.length - NAMED} more`] : []
  return { status: 'False', reason: 'TakenByOlderService', message: [...named, ...more].join('; ') }
}

/** Has a condition that must be looked after, also when there is no conflict any more. */
export const saysClaimed = (service: Service): boolean =>
  service.conditions.some(({ type }) => type === FRONTENDS_CLAIMED)
