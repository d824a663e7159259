import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sightingsOf, type Sighting } from '#cli/l2-sightings.ts'
import { speakerFlags } from '#cli/node-flags.ts'
import { readPcap } from '#cli/pcap.ts'
import { LabError } from '../errors.ts'
import { spawnInLab } from '../exec.ts'
import { lanHost } from '../network/addressing.ts'
import type { ProbeOptions, ProbeTick, Station } from './messages.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

/** Stations of nobody else: the client's probe is .6, the router's .7. */
const STATIONS: Readonly<Record<'client' | 'router', Station>> = {
  client: lanHost('probe', 6),
  router: lanHost('probe', 7),
}

export interface LabProbeOptions {
  readonly from: 'client' | 'router'
  readonly addresses: readonly string[]
  /** milliseconds between two requests for one address */
  readonly everyMs: number
  /** where the capture is kept; it must be reachable under the same path inside the lab */
  readonly file: string
}

/** Asks the LAN of a running lab for addresses, again and again, and keeps a capture of who answered. */
export class LabProbe {
  readonly #child: ChildProcess
  readonly #options: LabProbeOptions
  readonly #ended: Promise<number | null>
  #ticks: ProbeTick[] = []
  #waiting: (() => void)[] = []

  private constructor(child: ChildProcess, options: LabProbeOptions) {
    this.#child = child
    this.#options = options
    this.#ended = new Promise((resolve) => child.once('close', resolve))
    child.stdin?.on('error', () => undefined)
    void this.#ended.then(() => this.#wake())
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#ticks.push(JSON.parse(line) as ProbeTick)
        this.#wake()
      })
    }
  }

  /**
   * Starts it and waits until it asks.
   * @param name of the lab
   * @throws LabError FL_LAB_NOT_RUNNING, FL_LAB_COMMAND
   */
  static async start(name: string, options: LabProbeOptions): Promise<LabProbe> {
    const { from, addresses, everyMs, file } = options
    const station = STATIONS[from]
    const given: ProbeOptions = { addresses, everyMs, interface: 'eth0', station, file }
    const child = await spawnInLab(name, from, [
      process.execPath,
      ...speakerFlags,
      MAIN,
      JSON.stringify(given),
    ])
    const probe = new LabProbe(child, options)
    await probe.#next()
    return probe
  }

  /** What was heard since the start. */
  get ticks(): readonly ProbeTick[] {
    return this.#ticks
  }

  /** Hardware addresses that answered for an address in the last `ms` milliseconds. */
  answerers(address: string, ms: number): string[] {
    const since = (this.#ticks.at(-1)?.at ?? 0) - ms
    const recent = this.#ticks.filter(({ at }) => at > since)
    return [...new Set(recent.flatMap(({ answers }) => Object.keys(answers[address] ?? {})))]
  }

  /**
   * Waits until `condition` holds, looked at with each tick.
   * @returns false when it did not within `limit` milliseconds
   * @throws LabError FL_LAB_COMMAND when the process ended
   */
  async until(condition: () => boolean, limit: number): Promise<boolean> {
    const deadline = performance.now() + limit
    while (!condition()) {
      if (performance.now() > deadline) return false
      await this.#next()
    }
    return true
  }

  /** Ends it. @returns everything that it saw, its own requests included, oldest first */
  async stop(): Promise<Sighting[]> {
    await this.end()
    return sightingsOf(readPcap(readFileSync(this.#options.file)))
  }

  /** Ends it, however often it is called. */
  async end(): Promise<void> {
    this.#child.stdin?.end()
    await this.#ended
  }

  async #next(): Promise<void> {
    if (this.#child.exitCode !== null) {
      throw new LabError('FL_LAB_COMMAND', `the probe ended with ${this.#child.exitCode}`)
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
