import type { Problem } from '#crds/config.ts'
import type { IPAddressPoolStatus, ObjectCondition } from '#crds/objects.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { setCondition } from '#kube/conditions.ts'
import { isKubeError } from '#kube/errors.ts'
import { resources } from '#kube/resources.ts'
import { timestamp } from '#kube/timestamp.ts'
import type { Outcome } from '#kube/work-queue.ts'
import type { PoolCounts } from './allocator/pool-state.ts'

export interface PoolStatusOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly namespace: string
  /** undefined for a pool that is not in force, and while this replica may not write */
  readonly counts: (pool: string) => PoolCounts | undefined
  /** which pool has addresses of this one, in words; undefined for none, and while this replica may not write */
  readonly conflict: (pool: string) => string | undefined
  /** of the object as it was last seen, '' when it is gone */
  readonly uidOf: (pool: string) => string
}

/** The condition of an IPAddressPool that is not in force as written, because another one has addresses of it. */
export const CONFLICTING = 'Conflicting'

/** What is said of each pool that overlaps with an older one. */
export const conflictsIn = (problems: readonly Problem[]): ReadonlyMap<string, string> =>
  new Map(
    problems
      .filter(
        ({ kind, code, severity }) =>
          kind === 'IPAddressPool' && code === 'FL_POOL_OVERLAP' && severity === 'error',
      )
      .map(({ name, field, message }) => [name, `${field}: ${message}`]),
  )

interface Written {
  readonly text: string
  readonly conditions: readonly ObjectCondition[]
}

/** Keeps counters and condition in IPAddressPool.status. */
export class PoolStatusReconciler {
  readonly #options: PoolStatusOptions
  /** by pool: the uid of the object with what was written to it */
  readonly #written = new Map<string, Written>()

  constructor(options: PoolStatusOptions) {
    this.#options = options
  }

  /** What was written before may have been overwritten by another leader. */
  reset(): void {
    this.#written.clear()
  }

  async reconcile(pool: string): Promise<Outcome> {
    const { api, namespace, counts, conflict } = this.#options
    const [known, words, written] = [counts(pool), conflict(pool), this.#written.get(pool)]
    // A pool in error that never was in force has no counters; only a condition of ours needs looking after.
    if (known === undefined && words === undefined && (written?.conditions.length ?? 0) === 0) {
      this.#written.delete(pool)
      return { kind: 'done' }
    }
    const conditions = words === undefined ? [] : await this.#conditions(pool, words, written)
    const status = { ...poolStatus(known ?? nothing), conditions: conditions.length > 0 ? conditions : null }
    // A pool that was deleted and made again has the same name and no status.
    const text = JSON.stringify([this.#options.uidOf(pool), status])
    if (written?.text === text) return { kind: 'done' }
    try {
      const key = { namespace, name: pool }
      await api.patch(resources.ipAddressPools, key, { status }, { type: 'merge', subresource: 'status' })
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
      this.#written.delete(pool)
      return { kind: 'done' }
    }
    this.#written.set(pool, { text, conditions })
    return { kind: 'done' }
  }

  /** A conflict that this process did not see begin keeps its time. */
  async #conditions(pool: string, words: string, written: Written | undefined): Promise<ObjectCondition[]> {
    const before = written?.conditions ?? (await this.#read(pool))
    const condition = { type: CONFLICTING, status: 'True', reason: 'AddressesTaken', message: words } as const
    return setCondition(
      before.filter(({ type }) => type === CONFLICTING),
      condition,
      timestamp(this.#options.clock.now()),
    )
  }

  async #read(pool: string): Promise<readonly ObjectCondition[]> {
    const { api, namespace } = this.#options
    const options = { namespace, fieldSelector: `metadata.name=${pool}` }
    const [object] = (await api.list(resources.ipAddressPools, options)).items
    return (object as (KubeObject & { status?: IPAddressPoolStatus }) | undefined)?.status?.conditions ?? []
  }
}

const nothing: PoolCounts = { capacity: { v4: 0n, v6: 0n }, assigned: { v4: 0n, v6: 0n }, services: 0 }

/** The largest number that is a double and still an int64. */
const MOST = 2n ** 63n - 1024n

const poolStatus = ({ capacity, assigned }: PoolCounts): IPAddressPoolStatus => ({
  assignedIPv4: capped(assigned.v4),
  assignedIPv6: capped(assigned.v6),
  availableIPv4: capped(capacity.v4 - assigned.v4),
  availableIPv6: capped(capacity.v6 - assigned.v6),
})

const capped = (count: bigint): number => Number(count < MOST ? count : MOST)
