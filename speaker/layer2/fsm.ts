import type { SilenceReason, TakeOverCause } from './errors.ts'
import type { Standing } from './standing.ts'

/** Where one address stands on this node. It is answered for in the last two. */
export type State =
  | { readonly at: 'silent'; readonly reason: SilenceReason }
  /** asking the wire whether somebody uses it */
  | { readonly at: 'claiming'; readonly cause: TakeOverCause }
  /** nobody does; forwarding for it is not in the kernel yet */
  | { readonly at: 'ready'; readonly cause: TakeOverCause; readonly until: number }
  | { readonly at: 'holding' }
  /** it is for another node, which is awaited; for ever, or until then */
  | { readonly at: 'handingOver'; readonly until: number }

export type Input =
  /** something may have changed, or a time has come */
  | { readonly kind: 'look' }
  /** nobody has answered the probes */
  | { readonly kind: 'free' }
  /** a machine outside the cluster has, and the address is not to be taken from it */
  | { readonly kind: 'inUse' }
  /** another node holds it, and goes before this one */
  | { readonly kind: 'yield' }
  /** this node stood still: somebody may hold it now */
  | { readonly kind: 'paused' }

export type Action =
  | { readonly do: 'probe' }
  | { readonly do: 'took'; readonly cause: TakeOverCause }
  /** tells the successor, who may not know yet, that the address is its own now */
  | { readonly do: 'nudge' }

export interface Step {
  readonly state: State
  readonly actions: readonly Action[]
}

/** A node that may not hold an address any more waits so long for the next one to announce it. */
export const handOverLimit = 1000
/** So long the wire's silence counts for an address that cannot be served yet. */
export const readyFor = 2000

export const silent = (reason: SilenceReason): State => ({ at: 'silent', reason })

const stay = (state: State): Step => ({ state, actions: [] })

/**
 * The states of an address on a node. What a state implies (probes, answers, announcements, groups) the caller
 * does; actions are what a state alone does not say.
 * @param on where this node stands with regard to the address, now
 * @param handOverUntil how long a stopping node waits for its successors
 */
export function step(state: State, input: Input, on: Standing, now: number, handOverUntil: number): Step {
  switch (state.at) {
    case 'silent':
      return whenSilent(state, input, on, now)
    case 'claiming':
      return whenClaiming(state, input, on, now)
    case 'ready':
      return whenReady(state, input, on, now)
    default:
      return whenAnswering(state, input, on, now, handOverUntil)
  }
}

type In<At extends State['at']> = Extract<State, { at: At }>

function whenSilent(state: In<'silent'>, input: Input, on: Standing, now: number): Step {
  if (input.kind === 'inUse' || input.kind === 'yield') return stay(state)
  if (!on.mine || on.wait !== undefined) return stay(silent(on.wait?.reason ?? on.reason))
  if (on.atOnce) return take(on.cause, on, now)
  // The wire was asked in vain: that is done again when there is something to answer with.
  if (state.reason === 'notServed' && !on.served) return stay(state)
  return { state: { at: 'claiming', cause: on.cause }, actions: [{ do: 'probe' }] }
}

function whenClaiming(state: In<'claiming'>, input: Input, on: Standing, now: number): Step {
  switch (input.kind) {
    case 'inUse':
      return stay(silent('addressInUse'))
    case 'yield':
      return stay(silent('notOwner'))
    case 'paused':
      return { state, actions: [{ do: 'probe' }] }
    case 'free':
      return on.mine ? take(state.cause, on, now) : stay(silent(on.reason))
    case 'look':
      if (!on.mine || on.wait !== undefined) return stay(silent(on.wait?.reason ?? on.reason))
      return on.atOnce ? take(on.cause, on, now) : stay(state)
  }
}

function whenReady(state: In<'ready'>, input: Input, on: Standing, now: number): Step {
  if (input.kind === 'yield') return stay(silent('notOwner'))
  if (input.kind === 'inUse') return stay(silent('addressInUse'))
  if (!on.mine) return stay(silent(on.reason))
  if (input.kind === 'paused')
    return { state: { at: 'claiming', cause: state.cause }, actions: [{ do: 'probe' }] }
  if (on.served) return take(state.cause, on, now)
  return now < state.until ? stay(state) : { state: silent('notServed'), actions: [{ do: 'nudge' }] }
}

function whenAnswering(
  state: In<'holding' | 'handingOver'>,
  input: Input,
  on: Standing,
  now: number,
  handOverUntil: number,
): Step {
  if (input.kind === 'yield') return stay(silent('notOwner'))
  // Nothing is answered for that cannot be served, not even for a moment.
  if (!on.reachable) return stay(silent(on.reason))
  if (!on.served) return { state: silent('notServed'), actions: [{ do: 'nudge' }] }
  if (on.mine) {
    if (input.kind !== 'paused' || !on.rivals) return stay({ at: 'holding' })
    return { state: { at: 'claiming', cause: 'restart' }, actions: [{ do: 'probe' }] }
  }
  const { reason, successor } = on
  if (successor === undefined) return stay(silent(reason))
  if (input.kind === 'paused') return { state: silent(reason), actions: [{ do: 'nudge' }] }
  const until = deadline(state, on, now, handOverUntil)
  if (now >= until) return { state: silent(reason), actions: [{ do: 'nudge' }] }
  return { state: { at: 'handingOver', until }, actions: state.at === 'holding' ? [{ do: 'nudge' }] : [] }
}

/** Who may hold the address, though another is to, answers until that one does: there is no hurry. */
function deadline(state: State, on: Standing, now: number, handOverUntil: number): number {
  if (on.able) return Number.POSITIVE_INFINITY
  if (on.reason === 'stopping') return handOverUntil
  return state.at === 'handingOver' && state.until < Number.POSITIVE_INFINITY
    ? state.until
    : now + handOverLimit
}

/** A failed holder's address that cannot be served here is another's to take; a new one may wait a little. */
function take(cause: TakeOverCause, on: Standing, now: number): Step {
  if (on.served) return { state: { at: 'holding' }, actions: [{ do: 'took', cause }] }
  if (cause !== 'first') return { state: silent('notServed'), actions: [{ do: 'nudge' }] }
  return stay({ at: 'ready', cause, until: now + readyFor })
}
