import type { BfdSettings } from '../../bfd/config.ts'
import type { Layer2Event, WireNeighbor } from '../../wire/protocol.ts'
import { macText } from '../ethernet.ts'
import { words, type Act } from './acts.ts'
import { Api } from './api.ts'
import { Control } from './control.ts'
import { createCore } from './core.ts'
import { whatSaid } from './frames.ts'
import { Client, Foreigners, type Asked } from './host.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import type { Environment } from './environment.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { Timeline } from './timeline.ts'
import { VirtualTime } from './virtual-time.ts'
import type { Witness } from './witness.ts'
import { livenessOf, type WorldOptions } from './world-options.ts'

const timelineEntries = 4000
/** How often a machine that stood still finds what came in meanwhile. */
const ringKept = 0.7
/** Beyond that many milliseconds of delay probes are too late to be of use. */
const longestDelay = 20

/** A LAN with nodes, clients and an API, in virtual time. */
export class World {
  readonly time = new VirtualTime()
  readonly timeline = new Timeline(timelineEntries)
  readonly network: Network
  readonly api: Api
  readonly machines: readonly Machine[]
  /** one on each side of a split; with none they are on one LAN */
  readonly clients: readonly Client[]
  /** the same for those who judge, so that the answers do not mix */
  readonly auditors: readonly Client[]
  readonly options: WorldOptions
  readonly liveness: BfdSettings
  witness: Witness | undefined
  readonly #random: Random
  readonly #byName: ReadonlyMap<string, Machine>
  readonly #byMac = new Map<number, Machine>()
  readonly #control: Control
  readonly #foreigners: Foreigners
  readonly #environment: Environment

  constructor(options: WorldOptions) {
    this.options = options
    const { seed, nodes, sharedMac = false } = options
    this.liveness = livenessOf(options)
    this.#random = new Random(seed, 'world')
    this.network = new Network(this.time, new Random(seed, 'network'), options.bfdFiltered ?? false)
    this.api = new Api({
      time: this.time,
      random: new Random(seed, 'api'),
      staleAfter: options.staleAfter ?? 30_000,
      lease: options.lease ?? 40_000,
      onMark: (node, reachable) => {
        this.note(() => `controller: ${node} ${reachable ? 'reaches the API' : 'does not reach the API'}`)
        this.witness?.marked(node, reachable)
      },
    })
    const byAddress = new Map<string, Machine>()
    const machines: Machine[] = []
    for (let number = 1; number <= nodes; number++) {
      const mac = sharedMac && number === nodes ? machines[0].mac : undefined
      const machine = new Machine(number, this.network, byAddress, mac)
      byAddress.set(machine.address4, machine)
      this.#byMac.set(machine.mac, machine)
      machines.push(machine)
    }
    this.machines = machines
    this.#byName = new Map(machines.map((machine) => [machine.name, machine]))
    const client = (name: string, number: number): Client => new Client(name, number, this.network)
    this.clients = [client('client-near', 1), client('client-far', 2)]
    this.auditors = [client('auditor-near', 3), client('auditor-far', 4)]
    this.#foreigners = new Foreigners(this.time, this.network)
    this.#control = new Control(this.time, this.#random, this.api, machines)
    this.#environment = this.#makeEnvironment()
    for (const address of options.addresses) this.#control.add(address)
    for (const machine of machines) {
      this.time.after(this.#random.between(0, 500), () => {
        if (machine.process === undefined) this.#begin(machine)
      })
    }
  }

  machine(name: string): Machine {
    const machine = this.#byName.get(name)
    if (machine === undefined) throw new Error(`there is no ${name}`)
    return machine
  }

  nameOf(mac: number): string {
    return this.#byMac.get(mac)?.name ?? macText(mac)
  }

  /** Another host uses it, or has until lately: it is tried again every ten seconds only. */
  disputed(address: string): boolean {
    return this.#foreigners.disputed(address)
  }

  /** Those that answer for the address, bar the frozen. */
  holders(address: string): Process[] {
    const holders: Process[] = []
    for (const { process } of this.machines) {
      if (process?.active && process.held.has(address)) holders.push(process)
    }
    return holders
  }

  /** Frames arrive both ways. */
  hearEachOther(a: string, b: string): boolean {
    return this.network.hears(a, b) && this.network.hears(b, a)
  }

  /** What the network does to frames is more than any protocol can bear. */
  get noisy(): boolean {
    const { loss, delay, jitter } = this.network.quality
    return this.network.oneWay || loss > 0 || delay + jitter > longestDelay
  }

  /** Machines that hear each other, with the auditor among them if there is one. Meaningful without one-way faults. */
  segments(): { readonly machines: readonly Machine[]; readonly auditor: Client | undefined }[] {
    const left = new Set(this.machines)
    const segments: { machines: Machine[]; auditor: Client | undefined }[] = []
    for (const first of left) {
      const machines = [...left].filter(
        (machine) => machine === first || this.hearEachOther(first.name, machine.name),
      )
      for (const machine of machines) left.delete(machine)
      segments.push({
        machines,
        auditor: this.auditors.find((auditor) => this.hearEachOther(auditor.name, first.name)),
      })
    }
    return segments
  }

  ask(client: Client, address: string): Asked {
    return client.ask(address, this.time.now)
  }

  note(line: () => string): void {
    this.timeline.add(this.time.now, line)
  }

  /** @throws Error what the core throws */
  run(ms: number): void {
    this.time.advance(this.time.now + ms, () => this.witness?.judge() ?? false)
  }

  act(act: Act): void {
    this.note(() => `*** ${words(act)}`)
    this.witness?.beforeAct(act)
    this.#do(act)
    this.witness?.afterAct(act)
  }

  #do(act: Act): void {
    if ('node' in act && act.node !== undefined) this.#doTo(this.machine(act.node), act)
    else this.#doToAll(act)
  }

  #doTo(machine: Machine, act: Act): void {
    const { process } = machine
    switch (act.do) {
      case 'linkDown':
      case 'linkUp':
        this.network.plug(machine.name, act.do === 'linkUp')
        process?.linkChanged()
        return this.#control.report(machine)
      case 'freeze':
        return machine.stopProcess(true)
      case 'thaw':
        return machine.stopProcess(false)
      case 'pause':
        return machine.pause()
      case 'resume':
        return machine.resume(this.#random.chance(ringKept))
      case 'reject':
      case 'accept':
        machine.rejects = act.do === 'reject'
        return undefined
      case 'crash':
        return process?.end()
      case 'start':
        return process === undefined && !machine.paused ? this.#begin(machine) : undefined
      case 'stop':
        return process?.stop()
      case 'drain':
      case 'undrain':
        return this.#control.drain(machine, act.do === 'drain')
      case 'prefer':
        return this.#control.prefer(machine, act.address, act.preference)
      case 'serve':
        return this.#control.serve(machine, act.address, act.served)
      case 'apiDown':
        return this.api.down(machine.name)
      case 'apiUp':
        return this.api.up(machine.name)
      case 'resend':
        return process?.resend()
      case 'clockStep':
        machine.clockAhead += act.ms
    }
  }

  #doToAll(act: Act): void {
    const { network } = this
    switch (act.do) {
      case 'split':
        return network.split([...act.far, this.clients[1].name, this.auditors[1].name])
      case 'heal':
        return network.split(undefined)
      case 'block':
        for (const from of act.from) for (const to of act.to) if (from !== to) network.block(from, to)
        return undefined
      case 'unblock':
        return network.unblock()
      case 'quality':
        network.quality = act.quality
        return undefined
      case 'add':
        return this.#control.add(act.address)
      case 'remove':
        return this.#control.remove(act.address)
      case 'apiDown':
        return this.api.down()
      case 'apiUp':
        return this.api.up()
      case 'foreign':
      case 'foreignGone':
        return this.#foreigners.set(act.address, act.do === 'foreign')
    }
  }

  #begin(machine: Machine): void {
    const process = new Process(machine, this.#environment)
    machine.begin(process)
    this.note(() => `${machine.name} starts`)
    process.start()
  }

  #makeEnvironment(): Environment {
    return {
      time: this.time,
      random: new Random(this.options.seed, 'processes'),
      api: this.api,
      createCore: this.options.core ?? createCore,
      liveness: this.liveness,
      onHeld: (process, address, held) => {
        this.note(() => `${process.node} ${held ? 'HOLDS' : 'is silent for'} ${address}`)
        this.witness?.held(process, address, held)
      },
      onSent: (process, frame) => {
        const said = whatSaid(frame)
        if (said === undefined) return
        this.note(() => `${process.node} ${said.kind} ${said.address}`)
        this.witness?.sent(process, said)
      },
      onWake: (process) => this.witness?.woke(process),
      onSettled: (process) => this.witness?.settled(process),
      onNews: (process, address, before, version) => {
        this.note(() => `${process.node} knows version ${version} of ${address}`)
        this.witness?.news(process, address, before, version)
      },
      onNeighbor: (process: Process, node: string, state: WireNeighbor['state']) => {
        this.note(() => `${process.node} sees ${node} ${state}`)
        if (this.#control.large && state !== 'unknown') this.#control.report(process.machine)
      },
      onDoubt: (process, node, doubt) => {
        this.note(() => `${process.node} doubts ${node}: ${doubt ?? 'no more'}`)
      },
      onStatus: ({ machine }) => this.#control.report(machine),
      onEvents: (process: Process, events: readonly Layer2Event[]) => {
        for (const { address, what, node, mac } of events) {
          this.note(() => `${process.node} tells: ${[what, address, node, mac].filter(Boolean).join(' ')}`)
        }
      },
      onEnd: (process) => {
        process.machine.process = undefined
        this.note(() => `${process.node} ends`)
        this.witness?.ended(process)
      },
    }
  }
}
