import type { WireAddress } from '../wire/protocol.ts'
import { isUnable, type Belief } from './belief.ts'
import { electAmong, type Candidate } from './elect.ts'
import type { SilenceReason, TakeOverCause } from './errors.ts'
import type { Peers } from './peers.ts'

/** All that bears on one address, in this node's eyes. */
export interface Situation {
  /** the name of this node */
  readonly self: string
  readonly wanted: WireAddress
  /** the candidates in the order of their hashes */
  readonly ordered: readonly Candidate[]
  readonly belief: Belief
  readonly peers: Peers
  readonly valid: boolean
  /** there is an interface to answer on */
  readonly reachable: boolean
  readonly stopping: boolean
  /** it has just begun to run again, and what it hears may be old */
  readonly dazed: boolean
  /** so many addresses wait to be asked for that it would take long */
  readonly crowded: boolean
  /** until then this node has not known the others for long enough to tell who is there */
  readonly newUntil: number
}

/** What follows for this node: may it hold the address, should it, and from whom would it take it. */
export interface Standing {
  /** it may hold the address as far as the configuration goes, and has an interface for it */
  readonly able: boolean
  /** there is an interface to answer on */
  readonly reachable: boolean
  readonly served: boolean
  /** who is to hold it */
  readonly elected: string | undefined
  /** that is this node */
  readonly mine: boolean
  /** who would be elected without this node */
  readonly successor: string | undefined
  /** this node would be elected if the known holder were gone */
  readonly next: boolean
  /** the known holder, if it is another node and counts as being there */
  readonly holder: string | undefined
  /** other nodes may hold the address, so that one of them may have taken it unseen */
  readonly rivals: boolean
  /** why this node would take it */
  readonly cause: TakeOverCause
  /** the holder has given it up, or does not count: it is taken without asking the wire first */
  readonly atOnce: boolean
  /** when there is nothing to do although the address is this node's; until when */
  readonly wait: { readonly reason: SilenceReason; readonly until: number } | undefined
  /** why this node is silent if it does not even try */
  readonly reason: SilenceReason
}

/** Order: who may hold it and is there, then as `elect`, then whom this node gives way to. */
export function standing(situation: Situation, now: number): Standing {
  const { self, wanted, ordered, belief, peers, valid, reachable, stopping } = situation
  const own = wanted.candidates.find(({ node }) => node === self)
  const able = valid && reachable && !stopping && own?.eligible === true
  const proven = belief.provenUntil > now ? belief.holder : undefined
  const may = ({ node, eligible }: Candidate): boolean => {
    if (node === self) return able
    // What this node has taken from it does not go back to it, preferred or not, before it is heard.
    if (belief.holder === self && peers.isPresumedDead(node)) return false
    return eligible && !isUnable(belief, node, now) && (node === proven || peers.presence(node) === 'up')
  }
  const { holder } = belief
  let elected = electAmong(ordered, may, holder)
  const giveWay = elected === self ? deference(situation, now) : undefined
  if (giveWay !== undefined) elected = giveWay
  const otherThan = (gone: string | undefined) => (one: Candidate) => one.node !== gone && may(one)
  const known =
    holder !== undefined && holder !== self && (holder === proven || peers.presence(holder) === 'up')
      ? holder
      : undefined
  const next = electAmong(ordered, otherThan(holder)) === self
  const gone = known !== undefined && peers.isPresumedDead(known)
  const mine = elected === self || (gone && next && wanted.served)
  return {
    able,
    reachable,
    served: wanted.served,
    elected,
    mine,
    successor: electAmong(ordered, (one) => otherThan(self)(one) && !peers.isPresumedDead(one.node)),
    next: mine || next,
    holder: known,
    rivals: wanted.candidates.some(({ node }) => node !== self),
    ...takeOver(situation, own, proven !== undefined, now),
    wait: waiting(belief, now) ?? meeting(situation, now),
    reason: silence(situation, own, elected),
  }
}

/** Whom this node gives way to although it is elected by its own view. */
function deference({ belief, peers }: Situation, now: number): string | undefined {
  const { deferTo, deferUntil, holder, provenUntil } = belief
  if (deferTo === undefined || deferUntil <= now) return undefined
  const there = peers.presence(deferTo) === 'up' || (holder === deferTo && provenUntil > now)
  return there ? deferTo : undefined
}

/** Times that a stale holder may refuse before it is not asked any more. */
const staleRefusals = 3

/** Why this node would take the address, and whether without asking first. */
function takeOver(
  { self, belief, peers, wanted, dazed, crowded }: Situation,
  own: Candidate | undefined,
  proven: boolean,
  now: number,
): { readonly cause: TakeOverCause; readonly atOnce: boolean } {
  const { holder, lost, deferred } = belief
  // Refused before, it asks, as its view is not shared.
  const unrefused = deferred === 0 && !dazed
  if (holder === undefined) {
    // At a start with thousands of addresses that are meant for this node alone there is nobody to ask.
    const alone = crowded && lost === undefined && wanted.candidates.every(({ node }) => node === self)
    return {
      cause: lost?.cause ?? 'first',
      atOnce: alone || (lost !== undefined && lost.givenUntil > now && unrefused),
    }
  }
  if (holder === self) return { cause: lost?.cause ?? 'healing', atOnce: false }
  const presence = proven ? 'up' : peers.presence(holder)
  // It was heard to hold the address after it had said that it leaves.
  if (presence === 'left') return { cause: 'handOver', atOnce: false }
  if (presence === 'down') return { cause: 'failure', atOnce: false }
  if (peers.isPresumedDead(holder)) return { cause: 'failure', atOnce: unrefused }
  const stale = wanted.candidates.find(({ node }) => node === holder)?.stale === true
  const fresh = own?.stale === false && !peers.stale
  if (!stale || !fresh) return { cause: 'handOver', atOnce: false }
  // A stale holder would refuse for ever: after a while it must know what it is.
  return { cause: 'stale', atOnce: unrefused || (deferred >= staleRefusals && !dazed) }
}

function waiting(belief: Belief, now: number): Standing['wait'] {
  if (belief.foreign !== undefined && belief.foreign.until > now) {
    return { reason: 'addressInUse', until: belief.foreign.until }
  }
  return belief.backOffUntil > now ? { reason: 'notOwner', until: belief.backOffUntil } : undefined
}

/**
 * A node that has just begun remembers nobody, and a holder that stands still for a moment answers none of its
 * questions. So what nobody was heard to hold is left alone until BFD says of every other candidate that it is there or
 * not, or could have said so.
 */
function meeting({ self, wanted, belief, peers, newUntil }: Situation, now: number): Standing['wait'] {
  if (newUntil <= now || belief.holder !== undefined || belief.lost !== undefined) return undefined
  const unmet = wanted.candidates.some(
    ({ node, eligible }) => node !== self && eligible && peers.isUnmet(node),
  )
  return unmet ? { reason: 'claiming', until: newUntil } : undefined
}

function silence(
  { self, wanted, valid, stopping, reachable }: Situation,
  own: Candidate | undefined,
  elected: string | undefined,
): SilenceReason {
  if (!valid) return 'invalidAddress'
  if (stopping) return 'stopping'
  if (own?.eligible === true && !reachable) return 'noInterface'
  if (elected === undefined) return 'noCandidate'
  if (elected !== self) return 'notOwner'
  return wanted.served ? 'claiming' : 'notServed'
}
