import { formatAddress, type Address, type Family } from '#inet/address.ts'
import type { Opening } from './changes.ts'
import { MultiMap } from './multi-map.ts'
import type { Register } from './register.ts'
import type { Claim } from './request.ts'
import { groupOf } from './shared-positions.ts'

/** What a Service that was refused, or lacks a family, waits for; any of it will do. */
export interface Wish {
  readonly free: readonly { readonly pool: string; readonly family: Family }[]
  /** addresses that it wants by name */
  readonly addresses: readonly Address[]
  readonly claim: Claim
  readonly reservation: string
}

interface Waiting {
  readonly lines: readonly string[]
  readonly claim: Claim
  readonly age: string
}

interface Offer {
  readonly keys: Iterator<string>
  /** is there still something to give? One answer suffices. */
  readonly open: readonly (() => boolean)[]
}

/**
 * Who waits for what. What anybody may take is offered to one Service after the other for as long as it is there, so
 * that one freed address wakes one Service and not all that wait. What is wanted by name is told to all who want it:
 * they are few, and each is told who has it.
 */
export class WaitingList {
  readonly #register: Register
  readonly #waiting = new Map<string, Waiting>()
  /** those who wait for one thing, longest first */
  readonly #lines = new MultiMap<string, string>()
  /** the lines for a share of an address, by group: one for each set of ports */
  readonly #shares = new Map<string, Map<string, Claim>>()
  readonly #offers = new Map<string, Offer>()

  constructor(register: Register) {
    this.#register = register
  }

  /** @param age orders those that may be served at the same time, oldest first */
  set(key: string, wish: Wish, age: string): void {
    const { claim } = wish
    const lines = linesOf(wish)
    // Who waits on for the same keeps its place.
    if (this.#waiting.get(key)?.lines.join('\n') === lines.join('\n')) return
    this.delete(key)
    if (lines.length === 0) return
    this.#waiting.set(key, { lines, claim, age })
    for (const line of lines) this.#lines.add(line, key)
    if (!lines.includes(shareLine(claim))) return
    const shares = this.#shares.get(groupOf(claim)) ?? new Map<string, Claim>()
    this.#shares.set(groupOf(claim), shares.set(shareLine(claim), claim))
  }

  delete(key: string): void {
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) return
    this.#waiting.delete(key)
    for (const line of waiting.lines) this.#lines.delete(line, key)
    const { claim } = waiting
    if (this.#lines.count(shareLine(claim)) > 0) return
    const shares = this.#shares.get(groupOf(claim))
    shares?.delete(shareLine(claim))
    if (shares?.size === 0) this.#shares.delete(groupOf(claim))
  }

  offer(opening: Opening): void {
    const register = this.#register
    if (opening.kind === 'free') {
      const { pool, family } = opening
      return this.#offer(freeLine(pool, family), () => register.hasFree(pool, family))
    }
    if (opening.kind === 'reservation') return this.#offer(reservationLine(opening.reservation), always)
    const { address } = opening
    this.#offer(addressLine(address), always)
    const used = register.claimOn(address)
    if (used === undefined || used.sharingKey === '') return
    for (const [line, claim] of this.#shares.get(groupOf(used)) ?? [])
      this.#offer(line, () => register.isOpen(address, claim))
  }

  /** The next Services to look at again, oldest first: after each of them has been, ask again. */
  take(): string[] {
    const next = new Map<string, string>()
    for (const [line, { keys, open }] of this.#offers) {
      const { value, done } = open.some((one) => one()) ? keys.next() : { value: '', done: true }
      if (done === true) this.#offers.delete(line)
      else next.set(value, this.#waiting.get(value)?.age ?? '')
    }
    return keysByAge(next)
  }

  #offer(line: string, open: () => boolean): void {
    if (this.#lines.count(line) === 0) return
    const inLine = this.#lines.get(line)
    const ages = () => new Map([...inLine].map((key) => [key, this.#waiting.get(key)?.age ?? '']))
    // The oldest Service has the first claim to a reservation, however long the others wait.
    const keys = line.startsWith(RESERVATION) ? keysByAge(ages()).values() : inLine.values()
    const before = this.#offers.get(line)?.open ?? []
    this.#offers.set(line, { keys, open: [...before.filter((one) => one !== always && one()), open] })
  }
}

const always = (): boolean => true

const keysByAge = (ages: ReadonlyMap<string, string>): string[] =>
  [...ages].sort(([, a], [, b]) => (a < b ? -1 : Number(a > b))).map(([key]) => key)

const RESERVATION = 'reservation '
const reservationLine = (reservation: string): string => RESERVATION + reservation
const freeLine = (pool: string, family: Family): string => `free ${pool}/${family}`
const addressLine = (address: Address): string => `address ${formatAddress(address)}`
const shareLine = (claim: Claim): string => `share ${groupOf(claim)} ${JSON.stringify(claim.ports)}`

/** The lines in which a Service stands. */
function linesOf({ free, addresses, claim, reservation }: Wish): string[] {
  return [
    ...free.map(({ pool, family }) => freeLine(pool, family)),
    ...addresses.map(addressLine),
    ...(claim.sharingKey !== '' && free.length > 0 ? [shareLine(claim)] : []),
    ...(reservation === '' ? [] : [reservationLine(reservation)]),
  ]
}
