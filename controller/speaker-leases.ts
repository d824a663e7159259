import { LEASE_COMPONENT_LABEL, type Lease } from '#kube/lease.ts'
import type { KubeObject } from '#kube/api.ts'

/** What is kept of a speaker's Lease. */
export interface SpeakerLease {
  readonly node: string
  readonly renewTime: string
}

/** Finds the Leases of speakers among others of the namespace. */
export const SPEAKER_LEASES = `${LEASE_COMPONENT_LABEL}=speaker`

/** The node is '' of a Lease that was given back: its speaker has left on purpose. */
export function projectSpeakerLease(object: KubeObject): SpeakerLease {
  const { spec = {} } = object as Lease
  return { node: spec.holderIdentity ?? '', renewTime: spec.renewTime ?? '' }
}

/** A Lease has run out when others were renewed for this long without it. */
export const RUN_OUT_MS = 40_000
/** The longest gap between two renewals, of whomever, that counts as time in which one could have renewed. */
export const GAP_MS = 15_000
/** So many renewals in a row make a speaker reachable again. */
const PROOF = 2

interface Entry {
  renewTime: string
  /** by the clock of renewals */
  at: number
  /** renewals since it last ran out, or since it was first seen */
  renewals: number
  /** undefined: not known yet */
  reachable: boolean | undefined
}

/**
 * Which speakers reach the API, told from their Leases by a clock of its own: one that goes on only while somebody
 * renews. When nobody does, because the API or this process was away, time stands still for all, so that nobody is
 * found missing for what all were missing.
 */
export class SpeakerLeases {
  readonly #entries = new Map<string, Entry>()
  /** milliseconds during which renewals came */
  #time = 0
  #lastRenewal: number | undefined

  /**
   * A Lease as it was just seen.
   * @param lease undefined: it is gone, or its speaker has given it back
   * @param now epoch milliseconds
   * @returns nodes of which something else is to be said now
   */
  seen(node: string, lease: SpeakerLease | undefined, now: number): string[] {
    if (lease === undefined) {
      this.#entries.delete(node)
      return []
    }
    const { renewTime } = lease
    const entry = this.#entries.get(node)
    if (entry === undefined) {
      this.#entries.set(node, { renewTime, at: this.#time, renewals: 0, reachable: undefined })
      return []
    }
    if (entry.renewTime === renewTime) return []
    entry.renewTime = renewTime
    this.#time += Math.min(GAP_MS, Math.max(0, now - (this.#lastRenewal ?? now)))
    this.#lastRenewal = now
    entry.at = this.#time
    entry.renewals++
    const changed = this.#runOut()
    if (entry.reachable !== true && entry.renewals >= PROOF) {
      entry.reachable = true
      changed.push(node)
    }
    return changed
  }

  /** undefined while that is not known */
  reachable(node: string): boolean | undefined {
    return this.#entries.get(node)?.reachable
  }

  /** Those that have not renewed for too long, and were not found so before. */
  #runOut(): string[] {
    const found: string[] = []
    for (const [node, entry] of this.#entries) {
      if (entry.reachable === false || this.#time - entry.at <= RUN_OUT_MS) continue
      entry.reachable = false
      entry.renewals = 0
      found.push(node)
    }
    return found
  }
}
