import { BRIDGE, portOf } from './batches.ts'
import { runBatch } from './run-batch.ts'

const FORWARDING = 3
const DISABLED = 0
/** The switch of those that a split has moved away. */
const OTHER_BRIDGE = 'lan1'

/**
 * The switch's ports, for faults. A port can be down, which the node sees as a lost link, or cut: then the link
 * stays up and the switch drops every frame in both directions (port state `disabled`).
 */
export class Links {
  readonly #down = new Set<string>()
  readonly #cut = new Set<string>()
  #apart: readonly string[] = []

  async setUp(node: string, up: boolean): Promise<void> {
    if (up) this.#down.delete(node)
    else this.#down.add(node)
    await runBatch({ namespace: '', lines: [`link set ${portOf({ name: node })} ${up ? 'up' : 'down'}`] })
    // A port that comes up forwards by itself, as soon as the other end has its carrier.
    if (up && this.#cut.has(node)) await this.#setState(node)
  }

  async setJoined(node: string, joined: boolean): Promise<void> {
    if (joined) this.#cut.delete(node)
    else this.#cut.add(node)
    if (!this.#down.has(node)) await this.#setState(node)
  }

  /** Moves these machines to a switch of their own. */
  async split(machines: readonly string[]): Promise<void> {
    await this.join()
    this.#apart = machines
    await runBatch({
      namespace: '',
      lines: [
        `link add ${OTHER_BRIDGE} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`,
        `link set ${OTHER_BRIDGE} up`,
      ],
    })
    await this.#move(machines, OTHER_BRIDGE)
  }

  /** Ends `split`. @returns the machines that come back */
  async join(): Promise<readonly string[]> {
    const machines = this.#apart
    if (machines.length === 0) return []
    this.#apart = []
    await this.#move(machines, BRIDGE)
    await runBatch({ namespace: '', lines: [`link del ${OTHER_BRIDGE}`] })
    return machines
  }

  async #move(machines: readonly string[], bridge: string): Promise<void> {
    const lines = machines.map((name) => `link set ${portOf({ name })} master ${bridge}`)
    await runBatch({ namespace: '', lines })
    // A port that was cut and has moved forwards again.
    for (const name of machines) if (this.#cut.has(name)) await this.#setState(name)
  }

  async #setState(node: string): Promise<void> {
    const state = this.#cut.has(node) ? DISABLED : FORWARDING
    // `ip` would take it and do nothing.
    const line = `link set dev ${portOf({ name: node })} state ${state}`
    await runBatch({ namespace: '', program: 'bridge', lines: [line] })
  }
}
