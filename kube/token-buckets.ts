interface Bucket {
  tokens: number
  /** when `tokens` was right */
  at: number
}

/** A token bucket for each of many names; the least recently used are forgotten beyond a limit. */
export class TokenBuckets {
  readonly #options: { readonly burst: number; readonly refillMs: number; readonly limit: number }
  readonly #buckets = new Map<string, Bucket>()

  /** `burst` tokens at first and at most, one more every `refillMs`; `limit` names are remembered. */
  constructor(options: { readonly burst: number; readonly refillMs: number; readonly limit: number }) {
    this.#options = options
  }

  /** Takes one token of `name` at `now` (epoch ms). @returns false when there is none */
  take(name: string, now: number): boolean {
    const { burst, refillMs, limit } = this.#options
    const present = this.#buckets.get(name) ?? { tokens: burst, at: now }
    const tokens = Math.min(burst, present.tokens + (now - present.at) / refillMs)
    const taken = tokens >= 1
    this.#buckets.delete(name)
    this.#buckets.set(name, { tokens: taken ? tokens - 1 : tokens, at: now })
    if (this.#buckets.size > limit) this.#buckets.delete(this.#buckets.keys().next().value!)
    return taken
  }
}
