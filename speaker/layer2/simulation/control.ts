import { allWatchAll } from '../../wire/watch-ring.ts'
import type { Api } from './api.ts'
import type { Machine } from './machine.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Milliseconds until a change on a node is in its status. */
const reportDelay = { least: 5, most: 60 } as const

/** What main threads write to the API, and what all of them conclude about candidates once they know. */
export class Control {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #api: Api
  readonly #machines: readonly Machine[]
  readonly #drained = new Set<Machine>()

  constructor(time: VirtualTime, random: Random, api: Api, machines: readonly Machine[]) {
    this.#time = time
    this.#random = random
    this.#api = api
    this.#machines = machines
  }

  /** The statuses of nodes name the neighbours that are dead. */
  get large(): boolean {
    return this.#machines.length > allWatchAll
  }

  /** Main brings the SpeakerStatus up to date, a moment later. A goodbye does not wait. */
  report(machine: Machine): void {
    const delay = machine.process?.leaving ? 0 : this.#random.between(reportDelay.least, reportDelay.most)
    this.#time.after(delay, () => {
      const { process, name } = machine
      if (process === undefined || !process.active || !this.#api.reaches(name)) return
      machine.toldDown = !machine.plugged
      this.#api.write(name, {
        internalIPs: [machine.address4],
        // All that have a hardware address: it stays the node's while the link is down.
        interfaces: [{ mac: machine.macAddress, prefixes: machine.prefixes }],
        ready: !process.leaving,
        neighbors: this.large ? process.watched() : new Map(),
      })
      for (const address of this.#api.addresses) this.#judge(machine, address)
    })
  }

  add(address: string): void {
    if (this.#api.has(address)) return
    this.#api.put(
      address,
      new Map(
        this.#machines.map((machine) => [machine.name, { eligible: this.#eligible(machine, address) }]),
      ),
    )
  }

  remove(address: string): void {
    if (this.#api.has(address)) this.#api.remove(address)
  }

  prefer(machine: Machine, address: string, preference: number): void {
    if (this.#api.has(address)) this.#api.put(address, new Map([[machine.name, { preference }]]))
  }

  drain(machine: Machine, drained: boolean): void {
    if (drained) this.#drained.add(machine)
    else this.#drained.delete(machine)
    for (const address of this.#api.addresses) this.#judge(machine, address)
  }

  /** The node itself knows at once; the others by the API. */
  serve(machine: Machine, address: string, served: boolean): void {
    if (machine.unserved.has(address) === !served) return
    if (served) machine.unserved.delete(address)
    else machine.unserved.add(address)
    machine.process?.serve(address, served)
    if (this.#api.has(address)) this.#judge(machine, address)
  }

  #judge(machine: Machine, address: string): void {
    const eligible = this.#eligible(machine, address)
    if (this.#api.candidate(address, machine.name).eligible === eligible) return
    this.#api.put(address, new Map([[machine.name, { eligible }]]))
  }

  #eligible(machine: Machine, address: string): boolean {
    return !this.#drained.has(machine) && !machine.unserved.has(address) && !machine.toldDown
  }
}
