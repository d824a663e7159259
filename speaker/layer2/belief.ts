import type { TakeOverCause } from './errors.ts'
import type { Path } from './peers.ts'

/** Milliseconds for which a node that was found unable to hold an address is not counted on for it. */
const unableFor = 30_000
/** A node that is dead by all other signs and answers for an address counts as its holder for so long. */
export const provenFor = 1000
/** What its holder gives up is there to be taken for so long; later somebody may have it. */
const givenFor = 1000
/** When to ask again after the rightful claim of this node was refused, doubled each time up to the most. */
const firstRetry = 300
const longestRetry = 30_000
/** The same where a machine outside the cluster uses the address. */
const firstForeignRetry = 1000
const longestForeignRetry = 10_000

/**
 * What this node knows of one address from the wire: who holds it and who does not. Knowledge of other nodes' views
 * it has none; what it hears is all that counts.
 */
export interface Belief {
  /** heard last to announce the address or to answer for it; may be this node itself */
  holder: string | undefined
  /** where the holder, if another, was heard */
  path: Path | undefined
  /** the holder counts as being there until then, whatever BFD says */
  provenUntil: number
  /** why nobody is known any more to hold it, and who did; that one has said so itself, which counts until then */
  lost:
    | { readonly cause: TakeOverCause; readonly by: string | undefined; readonly givenUntil: number }
    | undefined
  /** some node of the cluster has held it */
  clusterHeld: boolean
  /** nodes that do not hold it although they should, until when that counts; whether they have said so */
  readonly unable: Map<string, { readonly until: number; readonly said: boolean }>
  /** this node goes first by its own view and gives way to that one, which sees it otherwise */
  deferTo: string | undefined
  deferUntil: number
  deferred: number
  /** a machine outside the cluster that answered, when to ask again, and how often that was in vain */
  foreign: { readonly mac: number; readonly until: number; readonly times: number } | undefined
  /** another node is asking the wire and goes first */
  backOffUntil: number
}

export const freshBelief = (): Belief => ({
  holder: undefined,
  path: undefined,
  provenUntil: Number.NEGATIVE_INFINITY,
  lost: undefined,
  clusterHeld: false,
  unable: new Map(),
  deferTo: undefined,
  deferUntil: Number.NEGATIVE_INFINITY,
  deferred: 0,
  foreign: undefined,
  backOffUntil: Number.NEGATIVE_INFINITY,
})

/** The node was heard to hold the address. Whoever holds it, a claim that was refused is not made again at once. */
export function heardHolder(belief: Belief, node: string, path: Path | undefined): void {
  if (belief.deferTo !== undefined) belief.deferTo = node
  belief.holder = node
  belief.path = path
  belief.lost = undefined
  belief.clusterHeld = true
  belief.foreign = undefined
  belief.unable.delete(node)
}

/** The node does not hold the address, as it has shown or said. */
export function foundUnable(belief: Belief, node: string, now: number, said = false): void {
  belief.unable.set(node, { until: now + unableFor, said })
  if (belief.deferTo === node) forgetDeference(belief)
}

/** Nobody is known to hold it any more. @param given its holder has said so, now */
export function forgetHolder(belief: Belief, cause: TakeOverCause, given: boolean, now: number): void {
  belief.lost = { cause, by: belief.holder, givenUntil: given ? now + givenFor : Number.NEGATIVE_INFINITY }
  belief.holder = undefined
  belief.path = undefined
  belief.provenUntil = Number.NEGATIVE_INFINITY
}

export const isUnable = (belief: Belief, node: string, now: number): boolean =>
  (belief.unable.get(node)?.until ?? Number.NEGATIVE_INFINITY) > now

/** It has said that it does not hold the address, or not for long. */
export const hasGivenUp = (belief: Belief, node: string, now: number): boolean =>
  isUnable(belief, node, now) && belief.unable.get(node)?.said === true

/** A machine outside the cluster has answered: the address is asked for again later, and later each time. */
export function foundForeign(belief: Belief, mac: number, now: number): void {
  const times = belief.foreign?.mac === mac ? belief.foreign.times + 1 : 0
  belief.foreign = { mac, until: now + Math.min(longestForeignRetry, firstForeignRetry * 2 ** times), times }
}

/** This node holds the address. */
export function tookIt(belief: Belief, self: string): void {
  heardHolder(belief, self, undefined)
  forgetDeference(belief)
}

/** Gives way to a node that this one outranks by its own view, for longer each time. */
export function defer(belief: Belief, node: string, now: number): void {
  belief.deferTo = node
  belief.deferUntil = now + Math.min(longestRetry, firstRetry * 2 ** belief.deferred)
  belief.deferred++
}

export function forgetDeference(belief: Belief): void {
  belief.deferTo = undefined
  belief.deferred = 0
}

/** What this node is told about the address has changed: what it concluded from the old view counts no more. */
export function inputsChanged(belief: Belief): void {
  forgetDeference(belief)
  belief.unable.clear()
  belief.backOffUntil = Number.NEGATIVE_INFINITY
}
