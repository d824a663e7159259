import type { Act } from './acts.ts'
import type { Process } from './process.ts'
import type { Court } from './rules.ts'

/** Milliseconds for which an act may move addresses. */
const effect = 3000
/** A node that is preferred and comes back has to be seen first, and learns what it serves. */
const returnEffect = 10_000
/** An address that another host uses is tried again every ten seconds. */
const foreignEffect = 15_000

/**
 * Rule `move`: an address leaves a holder that lives, or comes to a second node of a segment, only soon after
 * something that concerns it. API outages, nodes that hold nothing and nodes that return are no cause.
 */
export class Moves {
  readonly #court: Court
  readonly #allowed = new Map<string, number>()
  /** by address: the version of its candidates whose arrival at a node may move it */
  readonly #moving = new Map<string, number>()
  readonly #before = new Map<string, readonly Process[]>()

  constructor(court: Court) {
    this.#court = court
  }

  beforeAct(act: Act): void {
    for (const address of this.#addresses()) {
      const ms = this.#effectOn(address, act)
      if (ms > 0) this.allow(address, ms)
    }
  }

  /** The act has changed what the API has; what may move now may move again when a node hears of it. */
  afterAct(act: Act): void {
    if (
      act.do !== 'prefer' &&
      act.do !== 'serve' &&
      act.do !== 'drain' &&
      act.do !== 'undrain' &&
      act.do !== 'add'
    )
      return
    const { api, time } = this.#court.world
    for (const address of this.#addresses()) {
      if ((this.#allowed.get(address) ?? 0) > time.now) this.#moving.set(address, api.versionOf(address))
    }
  }

  news(address: string, before: number, version: number): void {
    const moving = this.#moving.get(address)
    if (before === -1 || version === 0 || (moving !== undefined && before < moving && moving <= version)) {
      this.allow(address, effect)
    }
  }

  /** The controller's mark ranks a node down, or up again. */
  marked(): void {
    for (const address of this.#addresses()) this.allow(address, effect)
  }

  allow(address: string, ms: number): void {
    const until = this.#court.world.time.now + ms
    this.#allowed.set(address, Math.max(until, this.#allowed.get(address) ?? 0))
  }

  look(address: string, holders: readonly Process[]): void {
    const { world } = this.#court
    const before = this.#before.get(address) ?? []
    this.#before.set(address, holders)
    if (world.noisy || world.options.sharedMac) this.allow(address, effect)
    // A stale holder is relieved as soon as somebody can, whenever that is.
    if (before.some(({ node }) => world.api.marked(node))) this.allow(address, effect)
    if (world.time.now <= (this.#allowed.get(address) ?? 0)) return
    for (const process of before) {
      // Who is gone or cut off has not let go, and what it did is a cause in itself.
      if (!holders.includes(process) && process.active) {
        return this.#court.violated('move', `${process.node} no longer holds ${address}, without a cause`)
      }
    }
    for (const process of holders) {
      const other = before.find((one) => one !== process && world.hearEachOther(one.node, process.node))
      if (!before.includes(process) && other !== undefined) {
        this.#court.violated('move', `${process.node} took ${address} from ${other.node}, without a cause`)
      }
    }
  }

  #addresses(): Iterable<string> {
    return new Set([...this.#court.world.api.addresses, ...this.#before.keys()])
  }

  /** For how long the act may move the address. */
  #effectOn(address: string, act: Act): number {
    const { world } = this.#court
    const holders = world.holders(address)
    switch (act.do) {
      case 'linkDown':
      case 'crash':
      case 'freeze':
      case 'pause':
      case 'reject':
      case 'stop':
      case 'drain':
      case 'clockStep':
        return holders.some(({ node }) => node === act.node) ? effect : 0
      case 'linkUp':
      case 'start':
      case 'undrain':
        return this.#preferred(address, act.node, holders) ? returnEffect : 0
      case 'accept':
        return this.#preferred(address, act.node, holders) ? returnEffect : 0
      case 'resume':
      case 'thaw': {
        if (world.machine(act.node).process?.held.has(address)) return effect
        return this.#preferred(address, act.node, holders) ? returnEffect : 0
      }
      case 'serve':
        if (act.address !== address) return 0
        if (!act.served) return holders.some(({ node }) => node === act.node) ? effect : 0
        return this.#preferred(address, act.node, holders) ? effect : 0
      case 'prefer':
      case 'add':
      case 'remove':
        return act.address === address ? effect : 0
      case 'split':
        return effect
      case 'heal':
      case 'unblock':
      case 'block':
      case 'quality':
        return holders.length > 1 || this.#anyPreferred(address, holders) ? returnEffect : effect
      case 'foreign':
      case 'foreignGone':
        return act.address === address ? foreignEffect : 0
      case 'apiDown':
      case 'apiUp':
      case 'resend':
        return 0
    }
  }

  #preferred(address: string, node: string, holders: readonly Process[]): boolean {
    const { api } = this.#court.world
    const { preference } = api.candidate(address, node)
    return holders.every((holder) => preference > api.candidate(address, holder.node).preference)
  }

  #anyPreferred(address: string, holders: readonly Process[]): boolean {
    return this.#court.world.machines.some(({ name }) => this.#preferred(address, name, holders))
  }
}
