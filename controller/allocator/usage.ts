import { formatAddress, type Address } from '#inet/address.ts'
import type { Claim } from './request.ts'

/** An address in use and by whom. */
export interface Usage {
  readonly address: Address
  /** by Service key; never empty. When there are several they have the same sharing key and backend key. */
  readonly holders: ReadonlyMap<string, Claim>
  /** who uses a port of it */
  readonly ports: ReadonlyMap<string, string>
}

const NAMED = 5

/**
 * Why a Service may not use an address that is in use, undefined when it may. Sharing needs the same key, the same
 * backends and no common port; a sole holder may change all of them.
 */
export function shareRefusal(key: string, claim: Claim, usage: Usage): string | undefined {
  const other = otherClaim(key, usage)
  if (other === undefined) return undefined
  const fits =
    claim.sharingKey !== '' && other.sharingKey === claim.sharingKey && other.backendKey === claim.backendKey
  if (!fits) {
    const by = holdersText(key, usage)
    return `can't change sharing key for ${JSON.stringify(key)}, address also in use by ${by}`
  }
  const taken = claim.ports.find((port) => (usage.ports.get(port) ?? key) !== key)
  return taken === undefined
    ? undefined
    : `port ${taken} is already in use on ${JSON.stringify(formatAddress(usage.address))} by ${usage.ports.get(taken)}`
}

function otherClaim(key: string, { holders }: Usage): Claim | undefined {
  for (const [holder, claim] of holders) if (holder !== key) return claim
  return undefined
}

/** The other holders of an address, `a,b`; not all of them when they are many. */
export function holdersText(key: string, { holders }: Usage): string {
  const named: string[] = []
  for (const holder of holders.keys()) {
    if (holder !== key) named.push(holder)
    if (named.length > NAMED) break
  }
  const others = holders.size - Number(holders.has(key))
  return others > NAMED ? `${named.slice(0, NAMED).join()} and ${others - NAMED} more` : named.join()
}

interface MutableUsage extends Usage {
  readonly holders: Map<string, Claim>
  readonly ports: Map<string, string>
}

/** How many addresses that nobody uses any more are remembered: the lowest free one is used again and again. */
const SPARE = 1024

/** The addresses in use. */
export class Usages {
  readonly #byAddress = new Map<string, MutableUsage>()
  /** those of them without a holder */
  readonly #spare = new Set<string>()

  get(address: Address): Usage | undefined {
    const usage = this.#byAddress.get(formatAddress(address))
    return usage === undefined || usage.holders.size === 0 ? undefined : usage
  }

  add(key: string, address: Address, claim: Claim): void {
    const text = formatAddress(address)
    const usage = this.#byAddress.get(text) ?? { address, holders: new Map(), ports: new Map() }
    if (usage.holders.size === 0 && !this.#spare.delete(text)) this.#byAddress.set(text, usage)
    usage.holders.set(key, claim)
    for (const port of claim.ports) usage.ports.set(port, key)
  }

  /** @returns true when nobody uses the address any more */
  delete(key: string, address: Address): boolean {
    const text = formatAddress(address)
    const usage = this.#byAddress.get(text)
    if (usage === undefined) return true
    for (const port of usage.holders.get(key)?.ports ?? [])
      if (usage.ports.get(port) === key) usage.ports.delete(port)
    const held = usage.holders.delete(key)
    if (usage.holders.size > 0) return false
    if (held) this.#spare.add(text)
    if (this.#spare.size > SPARE) this.#forget()
    return true
  }

  #forget(): void {
    for (const text of this.#spare) this.#byAddress.delete(text)
    this.#spare.clear()
  }
}
