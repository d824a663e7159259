import { Deadlines } from './deadlines.ts'

/** DEFEND_INTERVAL of RFC 5227 1.1: an address is defended, and its conflict told, at most once in this time. */
export const defendInterval = 10_000

/**
 * How long a claim is kept back. A node that has just joined the cluster announces a moment before others have
 * heard of its hardware address: no conflict, and a defence would pull caches back.
 */
export const confirmDelay = 250

/** An address that is held here, used by a machine that is no node of the cluster. */
export interface ForeignClaim {
  readonly address: string
  /** who else uses it */
  readonly mac: string
  readonly interfaceIndex: number
  /** when it was first heard */
  readonly at: number
  /** how often it was heard until it was confirmed */
  readonly count: number
}

interface State {
  pending: ForeignClaim | undefined
  reported: number
}

/** Claims of others to addresses that this node holds. Bounded by the number of held addresses. */
export class Conflicts {
  readonly #states = new Map<string, State>()
  readonly #deadlines = new Deadlines<string>()

  /** Somebody else was heard using the address. */
  heard(address: string, mac: string, interfaceIndex: number, now: number): void {
    let state = this.#states.get(address)
    if (state === undefined) {
      state = { pending: undefined, reported: Number.NEGATIVE_INFINITY }
      this.#states.set(address, state)
    }
    if (state.pending !== undefined) {
      state.pending = { ...state.pending, count: state.pending.count + 1 }
      return
    }
    if (now < state.reported + defendInterval) return
    state.pending = { address, mac, interfaceIndex, at: now, count: 1 }
    this.#deadlines.set(address, now + confirmDelay)
  }

  /** The hardware address whose claim is kept back. */
  pending(address: string): string | undefined {
    return this.#states.get(address)?.pending?.mac
  }

  /** This node no longer holds the address: what was heard was its new holder. */
  forget(address: string): void {
    this.#states.delete(address)
    this.#deadlines.delete(address)
  }

  /** The claims that have stood: each is to be told and answered with one announcement. */
  step(now: number): { readonly confirmed: readonly ForeignClaim[]; readonly deadline: number | undefined } {
    const confirmed: ForeignClaim[] = []
    for (;;) {
      const address = this.#deadlines.due(now)
      if (address === undefined) return { confirmed, deadline: this.#deadlines.next() }
      this.#deadlines.delete(address)
      const state = this.#states.get(address) as State
      confirmed.push(state.pending as ForeignClaim)
      state.pending = undefined
      state.reported = now
    }
  }
}
