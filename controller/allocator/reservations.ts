import { formatAddress, sameAddress, type Address, type Family } from '#inet/address.ts'
import { MultiMap } from './multi-map.ts'

/** Addresses that are kept for whoever names the reservation. */
export interface ReservedAddresses {
  /** `namespace/name` */
  readonly key: string
  readonly namespace: string
  /** RFC 3339; of two reservations of one address the older one counts */
  readonly created: string
  /** IPv4 first; [] when the reservation is in error */
  readonly addresses: readonly Address[]
  /** why it is in error, '' when it is not */
  readonly invalid: string
  /** key of the Service that was last known to hold it, '' for none */
  readonly recordedHolder: string
}

/** The reservations, findable by key, address and namespace. */
export class Reservations {
  readonly #byKey = new Map<string, ReservedAddresses>()
  /** who claims an address, oldest first */
  readonly #claims = new Map<string, ReservedAddresses[]>()
  readonly #byNamespace = new MultiMap<string, string>()

  get(key: string): ReservedAddresses | undefined {
    return this.#byKey.get(key)
  }

  inNamespace(namespace: string): ReservedAddresses[] {
    return [...this.#byNamespace.get(namespace)].map((key) => this.#byKey.get(key) as ReservedAddresses)
  }

  /** All reservations of an address, oldest first. */
  claiming(address: Address): readonly ReservedAddresses[] {
    return this.#claims.get(formatAddress(address)) ?? []
  }

  /** Replaces what is known of one. */
  set(key: string, reservation: ReservedAddresses | undefined): void {
    const present = this.#byKey.get(key)
    for (const address of present?.addresses ?? []) {
      const text = formatAddress(address)
      const rest = (this.#claims.get(text) ?? []).filter((one) => one !== present)
      if (rest.length === 0) this.#claims.delete(text)
      else this.#claims.set(text, rest)
    }
    if (present !== undefined) this.#byNamespace.delete(present.namespace, key)
    if (reservation === undefined) return void this.#byKey.delete(key)
    this.#byKey.set(key, reservation)
    this.#byNamespace.add(reservation.namespace, key)
    for (const address of reservation.addresses) {
      const text = formatAddress(address)
      this.#claims.set(text, [...(this.#claims.get(text) ?? []), reservation].sort(byAge))
    }
  }

  /** The addresses that a Service of these families gets from a reservation. */
  of(key: string, families: readonly Family[]): Address[] {
    return (this.#byKey.get(key)?.addresses ?? []).filter(({ family }) => families.includes(family))
  }

  /** Has a Service of these families, with these addresses, what the reservation is for? True without an object. */
  fits(key: string, families: readonly Family[], addresses: readonly Address[]): boolean {
    if (!this.#byKey.has(key)) return true
    const reserved = this.of(key, families)
    return (
      reserved.length > 0 && reserved.every((one) => addresses.some((address) => sameAddress(one, address)))
    )
  }
}

function byAge(a: ReservedAddresses, b: ReservedAddresses): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1
  return a.key < b.key ? -1 : Number(a.key > b.key)
}
