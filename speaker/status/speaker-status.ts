import type { KubeApi, KubeObject, OwnerReference } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { setCondition } from '#kube/conditions.ts'
import { isKubeError } from '#kube/errors.ts'
import { resources } from '#kube/resources.ts'
import type { Condition } from '#kube/objects/service.ts'
import { WorkQueue, type Outcome } from '#kube/work-queue.ts'
import type { SpeakerInfo } from '../world.ts'

/** The status of a SpeakerStatus object (fairlead.io/v1alpha1): what people see in `kubectl get speakerstatuses`. */
export interface SpeakerStatusBody {
  readonly node: string
  readonly interfaces: readonly {
    name: string
    mac: string
    up: boolean
    usable: boolean
    prefixes: readonly string[]
  }[]
  readonly sessions: readonly {
    peer: string
    address: string
    state: string
    since: string
    lastError?: string
    /** absent without BFD */
    bfd?: 'Up' | 'Down'
  }[]
  readonly heldAddresses: number
  readonly forwarding: {
    readonly mode: 'full' | 'off' | 'standby'
    readonly synced: boolean
    readonly generation: number
    /** what a person should know about why it is so, '' when there is nothing to say */
    readonly reason: string
  }
  readonly conditions: readonly Condition[]
}

/** What the writer needs to know; conditions are made of the rest. */
export interface SpeakerState extends Omit<SpeakerStatusBody, 'conditions'> {
  readonly ready: { readonly ok: boolean; readonly reason: string; readonly message: string }
}

/** At most one write in this many milliseconds, however fast things change. */
const MIN_INTERVAL_MS = 500
/** How long a speaker that starts again may take before others hear that it is not ready: a restart moves nothing. */
const START_GRACE_MS = 30_000

/**
 * Writes this node's SpeakerStatus when it changes, and only then. Other speakers read `Ready` from it: a speaker
 * that leaves says so here before it goes silent.
 */
export class SpeakerStatusWriter {
  readonly #api: KubeApi
  readonly #clock: Clock
  readonly #node: string
  readonly #state: () => SpeakerState
  readonly #owner: () => OwnerReference | undefined
  readonly #queue: WorkQueue
  #graceUntil = 0
  #written = ''
  #conditions: readonly Condition[] = []
  #known = false
  #lastWrite = 0

  constructor(options: {
    api: KubeApi
    clock: Clock
    node: string
    state: () => SpeakerState
    /** the Node: its status goes with it */
    owner: () => OwnerReference | undefined
    onError: (error: unknown) => void
  }) {
    this.#api = options.api
    this.#clock = options.clock
    this.#node = options.node
    this.#state = options.state
    this.#owner = options.owner
    this.#queue = new WorkQueue({
      name: 'speakerstatuses',
      clock: options.clock,
      reconcile: async () => {
        try {
          return await this.#write()
        } catch (error) {
          options.onError(error)
          return { kind: 'failed', error }
        }
      },
    })
  }

  start(): void {
    this.#graceUntil = this.#clock.now() + START_GRACE_MS
    this.#queue.start()
    this.changed()
  }

  stop(): Promise<void> {
    return this.#queue.stop()
  }

  changed(): void {
    this.#queue.addAfter('self', Math.max(0, this.#lastWrite + MIN_INTERVAL_MS - this.#clock.now()))
  }

  /** Somebody deleted the object: it is made again. */
  deleted(): void {
    this.#known = false
    this.#written = ''
    this.changed()
  }

  /** Resolves when everything that is due has been written. */
  idle(): Promise<void> {
    return this.#queue.idle()
  }

  /** Writes at once whatever is to be said: the last word of a planned stop. */
  async flush(): Promise<void> {
    this.#queue.add('self')
    await this.#queue.idle()
  }

  async #write(): Promise<Outcome> {
    const { ready, ...state } = this.#state()
    if (!this.#known) {
      // Only a create can name the owner, and the Node may not have been listed yet.
      const early = ready.reason === 'Starting' && this.#owner() === undefined
      if (early && this.#clock.now() < this.#graceUntil) return { kind: 'after', ms: MIN_INTERVAL_MS }
      this.#conditions = await this.#ensureObject()
      this.#known = true
    }
    if (ready.reason === 'Starting' && this.#wasReady() && this.#clock.now() < this.#graceUntil) {
      return { kind: 'after', ms: MIN_INTERVAL_MS }
    }
    const now = new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    const conditions = [
      {
        type: 'Ready',
        status: ready.ok ? ('True' as const) : ('False' as const),
        reason: ready.reason,
        message: ready.message,
      },
      {
        type: 'ForwardingSynced',
        status: state.forwarding.synced ? ('True' as const) : ('False' as const),
        reason: forwardingReason(state.forwarding),
        message: state.forwarding.reason,
      },
    ].reduce<Condition[]>((all, condition) => setCondition(all, condition, now), [...this.#conditions])
    const status: SpeakerStatusBody = { ...state, conditions }
    // The generation is told with whatever else changes: alone it would be a write for every change of an endpoint.
    const text = JSON.stringify({ ...status, forwarding: { ...state.forwarding, generation: 0 } })
    if (text === this.#written) return { kind: 'done' }
    this.#lastWrite = this.#clock.now()
    try {
      await this.#api.patch(
        resources.speakerStatuses,
        { name: this.#node },
        { status },
        { type: 'merge', subresource: 'status' },
      )
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) this.#known = false
      throw error
    }
    this.#written = text
    this.#conditions = conditions
    return { kind: 'done' }
  }

  #wasReady(): boolean {
    return this.#conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  }

  async #ensureObject(): Promise<readonly Condition[]> {
    const owner = this.#owner()
    const object = {
      apiVersion: 'fairlead.io/v1alpha1',
      kind: 'SpeakerStatus',
      metadata: { name: this.#node, ...(owner === undefined ? {} : { ownerReferences: [owner] }) },
    }
    try {
      await this.#api.create(resources.speakerStatuses, object)
      return []
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_EXISTS', 'FL_KUBE_CONFLICT')) throw error
      const found = await this.#api.get(resources.speakerStatuses, { name: this.#node })
      return (found as KubeObject & { status?: { conditions?: Condition[] } }).status?.conditions ?? []
    }
  }
}

/** What other speakers need of a SpeakerStatus: is it ready, and on which interfaces may it answer. */
export function projectSpeaker(object: KubeObject): SpeakerInfo {
  const { status = {} } = object as KubeObject & { status?: Partial<SpeakerStatusBody> }
  const ready = status.conditions?.find(({ type }) => type === 'Ready')
  const interfaces = status.interfaces?.filter(({ usable }) => usable).map(({ name }) => name)
  return {
    ready: ready?.status === 'True',
    ...(interfaces === undefined ? {} : { interfaces: new Set(interfaces) }),
  }
}

function forwardingReason({ mode, synced }: SpeakerState['forwarding']): string {
  if (mode === 'off') return 'ForwardingOff'
  if (mode === 'standby') return 'OtherProxy'
  return synced ? 'Synced' : 'NotSynced'
}
