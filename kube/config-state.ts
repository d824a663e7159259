import type { Problem } from '#crds/config.ts'
import type { ConfigurationStateStatus, ObjectCondition } from '#crds/objects.ts'
import type { KubeApi, KubeObject, OwnerReference } from './api.ts'
import type { Clock } from './clock.ts'
import { sameCondition, setCondition, type ConditionInput } from './conditions.ts'
import { verdictOf } from './config-verdict.ts'
import { isKubeError } from './errors.ts'
import { Reflector } from './reflector.ts'
import { resources } from './resources.ts'
import { timestamp } from './timestamp.ts'
import type { Outcome } from './work-queue.ts'

export interface ConfigStateOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly namespace: string
  /** the controller's object is `controller`, a speaker's `speaker-<node>` */
  readonly component: 'controller' | { readonly speakerOn: string }
  /** the object goes when its owner goes */
  readonly owner?: () => OwnerReference | undefined
  /** undefined while this process may not write */
  readonly problems: () => readonly Problem[] | undefined
  /** the object is gone, or says something else than was written: time to `reconcile` */
  readonly onDisturbed: () => void
  readonly onError?: (error: unknown, retryInMs: number) => void
}

type State = KubeObject & { status?: ConfigurationStateStatus }

/** The answer while `problems` is undefined: asks again, as what forbade the write may pass unnoticed. */
const notNow: Outcome = { kind: 'after', ms: 1000 }

/**
 * Keeps the ConfigurationState object of one process. Conditions go by server-side apply, each under the field
 * manager that owns it upstream; `result` and `errorSummary` go with our own. Nothing that is right already is
 * written, and a write can only meet the version that it was decided on.
 */
export class ConfigStateWriter {
  readonly #options: ConfigStateOptions
  readonly #reflector: Reflector<ConfigurationStateStatus>
  readonly #name: string
  #written: ConfigurationStateStatus | undefined

  constructor(options: ConfigStateOptions) {
    const { api, clock, namespace, component, onError } = options
    this.#options = options
    this.#name = component === 'controller' ? component : `speaker-${component.speakerOn}`
    this.#reflector = new Reflector<ConfigurationStateStatus>({
      api,
      clock,
      resource: resources.configurationStates,
      select: { namespace, fieldSelector: `metadata.name=${this.#name}` },
      project: (object) => (object as State).status ?? {},
      ...(onError === undefined ? {} : { onError }),
    })
    this.#reflector.onChange(({ current }) => {
      if (this.#written === undefined) return
      if (current === undefined || !sameStatus(current, this.#written)) options.onDisturbed()
    })
  }

  start(): void {
    this.#reflector.start()
  }

  stop(): void {
    this.#reflector.stop()
  }

  /** Asks before each write whether it may begin: leadership can end while the server answers. */
  async reconcile(): Promise<Outcome> {
    const { api, clock, component } = this.#options
    this.#written = undefined
    let present = await this.#read()
    if (present === undefined) {
      if (this.#options.problems() === undefined) return notNow
      present = await api.create(resources.configurationStates, this.#emptyState())
    }
    const problems = this.#options.problems()
    if (problems === undefined) return notNow
    const { result, errorSummary, conditions } = verdictOf(problems, component === 'controller')
    for (const [manager, condition] of conditions) {
      const own = manager === 'fairlead' ? { result, errorSummary } : {}
      const before: ConfigurationStateStatus = present.status ?? {}
      if (says(before, own, condition)) continue
      if (this.#options.problems() === undefined) return notNow
      const merged = setCondition(before.conditions ?? [], condition, timestamp(clock.now()))
      const next = merged.find(({ type }) => type === condition.type) as ObjectCondition
      present = await this.#apply(manager, present, { ...own, conditions: [next] })
    }
    this.#written = present.status ?? {}
    return { kind: 'done' }
  }

  async #read(): Promise<State | undefined> {
    const { api, namespace } = this.#options
    try {
      return await api.get(resources.configurationStates, { namespace, name: this.#name })
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return undefined
      throw error
    }
  }

  /** The resourceVersion keeps a write that is late from undoing a newer one; after a 409 the queue tries again. */
  #apply(manager: string, { metadata }: State, status: ConfigurationStateStatus): Promise<State> {
    const key = { namespace: this.#options.namespace, name: this.#name }
    const body = {
      apiVersion: API_VERSION,
      kind: 'ConfigurationState',
      metadata: { ...key, resourceVersion: metadata.resourceVersion },
      status,
    }
    return this.#options.api.patch(resources.configurationStates, key, body, {
      type: 'apply',
      subresource: 'status',
      fieldManager: manager,
      force: true,
    })
  }

  #emptyState(): KubeObject {
    const { namespace, component, owner } = this.#options
    const reference = owner?.()
    return {
      apiVersion: API_VERSION,
      kind: 'ConfigurationState',
      metadata: {
        name: this.#name,
        namespace,
        labels: {
          'metallb.io/component-type': component === 'controller' ? component : 'speaker',
          ...(component === 'controller' ? {} : { 'metallb.io/node-name': component.speakerOn }),
        },
        ...(reference === undefined ? {} : { ownerReferences: [reference] }),
      },
    }
  }
}

const API_VERSION = 'metallb.io/v1beta1'

/** The status has this condition, and these of its other fields. */
const says = (
  status: ConfigurationStateStatus,
  { result, errorSummary }: ConfigurationStateStatus,
  condition: ConditionInput,
): boolean =>
  (result === undefined || status.result === result) &&
  (errorSummary === undefined || (status.errorSummary ?? '') === errorSummary) &&
  (status.conditions ?? []).some((one) => sameCondition(one, condition))

const sameStatus = (status: ConfigurationStateStatus, written: ConfigurationStateStatus): boolean =>
  (written.conditions ?? []).every((condition) => says(status, written, condition))
