import type { Act } from './acts.ts'
import type { Said } from './frames.ts'
import { Hasty } from './hasty.ts'
import { Moves } from './moves.ts'
import { Overlaps } from './overlaps.ts'
import type { Process } from './process.ts'
import { Promises } from './promises.ts'
import { Quiet } from './quiet.ts'
import { Rates } from './rates.ts'
import type { Court, Rule, Violation } from './rules.ts'
import type { Witness } from './witness.ts'
import type { World } from './world.ts'

/** These change who hears whom, or who runs: every address has to be looked at again. */
const farReaching: ReadonlySet<Act['do']> = new Set([
  'linkDown',
  'linkUp',
  'split',
  'heal',
  'block',
  'unblock',
  'quality',
  'freeze',
  'thaw',
  'pause',
  'resume',
])
/** These must not move anything, so a network in which they happen is as quiet as before. */
const harmless: ReadonlySet<Act['do']> = new Set(['apiDown', 'apiUp', 'resend'])

/** Watches a world and keeps the first violation of each run. */
export class Checker implements Witness, Court {
  readonly world: World
  readonly overlaps: Overlaps
  readonly quiet: Quiet
  readonly promises: Promises
  readonly rates: Rates
  violation: Violation | undefined
  quietSince = 0
  disturbances = 0
  /** how often an address came to a node */
  takeovers = 0
  readonly #moves: Moves
  readonly #hasty: Hasty
  readonly #dirty = new Set<string>()
  /** answers and claims for what was not told as held, to be looked at when all is told */
  readonly #spoken: Said[] = []

  constructor(world: World) {
    this.world = world
    this.overlaps = new Overlaps(this)
    this.#moves = new Moves(this)
    this.#hasty = new Hasty(this)
    this.quiet = new Quiet(this)
    this.promises = new Promises(this)
    this.rates = new Rates(this)
    world.witness = this
    for (const address of world.api.addresses) this.#moves.allow(address, 5000)
    this.quiet.start()
  }

  violated(rule: Rule, text: string): void {
    this.violation ??= { rule, at: this.world.time.now, text }
  }

  beforeAct(act: Act): void {
    this.promises.beforeAct()
    this.#hasty.beforeAct(act)
    this.#moves.beforeAct(act)
    if (farReaching.has(act.do)) this.#dirtyAll()
  }

  afterAct(act: Act): void {
    if (!harmless.has(act.do)) this.#touch()
    this.#moves.afterAct(act)
    this.promises.afterAct(act)
  }

  held(process: Process, address: string, held: boolean): void {
    this.#dirty.add(address)
    if (held) this.takeovers++
    if (held) this.#hasty.took(process, address)
    else this.#hasty.lost(process, address)
    if (held && !process.view.serves(address)) {
      this.violated('silent', `${process.node} holds ${address}, which is not served there`)
    }
  }

  sent(process: Process, said: Said): void {
    this.rates.sent(process, said)
    if (said.kind === 'question') return
    this.#hasty.spoke(process, said)
    if (!process.held.has(said.address)) this.#spoken.push(said)
    if (!process.view.serves(said.address) || process.view.known(said.address) === undefined) {
      this.violated('silent', `${process.node}: ${said.kind} for ${said.address}, which is not served there`)
    }
  }

  woke(process: Process): void {
    this.rates.woke(process)
  }

  settled(process: Process): void {
    for (const { kind, address } of this.#spoken.splice(0)) {
      if (!process.held.has(address)) {
        this.violated('silent', `${process.node}: ${kind} for ${address}, which it does not hold`)
      }
    }
  }

  news(_process: Process, address: string, before: number, version: number): void {
    this.#touch()
    this.#moves.news(address, before, version)
  }

  marked(): void {
    this.#touch()
    this.#moves.marked()
  }

  ended(process: Process): void {
    for (const address of process.held) this.#dirty.add(address)
  }

  judge(): boolean {
    for (const address of this.#dirty) {
      const holders = this.world.holders(address)
      this.#moves.look(address, holders)
      this.overlaps.look(address, holders)
    }
    this.#dirty.clear()
    for (const { kind, address } of this.#spoken) {
      this.violated('silent', `${kind} for ${address} of one who does not hold it`)
    }
    return this.violation !== undefined
  }

  #touch(): void {
    this.quietSince = this.world.time.now
    this.disturbances++
  }

  #dirtyAll(): void {
    for (const address of this.world.api.addresses) this.#dirty.add(address)
  }
}
