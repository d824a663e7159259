import { apiAddress } from '#kube/api-address.ts'
import { keyOf } from '#kube/api.ts'
import type { Service } from '#kube/objects/service.ts'

/** The addresses of a Service in canonical text: ClusterIPs, external IPs and those of load balancers, whosever. */
export function addressesOf({ clusterIPs, externalIPs, ingress }: Service): string[] {
  const found: string[] = []
  const add = (text: string) => {
    const address = apiAddress(text, text.includes(':') ? 6 : 4)
    if (address !== undefined && !found.includes(address)) found.push(address)
  }
  for (const ip of clusterIPs) add(ip)
  for (const ip of externalIPs) add(ip)
  for (const { ip } of ingress) if (ip !== undefined) add(ip)
  return found
}

/**
 * Which Services have an address. The Service that alone has one, as nearly all do, stands for itself: with a set or
 * a text for each of its addresses the index would be a tenth of what a controller with many Services keeps.
 */
export class AddressIndex {
  readonly #services = new Map<string, Service | Map<string, Service>>()

  /**
   * A Service has an address, or is another version now.
   * @returns the Service that had it alone until now
   */
  add(address: string, key: string, service: Service): Service | undefined {
    const present = this.#services.get(address)
    if (present instanceof Map) return void present.set(key, service)
    if (present === undefined || keyOf(present) === key) return void this.#services.set(address, service)
    this.#services.set(
      address,
      new Map([
        [keyOf(present), present],
        [key, service],
      ]),
    )
    return present
  }

  /**
   * A Service has an address no longer.
   * @returns the Service that has it alone from now on
   */
  delete(address: string, key: string): Service | undefined {
    const present = this.#services.get(address)
    if (!(present instanceof Map)) {
      if (present !== undefined && keyOf(present) === key) this.#services.delete(address)
      return undefined
    }
    present.delete(key)
    const [rest] = present.values()
    if (present.size > 1) return undefined
    this.#services.set(address, rest)
    return rest
  }

  /** Several Services have it. */
  isShared(address: string): boolean {
    return this.#services.get(address) instanceof Map
  }

  /** The keys of the Services that have it. */
  of(address: string): string[] {
    const present = this.#services.get(address)
    if (present === undefined) return []
    return present instanceof Map ? [...present.keys()] : [keyOf(present)]
  }
}
