/**
 * Who may have what when several want it. The oldest claimant holds a claim (equal ages: the smaller name), the
 * others wait; when it lets go the next one moves up. Cost is in proportion to the claims of the owner that changes.
 */
export interface Claimant {
  readonly owner: string
  /** RFC 3339 creation time of the owner */
  readonly created: string
}

const before = (a: Claimant, b: Claimant): boolean =>
  a.created === b.created ? a.owner < b.owner : a.created < b.created

const NOTHING: readonly string[] = Object.freeze([])

export class Claims {
  readonly #holders = new Map<string, Claimant>()
  /** contested claims only: everybody who waits */
  readonly #waiting = new Map<string, Claimant[]>()
  /** lists and not sets, because most owners claim one thing or two */
  readonly #owned = new Map<string, { claimant: Claimant; claims: readonly string[] }>()

  /** Replaces what an owner claims; returns the other owners that gained or lost something by it. */
  set(claimant: Claimant, claims: ReadonlySet<string>): Set<string> {
    const affected = new Set<string>()
    const known = this.#owned.get(claimant.owner)
    if (known) {
      const sameAge = known.claimant.created === claimant.created
      for (const claim of known.claims)
        if (!sameAge || !claims.has(claim)) this.#release(known.claimant, claim, affected)
    }
    for (const claim of claims) this.#claim(claimant, claim, affected)
    if (claims.size > 0) this.#owned.set(claimant.owner, { claimant, claims: [...claims] })
    else this.#owned.delete(claimant.owner)
    affected.delete(claimant.owner)
    return affected
  }

  /** What an owner claims. */
  of(owner: string): readonly string[] {
    return this.#owned.get(owner)?.claims ?? NOTHING
  }

  /** Does an owner claim exactly this already? */
  has({ owner, created }: Claimant, claims: ReadonlySet<string>): boolean {
    const known = this.#owned.get(owner)
    if (known === undefined) return claims.size === 0
    if (known.claimant.created !== created || known.claims.length !== claims.size) return false
    return known.claims.every((claim) => claims.has(claim))
  }

  /** Who holds a claim; undefined when nobody wants it. */
  holder(claim: string): string | undefined {
    return this.#holders.get(claim)?.owner
  }

  /** Who else wants a claim, in no particular order. */
  waiting(claim: string): string[] {
    return (this.#waiting.get(claim) ?? []).map(({ owner }) => owner)
  }

  #claim(claimant: Claimant, claim: string, affected: Set<string>): void {
    const holder = this.#holders.get(claim)
    if (holder === undefined) return void this.#holders.set(claim, claimant)
    if (holder.owner === claimant.owner) return
    const waiting = this.#waiting.get(claim) ?? []
    if (waiting.some((one) => one.owner === claimant.owner)) return
    this.#waiting.set(claim, waiting)
    if (before(claimant, holder)) {
      this.#holders.set(claim, claimant)
      waiting.push(holder)
      affected.add(holder.owner)
    } else waiting.push(claimant)
  }

  #release(claimant: Claimant, claim: string, affected: Set<string>): void {
    const waiting = this.#waiting.get(claim)
    if (this.#holders.get(claim)?.owner !== claimant.owner) {
      const at = waiting?.findIndex((one) => one.owner === claimant.owner) ?? -1
      if (at >= 0) waiting?.splice(at, 1)
    } else if (waiting === undefined) this.#holders.delete(claim)
    else {
      const next = waiting.reduce((first, one) => (before(one, first) ? one : first))
      waiting.splice(waiting.indexOf(next), 1)
      this.#holders.set(claim, next)
      affected.add(next.owner)
    }
    if (waiting?.length === 0) this.#waiting.delete(claim)
  }
}
