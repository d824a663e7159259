/** Another node answers for an address as well, and both hear each other: what this one has done about it. */
export interface Contest {
  readonly node: string
  /** when it was heard first */
  readonly since: number
  /** announcements made against it */
  announced: number
  lastAnnounced: number
  lastHeard: number
}

/** How this node and the other compare, by this node's view. */
export interface Rivalry {
  /** the other goes first, the staleness of this node left aside */
  readonly outranked: boolean
  /** this node has lost the API, and the other has not as far as is known */
  readonly stale: boolean
  /** the other has, and this node has not */
  readonly otherStale: boolean
  /** the hash puts this node first */
  readonly first: boolean
  /** the other hears this node: BFD is Up, or it has answered */
  readonly reachable: boolean
}

/**
 * `yield` is silence at once; `insist` is an announcement; `ask` is a question, since what cannot hear this node
 * cannot be reached by clients either and must not take an address away from it.
 */
export type Verdict = 'yield' | 'insist' | 'ask'

/** Milliseconds between announcements against one node; after some rounds that did not help, it is not hurried. */
const pace = { first: 65, later: 1000, rounds: 10 } as const
/** A frame heard so soon after an announcement may have been sent before it arrived. */
const crossing = 40
/** The one that the hash puts first, and its own view does not, looks after so long whether the other is still there. */
export const secondThought = 50
/** Nothing was heard for longer than a rival that does not give way would be silent. */
const pauseAfter = 200
/** A contest is over when nothing was heard for so long. */
const forgottenAfter = 2000
/**
 * After so many announcements the other knows, and claims the address again because its view is another. Who gives way
 * then: first whom the hash puts second, unless it thinks that it stands against a stale node; then who is stale, if
 * it is the first by hash; at last whoever is second by hash.
 */
const insistences = { second: 2, stale: 3, anyway: 4 } as const

/** The contests about one address by node: there may be three holders after a network has fallen apart. */
export type Contests = Map<string, Contest>

/** The contest that a claim belongs to; those that are over are left out. */
export function heard(contests: Contests, node: string, now: number): Contest {
  for (const one of contests.values()) if (now - one.lastHeard > forgottenAfter) contests.delete(one.node)
  let contest = contests.get(node)
  if (contest === undefined) {
    contest = { node, since: now, announced: 0, lastAnnounced: Number.NEGATIVE_INFINITY, lastHeard: now }
  }
  // It had given way or was not there: it does not know how firmly this node has insisted since.
  if (now - contest.lastHeard > pauseAfter)
    contest.announced = Math.min(contest.announced, insistences.second)
  contest.lastHeard = now
  // The newest comes last.
  contests.delete(node)
  contests.set(node, contest)
  return contest
}

/** An announcement is one against all of them. */
export function announced(contests: Contests, now: number): void {
  for (const contest of contests.values()) {
    contest.announced++
    contest.lastAnnounced = now
  }
}

/**
 * What to do about a claim by another node. Both sides decide so, each by its own view. Where both think that they go
 * first, the hash decides, which needs no view. Where both think that the other does, it decides too: whom it puts
 * first takes its time, and by then the other has given way. A node that alone knows itself to be stale gives way in
 * the end, whatever the hash says: if the other was stale as well it has given way before.
 * @param direct the claim answers a question of this node, so it was made after it
 */
export function judge(contest: Contest, rivalry: Rivalry, direct: boolean, now: number): Verdict {
  const { outranked, first, reachable } = rivalry
  const lost = outranked || ((direct || now - contest.lastAnnounced >= crossing) && givesIn(contest, rivalry))
  if (!lost) return 'insist'
  const considered = !outranked || !first || (direct && now - contest.since >= secondThought)
  return reachable && considered ? 'yield' : 'ask'
}

function givesIn({ announced }: Contest, { stale, otherStale, first }: Rivalry): boolean {
  if (!first && announced >= (otherStale ? insistences.anyway : insistences.second)) return true
  return stale && announced >= insistences.stale
}

/** When an announcement may be made. */
export function mayAnnounce(contests: Contests, now: number): number {
  let at = now
  for (const { announced: times, lastAnnounced } of contests.values()) {
    at = Math.max(at, lastAnnounced + (times < pace.rounds ? pace.first : pace.later))
  }
  return at
}
