import { isDeepStrictEqual } from 'node:util'
import { compareAddresses, formatAddress, type Address } from '#inet/address.ts'
import { parseKey, type KubeApi, type KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { sameCondition, setCondition } from '#kube/conditions.ts'
import { isKubeError } from '#kube/errors.ts'
import type { Condition } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { timestamp } from '#kube/timestamp.ts'
import type { Outcome } from '#kube/work-queue.ts'
import { notNow } from './leadership.ts'
import { isManaged, managedLabels, projectReservation, type ReservationObject } from './reservation.ts'
import type { ReservationState, Session } from './session.ts'

export interface ReservationReconcilerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  /** as the reflector has it */
  readonly observed: (key: string) => ReservationObject | undefined
  /** undefined while this replica may not write */
  readonly session: () => Session<ReservationObject> | undefined
  /** there is a session, whether it may write now or not */
  readonly held: () => boolean
  /** what the session knows of reservations has changed: these Services have to be looked at */
  readonly onChanged: (services: readonly string[]) => void
}

const ATTEMPTS = 4
/** The condition of an AddressReservation: are its addresses kept for it? */
export const RESERVED = 'Reserved'

/** Makes AddressReservations for Services that want one, and writes who holds each. */
export class ReservationReconciler {
  readonly #options: ReservationReconcilerOptions
  /** told by the reflector, and not yet compared with what the session knows */
  readonly #doubtful = new Set<string>()
  #inTerm = false
  /** the last work on a key: two writers of one object would only get in each other's way */
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(options: ReservationReconcilerOptions) {
    this.#options = options
  }

  /** What the reflector has told of since `beginTerm`, to be reconciled. */
  get doubtful(): ReadonlySet<string> {
    return this.#doubtful
  }

  /** All reservations are about to be listed anew. */
  beginTerm(): void {
    this.#doubtful.clear()
    this.#inTerm = true
  }

  endTerm(): void {
    this.#doubtful.clear()
    this.#inTerm = false
  }

  /** The reflector has something else than before. */
  doubt(key: string): void {
    if (this.#inTerm) this.#doubtful.add(key)
  }

  /** @param key `namespace/name` */
  reconcile(key: string): Promise<Outcome> {
    return this.#alone(key, () => this.#reconcile(key))
  }

  /**
   * Sees to it that the reservation of a Service keeps what the Service has, before the Service says that it has it.
   * @returns false when it is not what was known of it: decide again
   */
  ensure(key: string): Promise<boolean> {
    return this.#alone(key, () => this.#ensure(key))
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { observed, held } = this.#options
    const session = this.#options.session()
    if (session === undefined) return held() ? notNow : { kind: 'done' }
    // The reflector may be behind what was listed or written; to believe it could free an address that is kept.
    if (this.#doubtful.has(key) && !sameContent(observed(key), session.reservation(key)))
      await this.#learn(key)
    this.#doubtful.delete(key)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if ((await this.#ensure(key)) && (await this.#writeStatus(key))) return { kind: 'done' }
      if (this.#options.session() === undefined) return held() ? notNow : { kind: 'done' }
    }
    return { kind: 'failed', error: new Error(`AddressReservation ${key}: others kept changing it`) }
  }

  async #ensure(key: string): Promise<boolean> {
    const session = this.#options.session()
    if (session === undefined) return false
    const known = session.reservation(key)
    const state = session.reservationState(key)
    if (state.holder === '') return true
    if (known === undefined) return this.#create(key, state)
    const addresses = completed(known.addresses, state.addresses)
    const pools = addresses.length === state.addresses.length ? state.pools : known.pools
    const same = addresses.length === known.addresses.length && isDeepStrictEqual(pools, known.pools)
    if (same || !isManaged(known)) return true
    const spec = { addresses: addresses.map(formatAddress), pools }
    return this.#write(key, () =>
      this.#options.api.patch(
        resources.addressReservations,
        parseKey(key),
        { metadata: { resourceVersion: known.resourceVersion }, spec },
        { type: 'merge' },
      ),
    )
  }

  #create(key: string, { addresses, pools }: ReservationState): Promise<boolean> {
    return this.#write(key, () =>
      this.#options.api.create(resources.addressReservations, {
        apiVersion: 'fairlead.io/v1alpha1',
        kind: 'AddressReservation',
        metadata: { ...parseKey(key), labels: managedLabels },
        spec: { addresses: addresses.map(formatAddress), pools },
      } as KubeObject),
    )
  }

  /** @returns false when the status was decided on an older version of the object */
  async #writeStatus(key: string): Promise<boolean> {
    const session = this.#options.session()
    if (session === undefined) return false
    const known = session.reservation(key)
    if (known === undefined) return true
    const status = statusOf(known, session.reservationState(key), timestamp(this.#options.clock.now()))
    if (status === undefined) return true
    return this.#write(key, () =>
      this.#options.api.patch(
        resources.addressReservations,
        parseKey(key),
        { metadata: { resourceVersion: known.resourceVersion }, status },
        { type: 'merge', subresource: 'status' },
      ),
    )
  }

  /** @returns false when somebody else was faster: what they wrote is known then */
  async #write(key: string, write: () => Promise<KubeObject>): Promise<boolean> {
    try {
      this.#know(key, projectReservation(await write()))
      return true
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_CONFLICT', 'FL_KUBE_NOT_FOUND', 'FL_KUBE_EXISTS')) throw error
      await this.#learn(key)
      return false
    }
  }

  async #learn(key: string): Promise<void> {
    this.#know(key, await this.#read(key))
  }

  async #read(key: string): Promise<ReservationObject | undefined> {
    try {
      return projectReservation(await this.#options.api.get(resources.addressReservations, parseKey(key)))
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return undefined
      throw error
    }
  }

  #alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    const run = (this.#busy.get(key) ?? Promise.resolve()).then(work)
    const ended = run.then(
      () => {},
      () => {},
    )
    this.#busy.set(key, ended)
    void ended.then(() => {
      if (this.#busy.get(key) === ended) this.#busy.delete(key)
    })
    return run
  }

  /** What was read or written is true for the session that leads, if there is one. */
  #know(key: string, object: ReservationObject | undefined): void {
    const session = this.#options.session()
    if (session === undefined) return
    this.#options.onChanged(session.setReservation(key, object))
  }
}

/** The addresses kept, and for a family of which none is kept the one that the Service has; IPv4 first. */
function completed(kept: readonly Address[], has: readonly Address[]): Address[] {
  const more = has.filter(({ family }) => kept.every((one) => one.family !== family))
  return [...kept, ...more].sort(compareAddresses)
}

const sameContent = (a: ReservationObject | undefined, b: ReservationObject | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    isDeepStrictEqual({ ...a, resourceVersion: '' }, { ...b, resourceVersion: '' }))

interface Status {
  readonly service: string | null
  readonly phase: 'Bound' | 'Released'
  readonly conditions: readonly Condition[]
}

/** What the status should be, undefined when it is so. */
function statusOf(known: ReservationObject, state: ReservationState, nowIso: string): Status | undefined {
  const service = state.holder === '' ? '' : parseKey(state.holder).name
  const phase = service === '' ? 'Released' : 'Bound'
  const { problem } = state
  const words = {
    type: RESERVED,
    status: problem === undefined ? ('True' as const) : ('False' as const),
    reason: problem?.reason ?? 'Reserved',
    message: problem?.message ?? 'no other Service gets the addresses',
    ...(known.generation > 0 ? { observedGeneration: known.generation } : {}),
  }
  const present = known.conditions.find(({ type }) => type === RESERVED)
  const said = present !== undefined && sameCondition(present, words)
  if (said && known.phase === phase && known.recordedService === service) return undefined
  const conditions = said ? known.conditions : setCondition(known.conditions, words, nowIso)
  return { service: service || null, phase, conditions }
}
