import type { Clock, Timer } from '#kube/clock.ts'
import type { BfdSettings } from '../bfd/config.ts'
import type { WireDesired } from '../wire/protocol.ts'
import type { World } from '../world.ts'
import { planSpeakers } from './plan.ts'
import { judgeStaleness, standsFor, type Staleness } from './staleness.ts'

export interface LivenessOptions {
  readonly clock: Clock
  /** of the BFD sessions between speakers */
  readonly settings: BfdSettings
  /** the last contact with the API server, epoch milliseconds; 0 for none yet */
  readonly contact: () => number
  readonly send: (message: WireDesired) => void
  readonly onStale: (stale: boolean) => void
}

/** Keeps the wire thread informed of who the other speakers are, and of whether this one may be behind the times. */
export class Liveness {
  readonly #options: LivenessOptions
  #staleness: Staleness = { stale: false, heard: 0 }
  #timer: Timer | undefined
  #world: World | undefined
  #sent = ''
  #stopped = false

  constructor(options: LivenessOptions) {
    this.#options = options
  }

  /** this speaker has heard nothing of the API for so long that others may know better */
  get stale(): boolean {
    return this.#staleness.stale
  }

  start(): void {
    // The start counts as a contact: a speaker that never reached the API has nothing to announce anyway.
    this.#staleness = { stale: false, heard: this.#options.clock.now() }
    this.look()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Nodes, speakers or what they say of themselves may have changed. */
  update(world: World): void {
    this.#world = world
    this.#tell()
  }

  /** Judges the staleness anew; to be called when the API was heard, and by itself when it was not. */
  look(): void {
    if (this.#stopped) return
    const { clock, contact, onStale } = this.#options
    const now = clock.now()
    const before = this.#staleness.stale
    const heard = Math.max(contact(), this.#staleness.heard)
    this.#staleness = judgeStaleness(this.#staleness, heard, now)
    this.#timer?.cancel()
    this.#timer = clock.setTimeout(() => this.look(), standsFor(this.#staleness, now))
    if (this.stale === before) return
    onStale(this.stale)
    this.#tell()
  }

  #tell(): void {
    const { settings, send } = this.#options
    if (this.#world === undefined) return
    const message = planSpeakers(this.#world, { stale: this.stale, liveness: settings })
    const text = JSON.stringify(message)
    if (text === this.#sent) return
    this.#sent = text
    send(message)
  }
}
