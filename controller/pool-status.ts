import type { IPAddressPoolStatus } from '#crds/objects.ts'
import type { KubeApi } from '#kube/api.ts'
import { isKubeError } from '#kube/errors.ts'
import { resources } from '#kube/resources.ts'
import type { Outcome } from '#kube/work-queue.ts'
import type { PoolCounts } from './allocator/pool-state.ts'

export interface PoolStatusOptions {
  readonly api: KubeApi
  readonly namespace: string
  /** undefined for a pool that is not in force, and while this replica may not write */
  readonly counts: (pool: string) => PoolCounts | undefined
  /** of the object as it was last seen, '' when it is gone */
  readonly uidOf: (pool: string) => string
}

/** Keeps the counters in IPAddressPool.status. */
export class PoolStatusReconciler {
  readonly #options: PoolStatusOptions
  /** by pool: the uid of the object and what was written to it */
  readonly #written = new Map<string, string>()

  constructor(options: PoolStatusOptions) {
    this.#options = options
  }

  /** What was written before may have been overwritten by another leader. */
  reset(): void {
    this.#written.clear()
  }

  async reconcile(pool: string): Promise<Outcome> {
    const { api, namespace } = this.#options
    const counts = this.#options.counts(pool)
    if (counts === undefined) {
      this.#written.delete(pool)
      return { kind: 'done' }
    }
    const status = poolStatus(counts)
    // A pool that was deleted and made again has the same name and no status.
    const text = JSON.stringify([this.#options.uidOf(pool), status])
    if (this.#written.get(pool) === text) return { kind: 'done' }
    try {
      const key = { namespace, name: pool }
      await api.patch(resources.ipAddressPools, key, { status }, { type: 'merge', subresource: 'status' })
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
      this.#written.delete(pool)
      return { kind: 'done' }
    }
    this.#written.set(pool, text)
    return { kind: 'done' }
  }
}

/** The largest number that is a double and still an int64. */
const MOST = 2n ** 63n - 1024n

const poolStatus = ({ capacity, assigned }: PoolCounts): IPAddressPoolStatus => ({
  assignedIPv4: capped(assigned.v4),
  assignedIPv6: capped(assigned.v6),
  availableIPv4: capped(capacity.v4 - assigned.v4),
  availableIPv6: capped(capacity.v6 - assigned.v6),
})

const capped = (count: bigint): number => Number(count < MOST ? count : MOST)
