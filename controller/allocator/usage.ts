import { formatAddress, type Address, type Family } from '#inet/address.ts'
import type { Claim } from './request.ts'

/** An address in use and by whom. */
export interface Usage {
  readonly address: Address
  /** how many Services use it, at least one; when there are several they have the same sharing and backend key */
  readonly count: number
  holds(key: string): boolean
  /** the Services that use it, in the order in which they came */
  holders(): Iterable<string>
  /** how a Service other than this one uses it, undefined when there is none */
  claimBeside(key: string): Claim | undefined
  /** who uses a port of it */
  userOf(port: string): string | undefined
}

const NAMED = 5

/**
 * Why a Service may not use an address that is in use, undefined when it may. Sharing needs the same key, the same
 * backends and no common port; a sole holder may change all of them.
 */
export function shareRefusal(key: string, claim: Claim, usage: Usage): string | undefined {
  const other = usage.claimBeside(key)
  if (other === undefined) return undefined
  const sameKey = claim.sharingKey !== '' && other.sharingKey === claim.sharingKey
  if (!sameKey || other.backendKey !== claim.backendKey) {
    const by = holdersText(key, usage)
    const why = sameKey ? ': with externalTrafficPolicy Local, all have to have it and the same selector' : ''
    return `can't change sharing key for ${JSON.stringify(key)}, address also in use by ${by}${why}`
  }
  const taken = claim.ports.find((port) => (usage.userOf(port) ?? key) !== key)
  return taken === undefined
    ? undefined
    : `port ${taken} is already in use on ${JSON.stringify(formatAddress(usage.address))} by ${usage.userOf(taken)}`
}

/** The other holders of an address, `a,b`; not all of them when they are many. */
export function holdersText(key: string, usage: Usage): string {
  const named: string[] = []
  for (const holder of usage.holders()) {
    if (holder !== key) named.push(holder)
    if (named.length > NAMED) break
  }
  const others = usage.count - Number(usage.holds(key))
  return others > NAMED ? `${named.slice(0, NAMED).join()} and ${others - NAMED} more` : named.join()
}

/** Of several Services that share an address. */
interface Shared {
  readonly holders: Map<string, Claim>
  readonly ports: Map<string, string>
}

/** Nearly all addresses have one user, for whom two maps would be most of what a Service costs in memory. */
class AddressUsage implements Usage {
  readonly address: Address
  /** the only user, '' for none or for several */
  #key = ''
  #claim: Claim | undefined
  #shared: Shared | undefined

  constructor(address: Address) {
    this.address = address
  }

  get count(): number {
    return this.#shared?.holders.size ?? Number(this.#claim !== undefined)
  }

  holds(key: string): boolean {
    return this.#shared?.holders.has(key) ?? (this.#claim !== undefined && this.#key === key)
  }

  holders(): Iterable<string> {
    return this.#shared?.holders.keys() ?? (this.#claim === undefined ? [] : [this.#key])
  }

  claimBeside(key: string): Claim | undefined {
    if (this.#shared === undefined) return this.#key === key ? undefined : this.#claim
    for (const [holder, claim] of this.#shared.holders) if (holder !== key) return claim
    return undefined
  }

  userOf(port: string): string | undefined {
    if (this.#shared !== undefined) return this.#shared.ports.get(port)
    return this.#claim?.ports.includes(port) === true ? this.#key : undefined
  }

  set(key: string, claim: Claim): void {
    if (this.#shared !== undefined) return join(this.#shared, key, claim)
    if (this.#claim === undefined || this.#key === key) {
      this.#key = key
      this.#claim = claim
      return
    }
    this.#shared = { holders: new Map(), ports: new Map() }
    join(this.#shared, this.#key, this.#claim)
    join(this.#shared, key, claim)
  }

  /** @returns whether the Service used it */
  delete(key: string): boolean {
    if (!this.holds(key)) return false
    if (this.#shared === undefined) {
      this.#key = ''
      this.#claim = undefined
      return true
    }
    const { holders, ports } = this.#shared
    for (const port of holders.get(key)?.ports ?? []) if (ports.get(port) === key) ports.delete(port)
    holders.delete(key)
    const [rest] = holders
    if (holders.size > 1 || rest === undefined) return true
    this.#shared = undefined
    ;[this.#key, this.#claim] = rest
    return true
  }
}

function join({ holders, ports }: Shared, key: string, claim: Claim): void {
  holders.set(key, claim)
  for (const port of claim.ports) ports.set(port, key)
}

/** How many addresses that nobody uses any more are remembered: the lowest free one is used again and again. */
const SPARE = 1024

/** The addresses in use. */
export class Usages {
  /** by value, which an address has anyway: texts would be kept for this alone */
  readonly #byValue: Record<Family, Map<bigint, AddressUsage>> = { 4: new Map(), 6: new Map() }
  /** those of them without a holder */
  readonly #spare = new Set<AddressUsage>()

  get({ family, value }: Address): Usage | undefined {
    const usage = this.#byValue[family].get(value)
    return usage === undefined || usage.count === 0 ? undefined : usage
  }

  add(key: string, address: Address, claim: Claim): void {
    const { family, value } = address
    const usage = this.#byValue[family].get(value) ?? new AddressUsage(address)
    if (usage.count === 0 && !this.#spare.delete(usage)) this.#byValue[family].set(value, usage)
    usage.set(key, claim)
  }

  /** @returns true when nobody uses the address any more */
  delete(key: string, { family, value }: Address): boolean {
    const usage = this.#byValue[family].get(value)
    if (usage === undefined) return true
    const held = usage.delete(key)
    if (usage.count > 0) return false
    if (held) this.#spare.add(usage)
    if (this.#spare.size > SPARE) this.#forget()
    return true
  }

  #forget(): void {
    for (const { address } of this.#spare) this.#byValue[address.family].delete(address.value)
    this.#spare.clear()
  }
}
