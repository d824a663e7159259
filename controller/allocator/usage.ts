import type { Address } from '#inet/address.ts'
import { formatAddress } from '#inet/address.ts'
import type { Claim } from './request.ts'

/** An address in use and by whom. */
export interface Usage {
  readonly address: Address
  /** by Service key; never empty */
  readonly holders: Map<string, Claim>
}

/**
 * Why a Service may not use an address that is in use, undefined when it may. Sharing needs the same key, the same
 * backends and no common port; a sole holder may change all of them.
 */
export function shareRefusal(key: string, claim: Claim, usage: Usage): string | undefined {
  const others = [...usage.holders].filter(([holder]) => holder !== key)
  const address = formatAddress(usage.address)
  const fits = others.every(
    ([, other]) =>
      claim.sharingKey !== '' &&
      other.sharingKey === claim.sharingKey &&
      other.backendKey === claim.backendKey,
  )
  if (!fits) {
    const holders = others.map(([holder]) => holder).join(',')
    return `can't change sharing key for ${JSON.stringify(key)}, address also in use by ${holders}`
  }
  for (const [, other] of others) {
    const port = claim.ports.find((one) => other.ports.includes(one))
    if (port !== undefined) return `port ${port} is already in use on ${JSON.stringify(address)}`
  }
  return undefined
}

/** The addresses in use, findable by address and by sharing key. */
export class Usages {
  readonly #byAddress = new Map<string, Usage>()
  readonly #bySharingKey = new Map<string, Set<Usage>>()

  get(address: Address): Usage | undefined {
    return this.#byAddress.get(formatAddress(address))
  }

  /** @returns true when the address was free before */
  add(key: string, address: Address, claim: Claim): boolean {
    const text = formatAddress(address)
    const present = this.#byAddress.get(text)
    const usage = present ?? { address, holders: new Map() }
    this.#byAddress.set(text, usage)
    usage.holders.set(key, claim)
    if (claim.sharingKey !== '') {
      const shared = this.#bySharingKey.get(claim.sharingKey) ?? new Set()
      this.#bySharingKey.set(claim.sharingKey, shared.add(usage))
    }
    return present === undefined
  }

  /** @returns true when the address is free now */
  delete(key: string, address: Address): boolean {
    const text = formatAddress(address)
    const usage = this.#byAddress.get(text)
    const claim = usage?.holders.get(key)
    if (usage === undefined || claim === undefined) return false
    usage.holders.delete(key)
    const { sharingKey } = claim
    if (![...usage.holders.values()].some((other) => other.sharingKey === sharingKey)) {
      const shared = this.#bySharingKey.get(sharingKey)
      shared?.delete(usage)
      if (shared?.size === 0) this.#bySharingKey.delete(sharingKey)
    }
    if (usage.holders.size > 0) return false
    this.#byAddress.delete(text)
    return true
  }

  /** The addresses in use with this sharing key. */
  sharedBy(sharingKey: string): Iterable<Usage> {
    return (sharingKey !== '' && this.#bySharingKey.get(sharingKey)) || []
  }
}
