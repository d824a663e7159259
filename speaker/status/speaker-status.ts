import type { KubeApi, KubeObject, OwnerReference } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { setCondition } from '#kube/conditions.ts'
import { isKubeError } from '#kube/errors.ts'
import { resources } from '#kube/resources.ts'
import type { Condition } from '#kube/objects/service.ts'
import { timestamp } from '#kube/timestamp.ts'
import { WorkQueue, type Outcome } from '#kube/work-queue.ts'
import type { DrainState } from '../drain/phase.ts'
import type { WireNeighbor } from '../wire/protocol.ts'
import { withoutCounts, withoutTimes } from './bgp-part.ts'
import { firstError } from './first-error.ts'
import { ownConditions, ownTypes } from './own-conditions.ts'
import type { AddressProblem } from './problems.ts'

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
  /** at most 100 */
  readonly sessions: readonly SessionReport[]
  /** of all peers that the node should have: `2/3`; absent without peers */
  readonly sessionsUp?: string
  readonly heldAddresses: number
  /** of the held addresses those that are held longest, at most 100 */
  readonly held: readonly { address: string; since: string; interfaces: readonly string[] }[]
  /** why addresses are not announced, as far as it is for this node to say; at most 100 */
  readonly problems: readonly AddressProblem[]
  /** the speakers that this one watches, at most 64 */
  readonly neighbors: readonly { node: string; state: WireNeighbor['state']; since: string }[]
  /** those of them of which this node has itself seen that they died */
  readonly unreachable: readonly string[]
  readonly forwarding: {
    readonly mode: 'full' | 'off' | 'standby'
    readonly synced: boolean
    readonly generation: number
    /** what a person should know about why it is so, '' when there is nothing to say */
    readonly reason: string
  }
  /** the first of what is wrong here, for the overview; absent when nothing is */
  readonly firstError?: string
  readonly conditions: readonly Condition[]
}

/** The BGP session with one peer. */
export interface SessionReport {
  readonly peer: string
  /** `192.168.1.1:179` */
  readonly address: string
  readonly state: 'Established' | 'Active' | 'Idle'
  /** of being up, or of not being up */
  readonly since: string
  readonly peerASN?: number
  /** of the peer; this and what was negotiated while it is up */
  readonly routerID?: string
  readonly holdTime?: string
  readonly keepaliveTime?: string
  readonly capabilities?: readonly string[]
  /** why it is not up */
  readonly lastError?: string
  /** the last NOTIFICATION each way, however long ago */
  readonly notificationSent?: { readonly at: string; readonly text: string }
  readonly notificationReceived?: { readonly at: string; readonly text: string }
  /** routes that the peer has been sent, while it is up */
  readonly announced?: { readonly ipv4: number; readonly ipv6: number }
  /** routes that cannot be sent to this peer */
  readonly unsent?: readonly { readonly reason: string; readonly message: string; readonly routes: number }[]
  /** absent without BFD */
  readonly bfd?: 'Up' | 'Down'
  /** graceful restart: the peer has not heard of us since this speaker started */
  readonly restarting?: boolean
}

/** What the writer needs to know; conditions are made of the rest. */
export interface SpeakerState extends Omit<SpeakerStatusBody, 'conditions' | 'firstError'> {
  readonly ready: { readonly ok: boolean; readonly reason: string; readonly message: string }
  readonly drain: Pick<DrainState, 'phase' | 'reason'>
}

/** Field manager of server-side apply: the controller has one of its own for the condition that it writes. */
const FIELD_MANAGER = 'fairlead-speaker'

/** At most one write in this many milliseconds, however fast things change. */
const MIN_INTERVAL_MS = 500
/** When nothing but counts changed; they are told with whatever else changes, too. */
const COUNTS_INTERVAL_MS = 30_000
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
  /** `withoutCounts` tells whether there is something to write, `counts` whether there will be */
  #written = { withoutCounts: '', counts: '' }
  /** our own ones */
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
    this.#written = { withoutCounts: '', counts: '' }
    this.changed()
  }

  /** The controller has said of this speaker that nobody knows whether it is ready: it says so again. */
  doubted(): void {
    this.#written = { withoutCounts: '', counts: '' }
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
    const { ready, drain, ...state } = this.#state()
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
    const now = timestamp(this.#clock.now())
    const conditions = ownConditions(ready, state, drain).reduce<Condition[]>(
      (all, condition) => setCondition(all, condition, now),
      [...this.#conditions],
    )
    const error = firstError({ ...state, ready })
    const status: SpeakerStatusBody = { ...state, ...(error === '' ? {} : { firstError: error }), conditions }
    const text = fingerprints(status)
    if (text.withoutCounts === this.#written.withoutCounts) {
      if (text.counts === this.#written.counts) return { kind: 'done' }
      const wait = this.#lastWrite + COUNTS_INTERVAL_MS - this.#clock.now()
      if (wait > 0) return { kind: 'after', ms: wait }
    }
    this.#lastWrite = this.#clock.now()
    try {
      await this.#apply(status)
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) this.#known = false
      throw error
    }
    this.#written = text
    this.#conditions = conditions
    return { kind: 'done' }
  }

  /** By server-side apply: the condition that the controller owns stays as it is. */
  #apply(status: SpeakerStatusBody): Promise<KubeObject> {
    const key = { name: this.#node }
    return this.#api.patch(
      resources.speakerStatuses,
      key,
      { apiVersion: API_VERSION, kind: 'SpeakerStatus', metadata: key, status },
      { type: 'apply', subresource: 'status', fieldManager: FIELD_MANAGER, force: true },
    )
  }

  #wasReady(): boolean {
    // Unknown is not this speaker's word, and was True before.
    return this.#conditions.some(({ type, status }) => type === 'Ready' && status !== 'False')
  }

  async #ensureObject(): Promise<readonly Condition[]> {
    const owner = this.#owner()
    const object = {
      apiVersion: API_VERSION,
      kind: 'SpeakerStatus',
      metadata: { name: this.#node, ...(owner === undefined ? {} : { ownerReferences: [owner] }) },
    }
    try {
      await this.#api.create(resources.speakerStatuses, object)
      return []
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_EXISTS', 'FL_KUBE_CONFLICT')) throw error
      const found = await this.#api.get(resources.speakerStatuses, { name: this.#node })
      const { status } = found as KubeObject & { status?: { conditions?: Condition[] } }
      return (status?.conditions ?? []).filter(({ type }) => ownTypes.has(type))
    }
  }
}

const API_VERSION = 'fairlead.io/v1alpha1'

/** One text for all that is worth a write at once, another one for what is worth one now and then. */
function fingerprints({ sessions, ...status }: SpeakerStatusBody): { withoutCounts: string; counts: string } {
  // The generation alone would be a write for every change of an endpoint.
  const rest = { ...status, forwarding: { ...status.forwarding, generation: 0 } }
  return {
    withoutCounts: JSON.stringify([rest, withoutCounts(sessions)]),
    counts: JSON.stringify(sessions.map(withoutTimes)),
  }
}
