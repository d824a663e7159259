import type { Act } from './acts.ts'
import type { Process } from './process.ts'
import { agreed } from './quiet.ts'
import type { Court } from './rules.ts'

/**
 * Milliseconds after which somebody else holds, or after healing nobody twice. A failure is `seen` before BFD notices
 * it where the machine says that the speaker has ended, or is silent itself while others are heard.
 */
const limits = { planned: 50, healing: 300 } as const
/** More than BFD's detection time, and more than the interval of its packets: questions and what delays them. */
const beyond = { failure: 300, seen: 200 } as const
/** Milliseconds more for each address that has to be taken over at once. */
const each = 2.5
/** So long must the network have been quiet for BFD to have been Up everywhere. */
const calm = 3000

interface Loss {
  readonly address: string
  /** nodes of the segment that run */
  readonly running: number
  readonly nodes: readonly Process[]
}

/** Rule `late`: what must have happened some time after an act in a calm network. */
export class Promises {
  readonly #court: Court
  readonly #failure: number
  readonly #seen: number
  #before = new Map<string, readonly Process[]>()
  #calm = false
  /** those that were judged */
  kept = 0

  constructor(court: Court) {
    this.#court = court
    const { transmitInterval, detectMultiplier } = court.world.liveness
    this.#failure = transmitInterval * detectMultiplier + beyond.failure
    this.#seen = transmitInterval + beyond.seen
  }

  beforeAct(): void {
    const { world, quietSince } = this.#court
    this.#calm = !world.noisy && !world.options.sharedMac && world.time.now - quietSince >= calm
    if (!this.#calm) return
    this.#before = new Map([...world.api.addresses].map((address) => [address, world.holders(address)]))
  }

  afterAct(act: Act): void {
    if (!this.#calm) return
    switch (act.do) {
      case 'freeze':
      case 'split':
        return this.#promise(this.#failure, this.#losses())
      case 'crash':
        return this.#promise(this.#seen, this.#losses())
      case 'linkDown':
      case 'pause': {
        const losses = this.#losses()
        this.#promise(
          this.#seen,
          losses.filter(({ running }) => running > 1),
        )
        return this.#promise(
          this.#failure,
          losses.filter(({ running }) => running === 1),
        )
      }
      case 'stop':
        return this.#promise(limits.planned, this.#handedOver(act.node))
      case 'heal':
        return this.#promise(limits.healing, this.#joined(), true)
      default:
    }
  }

  /** Addresses that nobody answers for in a segment where somebody could. */
  #losses(): Loss[] {
    const { world } = this.#court
    const losses: Loss[] = []
    for (const { machines } of world.segments()) {
      const nodes = machines.flatMap(({ process }) =>
        process?.active && process.view.listed ? [process] : [],
      )
      for (const [address, before] of this.#before) {
        if (before.length !== 1 || world.disputed(address) || !agreedBefore(world, address, nodes, before[0]))
          continue
        const capable = nodes.filter((process) => process.capable(address))
        if (capable.length === 0 || capable.includes(before[0])) continue
        const watched = capable.every(
          (process) => process.neighbor(before[0].node) === 'alive' && process.machine.plugged,
        )
        if (watched) losses.push({ address, nodes: capable, running: nodes.length })
      }
    }
    return losses
  }

  #handedOver(node: string): Loss[] {
    const { world } = this.#court
    const losses: Loss[] = []
    for (const { machines } of world.segments()) {
      if (!machines.some(({ name }) => name === node)) continue
      const nodes = machines.flatMap(({ process }) =>
        process?.active && process.view.listed ? [process] : [],
      )
      for (const [address, before] of this.#before) {
        if (before.length !== 1 || before[0].node !== node || !agreed(world, address, nodes)) continue
        const capable = nodes.filter((process) => process.capable(address))
        const watched = capable.every((process) => process.neighbor(node) === 'alive')
        if (capable.length > 0 && watched && !world.disputed(address))
          losses.push({ address, nodes: capable, running: nodes.length })
      }
    }
    return losses
  }

  #joined(): Loss[] {
    const { world } = this.#court
    return world.segments().flatMap(({ machines }) => {
      const nodes = machines.flatMap(({ process }) =>
        process?.active && process.view.listed ? [process] : [],
      )
      return [...this.#before]
        .filter(([, before]) => before.filter((process) => nodes.includes(process)).length > 1)
        .filter(([address]) => agreed(world, address, nodes))
        .map(([address]) => ({ address, nodes, running: nodes.length }))
    })
  }

  #promise(least: number, losses: readonly Loss[], exactly = false): void {
    const { world, disturbances } = this.#court
    const ms = least + each * (losses.length - 1)
    for (const { address, nodes } of losses) {
      world.time.after(ms, () => {
        // Something else has happened meanwhile.
        if (this.#court.disturbances !== disturbances) return
        this.kept++
        const holders = nodes.filter((process) => process.active && process.held.has(address))
        if (holders.length === 1 || (!exactly && holders.length > 0)) return
        const names = nodes.map(({ node }) => node).join(', ')
        const by = holders.map(({ node }) => node).join(' and ') || 'nobody'
        this.#court.violated('late', `${address} is held by ${by} of ${names} ${ms} ms after`)
      })
    }
  }
}

/** As `agreed`, when the one that is lost was the only doubt. */
function agreedBefore(
  world: Court['world'],
  address: string,
  nodes: readonly Process[],
  lost: Process,
): boolean {
  return agreed(world, address, nodes.includes(lost) ? nodes : [...nodes, lost])
}
