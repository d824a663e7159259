import type { Address, Family } from '#inet/address.ts'

/** Something that a Service which was refused may get now, or of which it should be told something else. */
export type Opening =
  /** a family of a pool that had no free address has one */
  | { readonly kind: 'free'; readonly pool: string; readonly family: Family }
  /** an address has other users, or is kept for another */
  | { readonly kind: 'address'; readonly address: Address }
  /** an AddressReservation changed, or somebody else holds it */
  | { readonly kind: 'reservation'; readonly reservation: string }

/** What happened since it was last asked for. */
export class Changes {
  readonly #pools = new Set<string>()
  readonly #reservations = new Set<string>()
  #openings: Opening[] = []

  touchPool(name: string): void {
    if (name !== '') this.#pools.add(name)
  }

  touchReservation(key: string): void {
    this.#reservations.add(key)
  }

  open(opening: Opening): void {
    this.#openings.push(opening)
  }

  /** Pools whose counts may be others. */
  takePools(): string[] {
    return takeAll(this.#pools)
  }

  /** AddressReservations whose holder or state may be another. */
  takeReservations(): string[] {
    return takeAll(this.#reservations)
  }

  takeOpenings(): Opening[] {
    const openings = this.#openings
    this.#openings = []
    return openings
  }
}

function takeAll(set: Set<string>): string[] {
  const all = [...set]
  set.clear()
  return all
}
