import { portOf } from './batches.ts'
import { runBatch } from './run-batch.ts'

const FORWARDING = 3
const DISABLED = 0

/**
 * The switch's ports, for faults. A port can be down, which the node sees as a lost link, or cut: then the link
 * stays up and the switch drops every frame in both directions (port state `disabled`).
 */
export class Links {
  readonly #down = new Set<string>()
  readonly #cut = new Set<string>()

  async setUp(node: string, up: boolean): Promise<void> {
    if (up) this.#down.delete(node)
    else this.#down.add(node)
    await this.#apply(node)
  }

  async setJoined(node: string, joined: boolean): Promise<void> {
    if (joined) this.#cut.delete(node)
    else this.#cut.add(node)
    await this.#apply(node)
  }

  async #apply(node: string): Promise<void> {
    const port = portOf({ name: node })
    const up = !this.#down.has(node)
    await runBatch({ namespace: '', lines: [`link set ${port} ${up ? 'up' : 'down'}`] })
    if (!up) return
    // A port that comes up forwards, so its state is set again every time. `ip` would take it and do nothing.
    const state = this.#cut.has(node) ? DISABLED : FORWARDING
    await runBatch({ namespace: '', program: 'bridge', lines: [`link set dev ${port} state ${state}`] })
  }
}
