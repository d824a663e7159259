import type { BfdDatagram } from '../../bfd/port.ts'
import { broadcastMac, macText, readMac } from '../ethernet.ts'
import type { Link } from '../interfaces.ts'
import { allNodes, groupMac } from '../ndp.ts'
import { foreignAnswer, whatSaid } from './frames.ts'
import type { Network, Station } from './network.ts'
import type { Process } from './process.ts'

/** The one interface of a machine. */
export const interfaceIndex = 2
const allNodesMac = groupMac(allNodes)
/** What a network card keeps for a machine that stands still. */
const ringSize = 256

/** A node's hardware: it stays when the speaker on it ends. */
export class Machine implements Station {
  readonly name: string
  readonly mac: number
  readonly address4: string
  readonly address6: string
  readonly prefixes: readonly string[]
  /** addresses without endpoint or forwarding here */
  readonly unserved = new Set<string>()
  /** milliseconds by which its clock is fast */
  clockAhead = 0
  /** its SpeakerStatus names no usable interface, so it is no candidate */
  toldDown = false
  /** its firewall answers BFD packets instead of the speaker */
  rejects = false
  process: Process | undefined
  readonly #network: Network
  readonly #byAddress: ReadonlyMap<string, Machine>
  readonly #own: ReadonlySet<string>
  #ring: (() => void)[] = []
  #paused = false
  #stopped = false

  /** @param number from 1; gives all addresses */
  constructor(
    number: number,
    network: Network,
    machines: ReadonlyMap<string, Machine>,
    mac = 0x020000000000 + number,
  ) {
    this.name = nodeName(number)
    this.mac = mac
    this.address4 = `10.0.0.${number}`
    this.prefixes = [`${this.address4}/16`, `2001:db8::${number}/64`, `fe80::${number}/64`]
    this.address6 = `fe80::${number}`
    this.#own = new Set(this.prefixes.map((prefix) => prefix.slice(0, prefix.indexOf('/'))))
    this.#network = network
    this.#byAddress = machines
    network.attach(this)
  }

  get macAddress(): string {
    return macText(this.mac)
  }

  get plugged(): boolean {
    return this.#network.isPlugged(this.name)
  }

  listensTo(group: number): boolean {
    return group === broadcastMac || group === allNodesMac || (this.process?.edge.groups.has(group) ?? false)
  }

  receive(frame: Uint8Array): void {
    this.#arrive(() => {
      this.#answerAsHost(frame)
      this.process?.receive(frame)
    })
  }

  /** Nothing runs on it, its kernel neither. */
  get paused(): boolean {
    return this.#paused
  }

  /** A signal stops the process, and lets it go on. */
  stopProcess(stopped: boolean): void {
    this.#stopped = stopped
    this.#runOrNot()
  }

  pause(): void {
    this.#paused = true
    this.#runOrNot()
  }

  /** @param kept what came in meanwhile waits in the network card; otherwise it is lost */
  resume(kept: boolean): void {
    if (!this.#paused) return
    this.#paused = false
    const ring = this.#ring
    this.#ring = []
    if (kept) for (const work of ring) work()
    this.#runOrNot()
  }

  /** A process begins. */
  begin(process: Process): void {
    this.process = process
    this.#stopped = false
  }

  #runOrNot(): void {
    if (this.#paused || this.#stopped) this.process?.freeze()
    else this.process?.thaw()
  }

  #arrive(work: () => void): void {
    if (!this.#paused) work()
    else if (this.#ring.length < ringSize) this.#ring.push(work)
  }

  /** The kernel answers for the addresses of its interface, whatever the speaker does. */
  #answerAsHost(frame: Uint8Array): void {
    if (readMac(frame, 0) !== this.mac) return
    const said = whatSaid(frame)
    if (said?.kind !== 'question' || !this.#own.has(said.address)) return
    const answer = foreignAnswer(frame, said.address, this)
    if (answer !== undefined) this.send(answer)
  }

  send(frame: Uint8Array): void {
    this.#network.send(this, frame)
  }

  /** BFD goes the same way as frames do; the datagram is as the receiver sees it. */
  sendDatagram(datagram: BfdDatagram): void {
    const to = this.#byAddress.get(datagram.local)
    if (to !== undefined) this.#network.datagram(this.name, to.name, () => to.#deliver(datagram, this))
  }

  #deliver(datagram: BfdDatagram, from: Machine): void {
    this.#arrive(() => {
      if (!this.rejects && this.process?.edge.listens === true) return this.process.datagram(datagram)
      // Port unreachable.
      this.#network.datagram(this.name, from.name, () => {
        from.#arrive(() => from.process?.refused(datagram))
      })
    })
  }

  /** As the kernel tells it. */
  link(): Link {
    return {
      index: interfaceIndex,
      name: 'eth0',
      mac: this.macAddress,
      up: true,
      carrier: this.plugged,
      loopback: false,
      broadcast: true,
      noArp: false,
      master: 0,
      prefixes: this.prefixes,
    }
  }
}

/** node-a, node-b …, node-aa */
export function nodeName(number: number): string {
  const letter = (value: number): string => String.fromCodePoint(97 + value)
  const index = number - 1
  return `node-${index >= 26 ? letter(Math.floor(index / 26) - 1) : ''}${letter(index % 26)}`
}
