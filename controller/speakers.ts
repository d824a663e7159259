import type { ObjectCondition, SpeakerStatusStatus } from '#crds/objects.ts'
import type { KubeObject } from '#kube/api.ts'
import { sessionOf, type SpeakerSession } from './speaker-session.ts'
import { SpeakerSessions } from './speaker-sessions.ts'

/** Where a node answers for an address, and since when, as it said itself. */
export interface Holding {
  readonly node: string
  /** RFC 3339 */
  readonly since: string
  readonly interfaces: readonly string[]
}

/** Why an address is not announced, or what is odd about it, as a node said. */
export interface Trouble {
  readonly node: string
  readonly reason: string
  readonly message: string
}

/** What is kept of a SpeakerStatus. */
export interface SpeakerReport {
  readonly node: string
  readonly ready: boolean
  /** the condition Ready as it stands: a speaker's word, or Unknown, which is the controller's */
  readonly readiness: ObjectCondition | undefined
  /** the condition that this controller writes, when it is there */
  readonly apiReachable: ObjectCondition | undefined
  readonly held: ReadonlyMap<string, Holding>
  readonly troubles: ReadonlyMap<string, Trouble>
  /** by BGPPeer */
  readonly sessions: ReadonlyMap<string, SpeakerSession>
  /** there may be more of them */
  readonly moreSessions: boolean
}

/** Entries of a list in a SpeakerStatus. */
const LIST_LIMIT = 100

export const API_REACHABLE = 'ApiReachable'

export function projectReport({ metadata, ...object }: KubeObject): SpeakerReport {
  const { status = {} } = object as { status?: SpeakerStatusStatus }
  const node = metadata.name
  const condition = (type: string) => status.conditions?.find((one) => one.type === type)
  const sessions = new Map(status.sessions?.map((session) => [session.peer, sessionOf(session)]))
  const readiness = condition('Ready')
  return {
    node,
    ready: readiness?.status === 'True',
    readiness,
    apiReachable: condition(API_REACHABLE),
    held: new Map(
      status.held?.map(({ address, since = '', interfaces = [] }) => [address, { node, since, interfaces }]),
    ),
    troubles: new Map(
      status.problems?.map(({ address, reason, message = '' }) => [address, { node, reason, message }]),
    ),
    sessions,
    moreSessions: sessions.size >= LIST_LIMIT,
  }
}

/** The speaker is there and knows what it says. */
export const isHeard = (report: SpeakerReport): boolean =>
  report.ready && report.apiReachable?.status !== 'False'

/** What all speakers say of addresses. What one says that is not ready, or cut off, is old and does not count. */
export class SpeakerReports {
  readonly #held = new Map<string, Map<string, Holding>>()
  readonly #troubles = new Map<string, Map<string, Trouble>>()
  readonly #ready = new Set<string>()
  readonly sessions = new SpeakerSessions()

  /** some speaker is ready */
  get anyReady(): boolean {
    return this.#ready.size > 0
  }

  /** @returns the addresses about which something else is said now */
  change(previous: SpeakerReport | undefined, current: SpeakerReport | undefined): Set<string> {
    const node = (current ?? previous)?.node ?? ''
    if (current?.ready) this.#ready.add(node)
    else this.#ready.delete(node)
    const before = counts(previous)
    const now = counts(current)
    const affected = new Set<string>()
    put(this.#held, node, before?.held, now?.held, affected)
    put(this.#troubles, node, before?.troubles, now?.troubles, affected)
    return affected
  }

  /** In the order of node names. */
  holdings(address: string): Holding[] {
    return byNode(this.#held.get(address))
  }

  /** In the order of node names. */
  troubles(address: string): Trouble[] {
    return byNode(this.#troubles.get(address))
  }
}

const counts = (report: SpeakerReport | undefined): SpeakerReport | undefined =>
  report !== undefined && isHeard(report) ? report : undefined

const byNode = <T extends { readonly node: string }>(found: ReadonlyMap<string, T> | undefined): T[] =>
  [...(found?.values() ?? [])].sort((a, b) => (a.node < b.node ? -1 : 1))

/** Replaces what one node says, and notes the addresses of which that is something else than before. */
function put<T>(
  index: Map<string, Map<string, T>>,
  node: string,
  before: ReadonlyMap<string, T> | undefined,
  now: ReadonlyMap<string, T> | undefined,
  affected: Set<string>,
): void {
  for (const address of before?.keys() ?? []) {
    if (now?.has(address)) continue
    affected.add(address)
    const all = index.get(address)
    all?.delete(node)
    if (all?.size === 0) index.delete(address)
  }
  for (const [address, one] of now ?? []) {
    if (JSON.stringify(before?.get(address)) !== JSON.stringify(one)) affected.add(address)
    index.set(address, (index.get(address) ?? new Map<string, T>()).set(node, one))
  }
}
