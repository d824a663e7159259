import type { Clock, Timer } from '#kube/clock.ts'

/** A machine outside the cluster claimed an address that is held here. */
export interface ForeignClaim {
  readonly address: string
  readonly mac: string
  readonly interface: string
}

export interface ForeignClaimsOptions {
  readonly clock: Clock
  /** what is to be said of these addresses is something else now */
  readonly onChange: (addresses: readonly string[]) => void
  /** an address is claimed that was not until now: the first claim of a fight */
  readonly onEpisode: (claim: ForeignClaim) => void
}

/** A fight is over when nothing was heard of it for so long; while it lasts it is heard of every 10 s (RFC 5227). */
export const QUIET_MS = 60_000
/** Addresses remembered at the same time: more of them are told in the log only. */
export const CLAIMS_KEPT = 1000

/** Who fights for addresses that this node holds, from the first claim until a while after the last one. */
export class ForeignClaims {
  readonly #options: ForeignClaimsOptions
  /** in the order in which they were last heard */
  readonly #claims = new Map<string, { readonly mac: string; readonly at: number }>()
  #timer: Timer | undefined
  #stopped = false

  constructor(options: ForeignClaimsOptions) {
    this.#options = options
  }

  heard(claim: ForeignClaim): void {
    const { clock, onChange, onEpisode } = this.#options
    const { address, mac } = claim
    const before = this.#claims.get(address)
    if (this.#stopped || (before === undefined && this.#claims.size >= CLAIMS_KEPT)) return
    this.#claims.delete(address)
    this.#claims.set(address, { mac, at: clock.now() })
    if (before === undefined) onEpisode(claim)
    if (before?.mac !== mac) onChange([address])
    this.#forgetLater()
  }

  /** The MAC that was last heard claiming the address, while that is not long ago. */
  claimantOf(address: string): string | undefined {
    return this.#claims.get(address)?.mac
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #forgetLater(): void {
    const { clock, onChange } = this.#options
    const [oldest] = this.#claims.values()
    if (oldest === undefined || this.#timer !== undefined) return
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        const over = [...this.#claims].filter(([, { at }]) => clock.now() - at >= QUIET_MS)
        for (const [address] of over) this.#claims.delete(address)
        if (over.length > 0) onChange(over.map(([address]) => address))
        this.#forgetLater()
      },
      Math.max(1, oldest.at + QUIET_MS - clock.now()),
    )
  }
}
