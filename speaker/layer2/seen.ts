import { livenessSettings, type BfdSettings } from '../bfd/config.ts'
import type { Seen } from './awake.ts'

/** What the other speakers can see of this node by BFD: how long they wait, and who waits in vain. */
export class SeenByOthers implements Seen {
  /** when each node that is alive is to be told next at the latest that this one is */
  readonly #spoken = new Map<string, number>()
  #interval = 0
  #multiplier = 0

  constructor() {
    this.watch(livenessSettings)
  }

  /** How the speakers watch each other. */
  watch({ detectMultiplier, transmitInterval, receiveInterval }: BfdSettings): void {
    this.#interval = Math.max(transmitInterval, receiveInterval)
    this.#multiplier = detectMultiplier
  }

  get shortestDetection(): number {
    return (this.#multiplier - 1) * this.#interval
  }

  /** Milliseconds of silence after which they take a node for dead at the latest. */
  get detectionTime(): number {
    return this.#multiplier * this.#interval
  }

  overdue(now: number): number {
    return now - Math.min(now, ...this.#spoken.values())
  }

  /** The node is told that this one is alive, and is to be told again by then. */
  spoken(node: string, next: number): void {
    this.#spoken.set(node, next)
  }

  /** It waits for nothing more. */
  forget(node: string): void {
    this.#spoken.delete(node)
  }

  /** All are told that this node leaves. */
  leave(): void {
    this.#spoken.clear()
  }
}
