import { formatAddress, tryParseAddress, type Family } from '#inet/address.ts'
import { parsePrefix, prefixBounds, prefixContains, type Prefix } from '#inet/prefix.ts'
import { staticBand } from './static-band.ts'

/**
 * The cluster addresses of one family. Which are taken is told by the caller; the pool only knows the range and
 * where it looked last.
 */
export class IpPool {
  readonly family: Family
  readonly cidr: string
  readonly #prefix: Prefix
  readonly #first: bigint
  readonly #last: bigint
  #next: bigint

  /** @throws InetError when the text is not a prefix */
  constructor(cidr: string) {
    this.#prefix = parsePrefix(cidr)
    this.cidr = cidr
    this.family = this.#prefix.address.family
    const { first, last } = prefixBounds(this.#prefix)
    // As the real allocator: neither the network address nor, for IPv4, the broadcast address.
    this.#first = first.value + 1n
    this.#last = this.family === 4 ? last.value - 1n : last.value
    this.#next = this.#first + staticBand(last.value - first.value + 1n, 16n, 256n)
  }

  /** The first address of the range: that of the `kubernetes` Service. */
  get first(): string {
    return formatAddress({ family: this.family, value: this.#first })
  }

  contains(text: string): boolean {
    const address = tryParseAddress(text)
    return address !== undefined && prefixContains(this.#prefix, address)
  }

  /** An address that is not taken, undefined when there is none. */
  pick(taken: (address: string) => boolean): string | undefined {
    const size = this.#last - this.#first + 1n
    let value = this.#next
    // A range larger than this is never walked to its end.
    const steps = size < 1_000_000n ? size : 1_000_000n
    for (let i = 0n; i < steps; i += 1n) {
      const text = formatAddress({ family: this.family, value })
      const after = value === this.#last ? this.#first : value + 1n
      if (!taken(text)) {
        this.#next = after
        return text
      }
      value = after
    }
    return undefined
  }
}
