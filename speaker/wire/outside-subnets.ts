import { tryParseAddress } from '#inet/address.ts'
import { prefixContains, tryParsePrefix } from '#inet/prefix.ts'
import type { WireHolder, WireInterface } from './protocol.ts'

/**
 * Addresses that are announced only where no subnet holds them. That is allowed, but hosts there ask for an address
 * only when they think that it is on their link; so it is said, once for each.
 */
export class OutsideSubnets {
  readonly #said = new Set<string>()

  /** Of the holders that changed, the addresses that were not said yet. */
  find(holders: readonly WireHolder[], interfaces: readonly WireInterface[]): string[] {
    return holders.flatMap((holder) => {
      if (!holder.held) return []
      if (!isOutside(holder, interfaces)) {
        this.#said.delete(holder.address)
        return []
      }
      if (this.#said.has(holder.address)) return []
      this.#said.add(holder.address)
      return [holder.address]
    })
  }

  forget(addresses: readonly string[]): void {
    for (const address of addresses) this.#said.delete(address)
  }
}

function isOutside(holder: WireHolder, interfaces: readonly WireInterface[]): boolean {
  const address = tryParseAddress(holder.address)
  if (address === undefined) return false
  const prefixes = interfaces
    .filter(({ name }) => holder.interfaces.includes(name))
    .flatMap((one) => one.prefixes.flatMap((text) => tryParsePrefix(text) ?? []))
  return !prefixes.some((prefix) => prefixContains(prefix, address))
}
