import { createInterface } from 'node:readline'
import { spawnIn, until, type Netns } from '../../test/netns.ts'

const patience = 20_000

/**
 * When a BGP speaker said something, by the clock of the kernel that sent it. Whoever listens may be too busy to hear it
 * at once.
 */
export class Departures {
  readonly #times: number[] = []

  /** Resolves when it sees what leaves the namespace over eth0. */
  static async of(ns: Netns, address: string): Promise<Departures> {
    const departures = new Departures()
    const filter = `src host ${address} and tcp port 179 and tcp[tcpflags] & tcp-push != 0`
    const words = ['-i', 'eth0', '-Q', 'out', '-ntt', '--immediate-mode', '-l', '-s', '96', filter]
    const child = spawnIn(ns, 'tcpdump', words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let listening = false
    createInterface({ input: child.stderr! }).on('line', (line) => {
      listening ||= line.startsWith('listening')
    })
    createInterface({ input: child.stdout! }).on('line', (line) => {
      departures.#times.push(Number(line.split(' ', 1)[0]) * 1000)
    })
    await until('tcpdump listens', () => listening, patience)
    return departures
  }

  /** The longest time without a word between these two, all epoch milliseconds. */
  async longestSilence(since: number, end: number): Promise<number> {
    await until('the first word afterwards', () => (this.#times.at(-1) ?? 0) > end, patience)
    const points = [since, ...this.#times.filter((time) => time > since && time < end), end]
    return Math.max(...points.slice(1).map((time, index) => time - points[index]))
  }
}
