import type { Family } from '#inet/address.ts'
import { NO_SESSION, type SpeakerSession } from './speaker-session.ts'

/** A session that is not up any more is told of when that has lasted for so long: a restart of a speaker is shorter. */
export const LOSS_MS = 15_000
/** Why a session is not up is told anew at most once in this time. */
export const WORDS_MS = 60_000
/** After so long without a turn a session has no history. */
export const CALM_MS = 600_000
/** Each loss within that time makes the next turn wait twice as long, so many times at most. */
const DOUBLINGS = 4

type Kind = 'same' | 'words' | 'gain' | 'loss'

interface Entry {
  told: SpeakerSession
  actual: SpeakerSession
  /** how `actual` differs from `told`, and since when */
  kind: Kind
  since: number
  /** losses that were told of since the session was last calm */
  losses: number
  turnedAt: number
}

/**
 * What conditions of Services are to say of BGP sessions: the sessions as speakers report them, without their flaps.
 * Ten thousand Services may hang on one session, and each turn that is told is a write for each of them.
 */
export class SpeakerSessions {
  /** by node and peer */
  readonly #nodes = new Map<string, Map<string, Entry>>()

  /**
   * What a speaker says of its sessions now, by BGPPeer; undefined: nothing any more.
   * @param now epoch milliseconds
   * @returns whether something else is to be told of its sessions
   */
  observe(node: string, sessions: ReadonlyMap<string, SpeakerSession> | undefined, now: number): boolean {
    if (sessions === undefined) return this.#nodes.delete(node)
    const entries = this.#nodes.get(node) ?? new Map<string, Entry>()
    this.#nodes.set(node, entries)
    let changed = false
    for (const [peer, session] of sessions) {
      const entry = entries.get(peer)
      if (entry === undefined) {
        entries.set(peer, entryOf(session, now))
        changed = true
      } else compare(entry, session, now)
    }
    for (const [peer, entry] of entries) if (!sessions.has(peer)) compare(entry, NO_SESSION, now)
    return this.#settle(entries, now) || changed
  }

  /** What time alone brings. @returns the nodes of whose sessions something else is to be told */
  step(now: number): string[] {
    return [...this.#nodes].flatMap(([node, entries]) => (this.#settle(entries, now) ? [node] : []))
  }

  /** When `step` has something to do, undefined for never. */
  deadline(): number | undefined {
    let first: number | undefined
    for (const entries of this.#nodes.values()) {
      for (const entry of entries.values()) {
        if (entry.kind === 'same') continue
        const due = dueAt(entry)
        if (first === undefined || due < first) first = due
      }
    }
    return first
  }

  /** undefined: the node has no such session. */
  told(node: string, peer: string): SpeakerSession | undefined {
    return this.#nodes.get(node)?.get(peer)?.told
  }

  #settle(entries: Map<string, Entry>, now: number): boolean {
    let changed = false
    for (const [peer, entry] of entries) {
      if (entry.kind !== 'same' && now >= dueAt(entry)) {
        if (now - entry.turnedAt > CALM_MS) entry.losses = 0
        if (entry.kind === 'loss') entry.losses++
        Object.assign(entry, { told: entry.actual, kind: 'same', since: now, turnedAt: now })
        changed = true
      }
      if (entry.told === NO_SESSION && entry.actual === NO_SESSION) entries.delete(peer)
    }
    return changed
  }
}

const entryOf = (session: SpeakerSession, now: number): Entry => ({
  told: session,
  actual: session,
  kind: 'same',
  since: now,
  losses: 0,
  turnedAt: now,
})

function compare(entry: Entry, actual: SpeakerSession, now: number): void {
  entry.actual = actual
  const kind = kindOf(entry.told, actual)
  if (kind !== entry.kind) entry.since = now
  entry.kind = kind
}

function kindOf(told: SpeakerSession, actual: SpeakerSession): Kind {
  const without = (a: readonly Family[], b: readonly Family[]) => a.some((family) => !b.includes(family))
  if (without(told.families, actual.families)) return 'loss'
  if (without(actual.families, told.families)) return 'gain'
  return told.up === actual.up && told.error === actual.error ? 'same' : 'words'
}

/** That a session is up is told at once, unless it has gone down several times of late. */
function dueAt({ kind, since, losses, turnedAt }: Entry): number {
  const recent = since - turnedAt > CALM_MS ? 0 : losses
  const delay = (doublings: number) => LOSS_MS * 2 ** Math.min(doublings, DOUBLINGS)
  if (kind === 'words') return Math.max(since, turnedAt + WORDS_MS)
  if (kind === 'loss') return since + delay(recent)
  return recent < 2 ? since : since + delay(recent - 1)
}
