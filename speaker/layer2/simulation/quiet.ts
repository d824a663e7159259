import type { Asked } from './host.ts'
import type { Process } from './process.ts'
import type { Court } from './rules.ts'
import type { World } from './world.ts'

/** Milliseconds of quiet after which everything must be in order. */
const settled = 2000
const interval = 1500
/** Answers are counted after. */
const patience = 80

/** Rules `one` and `rank`: looks at a quiet network every second and asks for every address. */
export class Quiet {
  readonly #court: Court
  /** addresses looked at in a segment, and those left out because nodes have different views */
  checked = 0
  excused = 0

  constructor(court: Court) {
    this.#court = court
  }

  start(): void {
    const { time } = this.#court.world
    const look = (): void => {
      const rest = this.#court.quietSince + settled - time.now
      if (rest > 0) {
        time.after(rest, look)
        return
      }
      this.#look()
      time.after(interval, look)
    }
    time.after(settled, look)
  }

  #look(): void {
    const { world, quietSince } = this.#court
    if (world.noisy || world.options.sharedMac) return
    for (const { machines, auditor } of world.segments()) {
      const nodes = machines.flatMap(({ process }) =>
        process?.active && process.view.listed ? [process] : [],
      )
      for (const address of world.api.addresses) {
        if (world.disputed(address)) continue
        if (!agreed(world, address, nodes)) {
          this.excused++
          continue
        }
        this.checked++
        const expected = nodes.some((process) => process.capable(address)) ? 1 : 0
        const holders = nodes.filter((process) => process.held.has(address))
        if (holders.length !== expected) {
          const names = holders.map(({ node }) => node).join(' and ') || 'nobody'
          const among = nodes.map(({ node }) => node).join(', ')
          this.#court.violated('one', `${address} is held by ${names} among ${among}, not by ${expected}`)
          continue
        }
        if (expected === 1) this.#rank(address, holders[0], nodes)
        if (auditor !== undefined) {
          const asked = world.ask(auditor, address)
          world.time.after(patience, () => {
            if (this.#court.quietSince === quietSince) this.#judge(asked, expected)
          })
        }
      }
    }
  }

  /**
   * Fresh before stale, then by preference. A node is stale when it knows it, and the others know it too: one that has
   * lost the API a moment before the mark may be the one that is to take the address.
   */
  #rank(address: string, holder: Process, nodes: readonly Process[]): void {
    const { api, time } = this.#court.world
    const fresh = nodes.filter(({ node }) => !api.marked(node))
    const isTold = (node: string) => (process: Process) =>
      process.view.known(address)?.candidates.some((one) => one.node === node && one.stale) === true
    const rank = (process: Process): number => {
      const { staleSince, node } = process
      const knows = staleSince !== undefined && staleSince + settled < time.now
      const stale = api.marked(node) && knows && fresh.every(isTold(node))
      return api.candidate(address, node).preference - (stale ? 1e6 : 0)
    }
    const least = rank(holder)
    const better = nodes.find(
      (process) =>
        process.capable(address) &&
        process.staleSince === undefined &&
        // Where BFD was Up and is refused now, the others take the node for dead.
        !process.machine.rejects &&
        rank(process) > least &&
        !api.marked(process.node),
    )
    if (better === undefined) return
    this.#court.violated(
      'rank',
      `${address} stays with ${holder.node} although ${better.node} goes before it`,
    )
  }

  #judge({ address, answers }: Asked, expected: number): void {
    const { world } = this.#court
    // A network that doubles frames doubles answers.
    const counted = world.network.quality.duplicates > 0 ? new Set(answers).size : answers.length
    if (counted === expected) return
    const names = answers.map((mac) => world.nameOf(mac)).join(', ') || 'nobody'
    this.#court.violated('one', `a request for ${address} was answered by ${names}, not by ${expected}`)
  }
}

/** The nodes have the same view of who may hold the address and of who is there. */
export function agreed(world: World, address: string, nodes: readonly Process[]): boolean {
  const version = world.api.versionOf(address)
  return nodes.every((process) => {
    const known = process.view.known(address)
    if (known?.version !== version) return false
    // By the Lease alone: BFD has never reached that node since this one has started, or not by this network.
    return known.candidates.every(
      ({ node, eligible }) => !eligible || node === process.node || !believesInVain(process, node, nodes),
    )
  })
}

function believesInVain(process: Process, node: string, nodes: readonly Process[]): boolean {
  if (nodes.some((other) => other.node === node)) return false
  if (process.neighbor(node) !== 'unknown') return false
  const speaker = process.view.speakers.find((other) => other.node === node)
  return speaker !== undefined && speaker.ready && speaker.apiReachable && !speaker.reportedDead
}
