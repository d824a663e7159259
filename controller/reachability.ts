import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { sameCondition, setCondition, type ConditionInput } from '#kube/conditions.ts'
import { isKubeError } from '#kube/errors.ts'
import type { Condition } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { timestamp } from '#kube/timestamp.ts'
import type { Outcome } from '#kube/work-queue.ts'
import { API_REACHABLE, type SpeakerReport } from './speakers.ts'

export interface ReachabilityOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly report: (node: string) => SpeakerReport | undefined
  /** undefined while that is not known */
  readonly reachable: (node: string) => boolean | undefined
  /** this replica may write now */
  readonly leads: () => boolean
}

/** The speaker writes the rest of the status under its own name: neither takes anything from the other. */
const FIELD_MANAGER = 'fairlead-controller'

/** Says on a SpeakerStatus whether its speaker reaches the API, when that has turned. */
export class Reachability {
  readonly #options: ReachabilityOptions

  constructor(options: ReachabilityOptions) {
    this.#options = options
  }

  /**
   * What is to be said of a node, undefined when nothing is known or it is said already. Of one that was just lost
   * nobody knows whether it is ready; it says so itself when it is back (and then this condition is its own again:
   * until then it stays among those that are applied, as the API server would take away what nobody applies).
   */
  wanted(node: string): ConditionInput[] | undefined {
    const { report, reachable } = this.#options
    const present = report(node)
    const verdict = reachable(node)
    if (present === undefined || verdict === undefined) return undefined
    const condition = verdict ? renewing : expired
    const { apiReachable, readiness } = present
    if (apiReachable !== undefined && sameCondition(apiReachable, condition)) return undefined
    const open = readiness?.status === 'Unknown' || (!verdict && readiness?.status === 'True')
    return open ? [condition, unheard] : [condition]
  }

  async reconcile(node: string): Promise<Outcome> {
    const { api, clock, leads, report } = this.#options
    const wanted = leads() ? this.wanted(node) : undefined
    if (wanted === undefined) return { kind: 'done' }
    const { apiReachable, readiness } = report(node) ?? {}
    const before = [apiReachable, readiness].flatMap((one) => one ?? [])
    const types = new Set(wanted.map(({ type }) => type))
    const conditions = wanted
      .reduce<Condition[]>((all, one) => setCondition(all, one, timestamp(clock.now())), before)
      .filter(({ type }) => types.has(type))
    const key = { name: node }
    try {
      await api.patch(
        resources.speakerStatuses,
        key,
        { apiVersion: 'fairlead.io/v1alpha1', kind: 'SpeakerStatus', metadata: key, status: { conditions } },
        { type: 'apply', subresource: 'status', fieldManager: FIELD_MANAGER, force: true },
      )
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
    }
    return { kind: 'done' }
  }
}

const renewing: ConditionInput = { type: API_REACHABLE, status: 'True', reason: 'LeaseRenewed', message: '' }

const expired: ConditionInput = {
  type: API_REACHABLE,
  status: 'False',
  reason: 'LeaseExpired',
  message: 'its Lease was not renewed for 40 s, while those of other speakers were',
}

const unheard: ConditionInput = {
  type: 'Ready',
  status: 'Unknown',
  reason: 'SpeakerUnreachable',
  message: 'what it said last is too old to count',
}
