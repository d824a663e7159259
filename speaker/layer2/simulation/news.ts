import type { WireSpeaker } from '../../wire/protocol.ts'
import type { Candidate } from '../elect.ts'

/** What a node is told of one address. */
export interface AddressNews {
  readonly address: string
  readonly candidates: readonly Candidate[]
  /** of preference and eligibility: who has the same number has the same view */
  readonly version: number
}

/** What a node's watches bring it at one time. */
export interface News {
  readonly put: readonly AddressNews[]
  readonly remove: readonly string[]
  readonly speakers: readonly WireSpeaker[]
  readonly version: number
}

/** A running speaker's watches. */
export interface Watcher {
  readonly node: string
  /** it runs and is not frozen: its Lease is renewed */
  readonly active: boolean
  news(news: News): void
  readonly isStale: boolean
  /** it has heard nothing of the API for long, or hears it again */
  stale(stale: boolean): void
}
