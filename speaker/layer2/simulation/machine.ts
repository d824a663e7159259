import type { BfdDatagram } from '../../bfd/port.ts'
import { broadcastMac, macText } from '../ethernet.ts'
import type { Link } from '../interfaces.ts'
import { allNodes, groupMac } from '../ndp.ts'
import type { Network, Station } from './network.ts'
import type { Process } from './process.ts'

/** The one interface of a machine. */
export const interfaceIndex = 2
const allNodesMac = groupMac(allNodes)

/** A node's hardware: it stays when the speaker on it ends. */
export class Machine implements Station {
  readonly name: string
  readonly mac: number
  readonly address4: string
  readonly prefixes: readonly string[]
  /** addresses without endpoint or forwarding here */
  readonly unserved = new Set<string>()
  /** milliseconds by which its clock is fast */
  clockAhead = 0
  /** its SpeakerStatus names no usable interface, so it is no candidate */
  toldDown = false
  process: Process | undefined
  readonly #network: Network
  readonly #byAddress: ReadonlyMap<string, Machine>

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
    return group === broadcastMac || group === allNodesMac || (this.process?.groups.has(group) ?? false)
  }

  receive(frame: Uint8Array): void {
    this.process?.receive(frame)
  }

  send(frame: Uint8Array): void {
    this.#network.send(this, frame)
  }

  /** BFD goes the same way as frames do; the datagram is as the receiver sees it. */
  sendDatagram(datagram: BfdDatagram): void {
    const to = this.#byAddress.get(datagram.local)
    if (to !== undefined) this.#network.datagram(this.name, to.name, () => to.process?.datagram(datagram))
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
