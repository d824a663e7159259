import type { Problem } from '#crds/config.ts'
import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { ConfigStateWriter } from '#kube/config-state.ts'
import { describeProblem } from '#kube/config-verdict.ts'
import type { EventRecorder, Regarding } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import type { Outcome } from '#kube/work-queue.ts'

export interface ConfigReportOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly events: EventRecorder
  readonly namespace: string
  readonly uidOf: (problem: Problem) => string
  /** undefined while this replica may not write */
  readonly problems: () => readonly Problem[] | undefined
  /** somebody else changed or deleted the ConfigurationState: time to `reconcile` */
  readonly onDisturbed?: () => void
}

/** Brings what is wrong with the configuration to the person who can mend it: log, events, ConfigurationState. */
export class ConfigReport {
  readonly #options: ConfigReportOptions
  readonly #state: ConfigStateWriter
  #logged = new Set<string>()
  #said = new Set<string>()

  constructor(options: ConfigReportOptions) {
    const { api, clock, log, namespace, problems, onDisturbed = () => {} } = options
    this.#options = options
    this.#state = new ConfigStateWriter({
      api,
      clock,
      namespace,
      component: 'controller',
      problems,
      onDisturbed,
      onError: (error, retryInMs) => log.warn({ err: error, retryInMs }, 'cannot follow configurationstates'),
    })
  }

  /** Begins to watch the ConfigurationState. */
  start(): void {
    this.#state.start()
  }

  stop(): void {
    this.#state.stop()
  }

  /** Every replica logs each problem once. */
  log(problems: readonly Problem[]): void {
    for (const problem of problems) {
      if (!this.#logged.has(identity(problem)))
        this.#options.log.warn(problem, `configuration: ${describeProblem(problem)}`)
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
    return this.#state.reconcile()
  }

  /** Each problem of an object once, until it has gone and come back. */
  #recordEvents(problems: readonly Problem[]): void {
    const { events, uidOf } = this.#options
    const said = new Set<string>()
    for (const problem of problems) {
      const uid = uidOf(problem)
      const key = `${uid} ${identity(problem)}`
      said.add(key)
      if (this.#said.has(key)) continue
      const reason = problem.severity === 'error' ? 'InvalidConfiguration' : 'DoubtfulConfiguration'
      const field = problem.field === '' ? '' : `${problem.field}: `
      events.record(regarding(problem, uid), 'Warning', reason, field + problem.message)
    }
    this.#said = said
  }
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
