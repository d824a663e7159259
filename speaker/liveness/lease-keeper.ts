import { backoffMs } from '#kube/backoff.ts'
import type { KubeApi, KubeObject, OwnerReference } from '#kube/api.ts'
import { sleep, type Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import { LEASE_COMPONENT_LABEL, speakerLeaseName, type Lease } from '#kube/lease.ts'
import { resources } from '#kube/resources.ts'
import { microTimestamp } from '#kube/timestamp.ts'

export interface LeaseKeeperOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly random?: () => number
  readonly namespace: string
  readonly node: string
  /** the Node: the Lease goes with it */
  readonly owner: () => OwnerReference | undefined
  /** the API server has answered a renewal */
  readonly onAnswer: () => void
  readonly onError: (error: unknown) => void
}

const INTERVAL_MS = 10_000
const DURATION_SECONDS = 40
/** After a failure it is tried again sooner, but not so soon that all speakers together hold up an API server that starts. */
const RETRY_MS = 2000
const LONGEST_RETRY_MS = 5000
/** The second renewal after a failure comes sooner: it is what shows that the API is back to stay. */
const PROOF_INTERVAL_MS = 6000

/**
 * Renews this speaker's Lease, by which the controller, and through it every other speaker, knows that this one
 * reaches the API. One patch in 10 s, without a read: nobody else writes the object.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #answeredAt = 0
  #failures = 0

  constructor(options: LeaseKeeperOptions) {
    this.#options = options
  }

  /** epoch milliseconds of the last answer of the API server, 0 before the first */
  get answeredAt(): number {
    return this.#answeredAt
  }

  start(): void {
    if (!this.#stopping.signal.aborted) this.#loop ??= this.#run()
  }

  /** Ends the renewals. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  /** Gives the Lease back: who leaves on purpose must not look as if it were cut off. */
  async release(): Promise<void> {
    this.#stopping.abort()
    if (this.#loop === undefined) return
    try {
      await this.#patch({ spec: { holderIdentity: null } })
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) this.#options.onError(error)
    }
  }

  async #run(): Promise<void> {
    const { clock, random = Math.random } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const wait = await this.#renew()
      await sleep(clock, wait * (0.9 + 0.2 * random()), signal)
    }
  }

  /** @returns how long until the next renewal */
  async #renew(): Promise<number> {
    const { random = Math.random } = this.#options
    try {
      await this.#write()
      this.#heard()
      const again = this.#failures > 0
      this.#failures = 0
      return again ? PROOF_INTERVAL_MS : INTERVAL_MS
    } catch (error) {
      if (this.#stopping.signal.aborted) return INTERVAL_MS
      this.#options.onError(error)
      // A refusal is an answer, too: without the right to renew Leases this node is not cut off.
      if (isKubeError(error, 'FL_KUBE_FORBIDDEN', 'FL_KUBE_INVALID', 'FL_KUBE_CONFLICT')) {
        this.#heard()
        return INTERVAL_MS
      }
      return backoffMs(++this.#failures, RETRY_MS, LONGEST_RETRY_MS, random)
    }
  }

  #heard(): void {
    this.#answeredAt = this.#options.clock.now()
    this.#options.onAnswer()
  }

  async #write(): Promise<void> {
    const { api, clock, namespace, node, owner } = this.#options
    const labels = { [LEASE_COMPONENT_LABEL]: 'speaker' }
    const renewTime = microTimestamp(clock.now())
    const spec = { holderIdentity: node, leaseDurationSeconds: DURATION_SECONDS, renewTime }
    try {
      await this.#patch({ metadata: { labels }, spec })
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
      const reference = owner()
      const name = speakerLeaseName(node)
      const ownerReferences = reference === undefined ? {} : { ownerReferences: [reference] }
      const lease: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace, labels, ...ownerReferences },
        spec: { ...spec, acquireTime: renewTime },
      }
      await api.create(resources.leases, lease)
    }
  }

  #patch(body: object): Promise<KubeObject> {
    const { api, namespace, node } = this.#options
    return api.patch(resources.leases, { namespace, name: speakerLeaseName(node) }, body, { type: 'merge' })
  }
}
