import type { SessionStatus } from '#bgp-ts/status.ts'
import type { Logger } from '#kube/logger.ts'
import { diagnosticWords } from './bfd/errors.ts'
import type { CountedBfdSession } from './bfd/metrics.ts'
import type { BfdSessionStatus } from './bfd/status.ts'
import type { CountedSession } from './bgp/metrics.ts'
import { SessionNotices, type SessionNotice } from './bgp/notices.ts'
import { resetCause, type ResetCause } from './bgp/reset-causes.ts'
import {
  isWordless,
  sessionReport,
  sessionsPart,
  withoutTimes,
  type ReportedSession,
} from './status/bgp-part.ts'
import type { SpeakerStatusBody } from './status/speaker-status.ts'
import { keepsRoutes } from './wire/bgp-status.ts'
import type { WireObserved, WirePeer } from './wire/protocol.ts'

export interface BgpStateOptions {
  readonly log: Logger
  readonly node: string
  /** something that a SpeakerStatus shows is another thing */
  readonly onSessions: () => void
  /** something happened to the session that belongs on its BGPPeer */
  readonly onNotice: (peer: string, notice: SessionNotice) => void
}

export interface SessionStory {
  /** epoch milliseconds since the session is up, or since it is not */
  readonly turned: number
  /** of the errors since it is down the last one that says something */
  readonly earlier?: NonNullable<SessionStatus['lastError']>
}

interface Entry {
  peer: WirePeer
  /** undefined until the wire thread has told it */
  status: SessionStatus | undefined
  /** epoch milliseconds since it is Established, or since it is not */
  turned: number
  /** of the errors since it is down the last one that says something */
  earlier: SessionStatus['lastError'] | undefined
  /** the text of what a SpeakerStatus says of it */
  shown: string
  readonly resets: Map<ResetCause, number>
  readonly notices: SessionNotices
}

/** So clients of BFD sessions begin that are BGP peers. */
const BGP_CLIENT = 'bgp/'

/** What the wire thread has last said about BGP and BFD sessions, for status, events, metrics and the admin API. */
export class BgpState {
  readonly #options: BgpStateOptions
  /** of the peers that this node should have, by name */
  readonly #entries = new Map<string, Entry>()
  /** by their own key */
  readonly #bfd = new Map<string, BfdSessionStatus>()
  #bfdDrops: Readonly<Record<string, number>> = {}

  constructor(options: BgpStateOptions) {
    this.#options = options
  }

  /** All peers that there should be. Sessions of others are forgotten. */
  peers(peers: readonly WirePeer[]): void {
    const names = new Set(peers.map(({ name }) => name))
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#entries.delete(name)
    for (const peer of peers) {
      const entry = this.#entries.get(peer.name)
      if (entry !== undefined) {
        if (entry.status?.state === 'Established') entry.notices.configured(entry.peer, peer)
        entry.peer = peer
        continue
      }
      this.#entries.set(peer.name, {
        peer,
        status: undefined,
        turned: 0,
        earlier: undefined,
        shown: '',
        resets: new Map(),
        notices: new SessionNotices(this.#options.node),
      })
    }
    this.#options.onSessions()
  }

  sessionsSeen(sessions: readonly SessionStatus[]): void {
    let changed = false
    for (const status of sessions) {
      // What was on its way when a peer was given up would stay for ever: only what is wanted counts.
      const entry = this.#entries.get(status.peer)
      if (entry !== undefined && this.#session(entry, status)) changed = true
    }
    if (changed) this.#options.onSessions()
  }

  bfdSeen({ sessions, closed, drops }: Extract<WireObserved, { kind: 'bfd' }>): void {
    let changed = closed.length > 0
    for (const key of closed) this.#bfd.delete(key)
    for (const session of sessions) {
      const before = this.#bfd.get(session.key)
      this.#bfd.set(session.key, session)
      if (before?.clients.join() !== session.clients.join()) changed = true
      if ((before?.state ?? 'Down') === session.state) continue
      changed = true
      const { local, remote, clients, state, diagnostic, remoteState } = session
      this.#options.log.info(
        { local, remote, clients, state, remoteState, diagnostic: diagnosticWords(diagnostic) },
        'BFD session',
      )
    }
    if (drops !== undefined) this.#bfdDrops = drops
    if (changed) this.#options.onSessions()
  }

  session(peer: string): SessionStatus | undefined {
    return this.#entries.get(peer)?.status
  }

  /** Since when a session is up, or is not, and why that began. */
  story(peer: string): SessionStory | undefined {
    const entry = this.#entries.get(peer)
    if (entry?.status === undefined) return undefined
    const { turned, earlier } = entry
    return { turned, ...(earlier === undefined ? {} : { earlier }) }
  }

  /** The BFD session that watches the path to a BGP peer. */
  bfdOf(peer: string): BfdSessionStatus | undefined {
    return this.bfd.find(({ clients }) => clients.includes(BGP_CLIENT + peer))
  }

  get bfd(): readonly BfdSessionStatus[] {
    return [...this.#bfd.values()]
  }

  /** received BFD packets without effect, by reason */
  get bfdDrops(): Readonly<Record<string, number>> {
    return this.#bfdDrops
  }

  /** BGP's part of a SpeakerStatus. */
  report(): Pick<SpeakerStatusBody, 'sessions' | 'sessionsUp'> {
    const reported = [...this.#entries.values()].flatMap((entry) => this.#reported(entry) ?? [])
    return sessionsPart(reported, this.#entries.size)
  }

  /** What the metrics count. */
  *counted(): Iterable<CountedSession> {
    for (const { status, peer, resets } of this.#entries.values()) {
      if (status === undefined) continue
      const { unnumbered, device } = peer
      yield unnumbered && device !== undefined
        ? { status, interface: device, vrf: '', resets }
        : { status, vrf: device ?? '', resets }
    }
  }

  /** The BFD sessions that watch BGP peers. */
  *countedBfd(): Iterable<CountedBfdSession> {
    for (const status of this.#bfd.values()) {
      const client = status.clients.find((name) => name.startsWith(BGP_CLIENT))
      const peer = client === undefined ? undefined : this.#entries.get(client.slice(BGP_CLIENT.length))?.peer
      if (client !== undefined) yield { status, vrf: peer?.unnumbered ? '' : (peer?.device ?? '') }
    }
  }

  /** Some BGP session is up whose peer will drop our routes when it ends. */
  get routing(): boolean {
    const statuses = [...this.#entries.values()].flatMap(({ status }) => status ?? [])
    return statuses.some((status) => status.state === 'Established' && !keepsRoutes(status))
  }

  #reported(entry: Entry): ReportedSession | undefined {
    const { status, turned, earlier, peer } = entry
    if (status === undefined) return undefined
    const blocked = peer.blocked !== undefined || status.lastError?.code === 'FL_WIRE_NO_ROUTER'
    return { status, turned, earlier, blocked, bfd: this.bfdOf(peer.name) }
  }

  /** @returns whether a SpeakerStatus says something else of it now */
  #session(entry: Entry, status: SessionStatus): boolean {
    const before = entry.status
    const up = status.state === 'Established'
    entry.status = status
    if (before === undefined || (before.state === 'Established') !== up) entry.turned = status.since
    if (before?.state === 'Established' && !up) {
      const cause = resetCause(status)
      entry.resets.set(cause, (entry.resets.get(cause) ?? 0) + 1)
    }
    entry.earlier = up ? undefined : telling(status.lastError, entry.earlier)
    const notice = entry.notices.look(before, status)
    if (notice !== undefined) this.#options.onNotice(status.peer, notice)
    if (before?.state !== status.state) this.#log(status)
    const reported = this.#reported(entry)
    const shown = JSON.stringify(reported && withoutTimes(sessionReport(reported)))
    if (shown === entry.shown) return false
    entry.shown = shown
    return true
  }

  #log({ peer, endpoint, state, lastError }: SessionStatus): void {
    this.#options.log.info(
      { peer, endpoint, state, ...(lastError ? { lastError: lastError.text } : {}) },
      'BGP session',
    )
  }
}

/** @param before of the errors so far the last one that says something */
function telling(error: SessionStatus['lastError'], before: SessionStatus['lastError']): typeof before {
  if (error === undefined || isWordless(error)) return before
  // Another configuration begins anew.
  return error.code === 'FL_BGP_STOPPED' ? undefined : error
}
