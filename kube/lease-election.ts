import type { KubeApi, ObjectKey } from './api.ts'
import type { Clock, Timer } from './clock.ts'
import { sleep } from './clock.ts'
import { isKubeError, KubeError } from './errors.ts'
import { decideLease, observeLease, releasedSpec } from './lease.ts'
import type { Lease, LeaseMove, SeenLease } from './lease.ts'
import { resources } from './resources.ts'

export interface LeaseElectionOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly random?: () => number
  readonly namespace: string
  readonly name: string
  /** unique to this process, for instance the Pod's name */
  readonly identity: string
  /** 15,000 when absent */
  readonly leaseDurationMs?: number
  /** shorter than the duration; 10,000 when absent */
  readonly renewDeadlineMs?: number
  /** 2,000 when absent */
  readonly retryPeriodMs?: number
  readonly onChange?: (leader: boolean) => void
  readonly onError?: (error: unknown) => void
}

/**
 * Leader election by a Lease, with fencing: `leader` and `mayWrite` turn false when the last renewal was *sent*
 * longer than the deadline ago, whether or not the server can be reached. The deadline is shorter than the
 * duration, so by the time another replica may take the Lease this one has stopped beginning writes.
 */
export class LeaseElection {
  readonly #options: LeaseElectionOptions
  readonly #self: { readonly identity: string; readonly durationMs: number }
  readonly #deadlineMs: number
  readonly #periodMs: number
  readonly #key: ObjectKey
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #seen: SeenLease | undefined
  /** when the last renewal that the server took was sent; undefined when the Lease is not ours */
  #renewedAt: number | undefined
  #reported = false
  #fence: Timer | undefined

  constructor(options: LeaseElectionOptions) {
    this.#options = options
    this.#self = { identity: options.identity, durationMs: options.leaseDurationMs ?? 15_000 }
    this.#deadlineMs = options.renewDeadlineMs ?? 10_000
    this.#periodMs = options.retryPeriodMs ?? 2000
    this.#key = { namespace: options.namespace, name: options.name }
  }

  get leader(): boolean {
    return this.mayWrite(this.#options.clock.now())
  }

  /** identity of the holder as last seen, '' when there is none */
  get holder(): string {
    return this.#seen?.lease.spec?.holderIdentity ?? ''
  }

  /** May a write begin at `now` (epoch ms, of the same clock)? */
  mayWrite(now: number): boolean {
    return this.#renewedAt !== undefined && now < this.#renewedAt + this.#deadlineMs
  }

  start(): void {
    if (!this.#stopping.signal.aborted) this.#loop ??= this.#run()
  }

  /** Stops leading at once, then gives the Lease back so that another replica need not wait for it to expire. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#setRenewed(undefined)
    await this.#loop
    if (this.holder !== this.#options.identity) return
    try {
      await this.#limited(this.#release())
    } catch (error) {
      this.#options.onError?.(error)
    }
  }

  async #run(): Promise<void> {
    const { clock, random = Math.random } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#limited(this.#attempt())
      } catch (error) {
        if (!signal.aborted) this.#options.onError?.(error)
      }
      // Jitter keeps the replicas that wait from asking in step.
      await sleep(clock, this.#periodMs * (this.leader ? 1 : 1 + 0.2 * random()), signal)
    }
  }

  /** An attempt that hangs is left behind while there is time for another; resourceVersions keep them apart. */
  async #limited(work: Promise<void>): Promise<void> {
    const enough = new AbortController()
    const limit = sleep(this.#options.clock, this.#deadlineMs / 2, enough.signal).then(() => {
      if (enough.signal.aborted) return
      throw new KubeError('FL_KUBE_UNREACHABLE', `Lease ${this.#key.name}: no answer in time`)
    })
    try {
      await Promise.race([work, limit])
    } finally {
      enough.abort()
    }
  }

  async #attempt(): Promise<void> {
    // The holder knows what it wrote and need not read it first; only a refusal makes it look.
    if (this.#renewedAt === undefined || !this.#seen) await this.#look()
    try {
      await this.#move()
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_CONFLICT', 'FL_KUBE_EXISTS', 'FL_KUBE_NOT_FOUND')) throw error
      await this.#look()
      await this.#move()
    }
  }

  async #look(): Promise<void> {
    const { api, clock, identity } = this.#options
    try {
      const lease = await api.get(resources.leases, this.#key)
      this.#seen = observeLease(this.#seen, lease, clock.now())
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
      this.#seen = undefined
    }
    if (this.holder !== identity) this.#setRenewed(undefined)
  }

  async #move(): Promise<void> {
    const { signal } = this.#stopping
    const sentAt = this.#options.clock.now()
    const move = decideLease(this.#seen, this.#self, sentAt)
    if (move.kind === 'wait' || signal.aborted) return
    const lease = await this.#write(move)
    this.#seen = observeLease(this.#seen, lease, sentAt)
    if (!signal.aborted) this.#setRenewed(sentAt)
  }

  #write(move: Exclude<LeaseMove, { kind: 'wait' }>): Promise<Lease> {
    const { api } = this.#options
    const present = this.#seen?.lease
    if (!present) return api.create(resources.leases, { metadata: this.#key, spec: move.spec } as Lease)
    return api.update(resources.leases, { ...present, spec: move.spec } as Lease)
  }

  async #release(): Promise<void> {
    const { api, clock, identity } = this.#options
    for (let attempt = 0; attempt < 2; attempt++) {
      await this.#look()
      if (!this.#seen || this.holder !== identity) return
      const { lease } = this.#seen
      try {
        await api.update(resources.leases, {
          ...lease,
          spec: releasedSpec(lease.spec ?? {}, clock.now()),
        } as Lease)
        return
      } catch (error) {
        // A renewal that was left behind arrived first.
        if (!isKubeError(error, 'FL_KUBE_CONFLICT') || attempt > 0) throw error
      }
    }
  }

  #setRenewed(at: number | undefined): void {
    this.#renewedAt = at === undefined ? undefined : Math.max(at, this.#renewedAt ?? at)
    this.#fence?.cancel()
    this.#fence = undefined
    if (this.#renewedAt !== undefined) this.#armFence(this.#renewedAt + this.#deadlineMs)
    this.#report()
  }

  /** Leadership ends by itself. Timers may fire a moment early by the clock that decides: then it is armed again. */
  #armFence(at: number): void {
    const { clock } = this.#options
    const left = Math.max(1, at - clock.now())
    this.#fence = clock.setTimeout(() => {
      if (clock.now() < at) this.#armFence(at)
      this.#report()
    }, left)
  }

  #report(): void {
    const { leader } = this
    if (leader === this.#reported) return
    this.#reported = leader
    this.#options.onChange?.(leader)
  }
}
