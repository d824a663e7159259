import type {
  KubeApi,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectKey,
  PatchOptions,
  Resource,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '#kube/api.ts'
import { sleep, type Clock, type Timer } from '#kube/clock.ts'
import { KubeError, kubeErrorFrom } from '#kube/errors.ts'

/** For tests: the clock of one replica, which stands still while the replica is frozen and then jumps. */
export class ReplicaClock implements Clock {
  readonly #base: Clock
  readonly #held: (() => void)[] = []
  #frozenAt: number | undefined

  constructor(base: Clock) {
    this.#base = base
  }

  now(): number {
    return this.#frozenAt ?? this.#base.now()
  }

  setTimeout(run: () => void, ms: number): Timer {
    let cancelled = false
    const timer = this.#base.setTimeout(() => this.#run(() => cancelled || run()), ms)
    return {
      cancel() {
        cancelled = true
        timer.cancel()
      },
    }
  }

  get frozen(): boolean {
    return this.#frozenAt !== undefined
  }

  freeze(): void {
    this.#frozenAt ??= this.#base.now()
  }

  thaw(): void {
    this.#frozenAt = undefined
    for (const run of this.#held.splice(0)) run()
  }

  /** Resolves when the replica runs. */
  running(): Promise<void> {
    return new Promise((resolve) => this.#run(resolve))
  }

  #run(run: () => void): void {
    if (this.frozen) this.#held.push(run)
    else run()
  }
}

/** What goes wrong between a replica and the API server: shares from 0 to 1, and how long anything takes. */
export interface Trouble {
  /** requests that the server fails with 500, having done nothing */
  readonly errors: number
  /** writes that are refused with 409, having done nothing */
  readonly conflicts: number
  /** writes that are done, and of which the answer is lost */
  readonly lost: number
  /** longest time to the server, and back, in milliseconds */
  readonly latencyMs: number
}

export const noTrouble: Trouble = { errors: 0, conflicts: 0, lost: 0, latencyMs: 0 }

/** A write that a replica has begun. */
export interface Write {
  readonly verb: string
  readonly resource: string
  readonly key: string
  readonly at: number
}

/**
 * For tests: the API server as one replica reaches it. What is on its way arrives while the replica is frozen;
 * answers and events wait until it runs.
 */
export class ReplicaApi implements KubeApi {
  readonly #api: KubeApi
  readonly #clock: Clock
  readonly #replica: ReplicaClock
  readonly #random: () => number
  /** is told of each write before it leaves */
  readonly #onWrite: (write: Write) => void
  trouble = noTrouble

  constructor(options: {
    readonly api: KubeApi
    /** of the network */
    readonly clock: Clock
    readonly replica: ReplicaClock
    readonly random: () => number
    readonly onWrite: (write: Write) => void
  }) {
    this.#api = options.api
    this.#clock = options.clock
    this.#replica = options.replica
    this.#random = options.random
    this.#onWrite = options.onWrite
  }

  get(resource: Resource, key: ObjectKey): Promise<KubeObject> {
    return this.#ask(false, () => this.#api.get(resource, key))
  }

  list(resource: Resource, options: ListOptions & { limit?: number; continue?: string }): Promise<ListPage> {
    return this.#ask(false, () => this.#api.list(resource, options))
  }

  async *watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
    await this.#replica.running()
    for await (const event of this.#api.watch(resource, options)) {
      await this.#delay()
      await this.#replica.running()
      yield event
    }
  }

  create(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject> {
    this.#tell('create', resource, object.metadata)
    return this.#ask(true, () => this.#api.create(resource, object, options))
  }

  update(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject> {
    this.#tell('update', resource, object.metadata)
    return this.#ask(true, () => this.#api.update(resource, object, options))
  }

  patch(resource: Resource, key: ObjectKey, body: unknown, options: PatchOptions): Promise<KubeObject> {
    this.#tell('patch', resource, key)
    return this.#ask(true, () => this.#api.patch(resource, key, body, options))
  }

  delete(resource: Resource, key: ObjectKey): Promise<void> {
    this.#tell('delete', resource, key)
    return this.#ask(true, () => this.#api.delete(resource, key))
  }

  #tell(verb: string, { plural }: Resource, { namespace = '', name }: ObjectKey): void {
    this.#onWrite({ verb, resource: plural, key: `${namespace}/${name}`, at: this.#replica.now() })
  }

  async #ask<T>(writes: boolean, act: () => Promise<T>): Promise<T> {
    const { errors, conflicts, lost } = this.trouble
    const [failing, conflicting, losing] = [this.#random(), this.#random(), this.#random()]
    try {
      await this.#delay()
      if (failing < errors) throw kubeErrorFrom(500, 'injected')
      if (writes && conflicting < conflicts)
        throw kubeErrorFrom(409, { reason: 'Conflict', message: 'injected' })
      const answer = await act()
      if (writes && losing < lost) throw new KubeError('FL_KUBE_UNREACHABLE', 'injected: the answer is lost')
      await this.#delay()
      return answer
    } finally {
      await this.#replica.running()
    }
  }

  async #delay(): Promise<void> {
    const { latencyMs } = this.trouble
    if (latencyMs > 0) await sleep(this.#clock, Math.floor(this.#random() * latencyMs))
  }
}
