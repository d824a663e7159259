import type { Clock, Timer } from '#kube/clock.ts'
import type { Node } from '#kube/objects/node.ts'
import { stepDrain, type DrainState } from './phase.ts'
import { drainReason } from './reason.ts'

export interface DrainOptions {
  readonly clock: Clock
  /** also for a cordon or a taint of shutting down */
  readonly onCordon: boolean
  /** how long routes stay, with GRACEFUL_SHUTDOWN, after a drain began */
  readonly waitMs: number
  /** routes are to carry GRACEFUL_SHUTDOWN now, or not any more */
  readonly gracefulShutdown: (on: boolean) => void
  /** the phase changed by itself: what is announced has to be looked at again */
  readonly onPhase: () => void
  /** told once for each change of phase, after it */
  readonly onChange: (state: DrainState, before: DrainState['phase']) => void
}

/** The drain of this node: follows its Node object, and the clock while routes wait for their end. */
export class Drain {
  readonly #options: DrainOptions
  #state: DrainState | undefined
  #timer: Timer | undefined

  constructor(options: DrainOptions) {
    this.#options = options
  }

  get state(): DrainState {
    return this.#state ?? { phase: 'none', reason: '', since: 0 }
  }

  /** Routes are still told although the node gives its addresses away. */
  get keepsRoutes(): boolean {
    return this.state.phase === 'shutting'
  }

  /** Looks at the Node as it is now; to be called with whatever else is looked at. */
  update(node: Node | undefined): void {
    const { clock, onCordon, waitMs, gracefulShutdown, onChange } = this.#options
    const now = clock.now()
    const reason = node === undefined ? '' : drainReason(node, onCordon)
    const first = this.#state === undefined
    const before = this.state
    this.#state = stepDrain(this.#state, reason, now, waitMs)
    const { phase, since } = this.#state
    this.#timer?.cancel()
    this.#timer = undefined
    if (phase === 'shutting')
      this.#timer = clock.setTimeout(() => this.#options.onPhase(), Math.max(1, since + waitMs - now))
    if (phase === before.phase) return
    // Nothing was told with it at the first look, so there is nothing to take back either.
    if ((phase === 'none') !== (before.phase === 'none') && !first) gracefulShutdown(phase !== 'none')
    onChange(this.#state, before.phase)
  }

  stop(): void {
    this.#timer?.cancel()
  }
}
