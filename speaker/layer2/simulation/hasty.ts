import type { Act } from './acts.ts'
import type { Said } from './frames.ts'
import type { Process } from './process.ts'
import type { Court } from './rules.ts'

/** Milliseconds of quiet before, so that nothing else can be the cause. */
const calm = 3000
/** A timer may have been set a moment before. */
const inexact = 10
/** So long a node that runs again is watched. */
const watched = 1000

interface Still {
  readonly at: number
  readonly process: Process
  /** since then and without a break */
  readonly held: Set<string>
  /** with its kernel */
  readonly machine: boolean
  ended: number | undefined
}

/** Rules `hasty` and `thawed`: what a node that stands still may lose, and that it notices. */
export class Hasty {
  readonly #court: Court
  /** BFD takes at least so long: all its packets, less the one that was due next */
  readonly #shortestDetection: number
  readonly #still = new Map<string, Still>()

  constructor(court: Court) {
    this.#court = court
    const { transmitInterval, detectMultiplier } = court.world.liveness
    this.#shortestDetection = transmitInterval * (detectMultiplier - 1) - inexact
  }

  beforeAct(act: Act): void {
    const { world, quietSince } = this.#court
    const now = world.time.now
    if (act.do === 'freeze' || act.do === 'pause') {
      const { process } = world.machine(act.node)
      this.#still.clear()
      const judged = !world.noisy && !world.options.sharedMac && now - quietSince >= calm
      if (!judged || !process?.active) return
      const held = new Set(process.held)
      this.#still.set(act.node, { at: now, process, held, machine: act.do === 'pause', ended: undefined })
    } else if (act.do === 'thaw' || act.do === 'resume') {
      const still = this.#still.get(act.node)
      if (still !== undefined && !world.noisy) still.ended ??= now
    } else if (act.do !== 'apiDown' && act.do !== 'apiUp' && act.do !== 'resend') this.#still.clear()
  }

  /** A node answers for an address now. */
  took(by: Process, address: string): void {
    const { world } = this.#court
    for (const [node, { at, held, machine, ended }] of this.#still) {
      if (machine || ended !== undefined || node === by.node || !held.has(address)) continue
      const ms = world.time.now - at
      if (ms >= this.#shortestDetection || !world.hearEachOther(node, by.node)) continue
      const text = `${by.node} took ${address} ${ms.toFixed(0)} ms after ${node} was stopped, whose kernel answers`
      this.#court.violated('hasty', text)
    }
  }

  /** A node does not answer for the address any more. */
  lost(process: Process, address: string): void {
    const still = this.#still.get(process.node)
    if (still?.process === process) still.held.delete(address)
  }

  /** A node answers a question, or announces an address. */
  spoke(process: Process, { kind, address }: Said): void {
    const { world } = this.#court
    const still = this.#still.get(process.node)
    if (still?.ended === undefined || still.process !== process || !still.held.has(address)) return
    if (world.time.now - still.ended > watched) return
    const other = world.holders(address).find((one) => one !== process)
    if (other === undefined || !world.hearEachOther(other.node, process.node)) return
    this.#court.violated('thawed', `${process.node}: ${kind} for ${address}, which ${other.node} has taken`)
  }
}
