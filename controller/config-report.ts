import type { Problem } from '#crds/config.ts'
import type { ConfigurationStateStatus, ObjectCondition } from '#crds/objects.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { sameCondition, setCondition } from '#kube/conditions.ts'
import { isKubeError } from '#kube/errors.ts'
import type { EventRecorder, Regarding } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import { timestamp } from '#kube/timestamp.ts'
import type { Outcome } from '#kube/work-queue.ts'
import { notNow } from './leadership.ts'

export interface ConfigReportOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly events: EventRecorder
  readonly namespace: string
  readonly uidOf: (problem: Problem) => string
  /** undefined while this replica may not write */
  readonly problems: () => readonly Problem[] | undefined
}

/** Name of our ConfigurationState object. */
const STATE_NAME = 'controller'
const SUMMARY_LIMIT = 16_384

/** Brings what is wrong with the configuration to the person who can mend it: log, events, ConfigurationState. */
export class ConfigReport {
  readonly #options: ConfigReportOptions
  #logged = new Set<string>()
  #said = new Set<string>()

  constructor(options: ConfigReportOptions) {
    this.#options = options
  }

  /** Every replica logs each problem once. */
  log(problems: readonly Problem[]): void {
    for (const problem of problems) {
      if (!this.#logged.has(identity(problem)))
        this.#options.log.warn(problem, `configuration: ${describe(problem)}`)
    }
    this.#logged = new Set(problems.map(identity))
  }

  async reconcile(): Promise<Outcome> {
    const problems = this.#options.problems()
    if (problems === undefined) {
      this.#said.clear()
      return { kind: 'done' }
    }
    this.#recordEvents(problems)
    return this.#writeState()
  }

  /** Each problem once, until it has gone and come back. */
  #recordEvents(problems: readonly Problem[]): void {
    const { events, uidOf } = this.#options
    for (const problem of problems) {
      if (this.#said.has(identity(problem))) continue
      const reason = problem.severity === 'error' ? 'InvalidConfiguration' : 'DoubtfulConfiguration'
      const field = problem.field === '' ? '' : `${problem.field}: `
      events.record(regarding(problem, uidOf(problem)), 'Warning', reason, field + problem.message)
    }
    this.#said = new Set(problems.map(identity))
  }

  /** Asks before each write whether it may begin: leadership can end while the server answers. */
  async #writeState(): Promise<Outcome> {
    const { api, clock, namespace } = this.#options
    const key = { namespace, name: STATE_NAME }
    let present = await this.#readState()
    if (present === undefined) {
      if (this.#options.problems() === undefined) return notNow
      present = await api.create(resources.configurationStates, emptyState(key))
    }
    const problems = this.#options.problems()
    if (problems === undefined) return notNow
    const { status: before = {} } = present as KubeObject & { status?: ConfigurationStateStatus }
    const status = stateOf(problems, before.conditions ?? [], timestamp(clock.now()))
    if (sameState(before, status)) return { kind: 'done' }
    // The resourceVersion keeps a write that is late from undoing the next leader's; after a 409 the queue tries again.
    const patch = { metadata: { resourceVersion: present.metadata.resourceVersion }, status }
    await api.patch(resources.configurationStates, key, patch, { type: 'merge', subresource: 'status' })
    return { kind: 'done' }
  }

  async #readState(): Promise<KubeObject | undefined> {
    const { api, namespace } = this.#options
    try {
      return await api.get(resources.configurationStates, { namespace, name: STATE_NAME })
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return undefined
      throw error
    }
  }
}

const emptyState = (key: { namespace: string; name: string }): KubeObject => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'ConfigurationState',
  metadata: { ...key, labels: { 'metallb.io/component-type': 'controller' } },
})

/** The verdict in upstream's form: one condition for pools, one for everything. */
function stateOf(
  problems: readonly Problem[],
  before: readonly ObjectCondition[],
  nowIso: string,
): Required<ConfigurationStateStatus> {
  const errors = problems.filter(({ severity }) => severity === 'error')
  const pools = errors.filter(({ kind }) => kind === 'IPAddressPool')
  const withPools = setCondition(before, verdict('poolReconcilerValid', pools), nowIso)
  return {
    result: errors.length > 0 ? 'Invalid' : 'Valid',
    errorSummary: summary(errors),
    conditions: setCondition(withPools, verdict('configReconcilerValid', errors), nowIso),
  }
}

const verdict = (type: string, errors: readonly Problem[]) =>
  errors.length === 0
    ? { type, status: 'True' as const, reason: 'Reconciled', message: '' }
    : { type, status: 'False' as const, reason: 'ConfigurationError', message: summary(errors) }

const summary = (errors: readonly Problem[]): string =>
  errors.map(describe).join('\n').slice(0, SUMMARY_LIMIT)

const describe = ({ kind, namespace, name, field, message }: Problem): string =>
  `${kind} ${namespace}/${name}${field === '' ? '' : ` ${field}`}: ${message}`

function sameState(a: ConfigurationStateStatus, b: Required<ConfigurationStateStatus>): boolean {
  const { conditions = [] } = a
  return (
    a.result === b.result &&
    (a.errorSummary ?? '') === b.errorSummary &&
    conditions.length === b.conditions.length &&
    conditions.every((one, index) => sameCondition(one, b.conditions[index]))
  )
}

const identity = ({ kind, namespace, name, field, message }: Problem): string =>
  JSON.stringify([kind, namespace, name, field, message])

const regarding = ({ kind, namespace, name }: Problem, uid: string): Regarding => ({
  apiVersion: kind === 'BGPPeer' ? 'metallb.io/v1beta2' : 'metallb.io/v1beta1',
  kind,
  namespace,
  name,
  ...(uid === '' ? {} : { uid }),
})
