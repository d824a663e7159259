import type { KubeError } from './errors.ts'
import { isKubeError } from './errors.ts'
import { Reflector, type ReflectorOptions } from './reflector.ts'

export interface OptionalReflectorOptions<T> extends ReflectorOptions<T> {
  /** answers that mean "there is none here"; a resource that the API server does not know is 404 */
  readonly absent: readonly KubeError['code'][]
}

/**
 * A reflector of a resource that not every cluster has: a kind of newer API servers, a custom resource whose
 * definition an upgrade has forgotten. Without it the list is empty and complete. It is asked for again and again all
 * the same, because it may come; that it is missing is told once.
 */
export class OptionalReflector<T> extends Reflector<T> {
  readonly #settled: { (): void }[] = []
  readonly #state: { missing: boolean }

  constructor({ absent, ...options }: OptionalReflectorOptions<T>) {
    const state = { missing: false }
    super({
      ...options,
      onError: (error, retryInMs) => {
        const missing = isKubeError(error, ...absent)
        if (!missing || !state.missing) options.onError?.(error, retryInMs)
        if (missing && !state.missing) {
          state.missing = true
          this.#settle()
        }
      },
    })
    this.#state = state
    void super.whenSynced().then(() => this.#settle())
  }

  /** the first list is complete, or it is known that there is none */
  override get synced(): boolean {
    return this.#state.missing || super.synced
  }

  override whenSynced(): Promise<void> {
    if (this.synced) return Promise.resolve()
    return new Promise((resolve) => this.#settled.push(resolve))
  }

  #settle(): void {
    for (const resolve of this.#settled.splice(0)) resolve()
  }
}
