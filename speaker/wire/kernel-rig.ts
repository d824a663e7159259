import type { SessionStatus } from '#bgp-ts/status.ts'
import { etherType } from '../layer2/ethernet.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { must, until, type Netns } from '../../test/netns.ts'
import { parseArp, type ArpPacket } from '../layer2/arp.ts'
import type { BfdSessionStatus } from '../bfd/status.ts'
import type { WireAddress, WireDesired, WireHolder, WireObserved } from './protocol.ts'
import { WireHost } from './wire-host.ts'

/** For kernel tests: a wire thread in a namespace, and what it has said. */
export class WireRig {
  readonly host: WireHost
  readonly observed: WireObserved[] = []
  readonly crashes: Error[] = []

  constructor(node: string) {
    this.host = new WireHost({
      node,
      onObserved: (observed) => this.observed.push(observed),
      onCrash: (error) => this.crashes.push(error),
    })
  }

  start(ns: Netns): void {
    inNetworkNamespace(ns.path, () => this.host.start())
  }

  send(...messages: WireDesired[]): void {
    for (const message of messages) this.host.send(message)
  }

  of<Kind extends WireObserved['kind']>(kind: Kind): Extract<WireObserved, { kind: Kind }>[] {
    return this.observed.filter((one) => one.kind === kind) as Extract<WireObserved, { kind: Kind }>[]
  }

  holder(address: string): WireHolder | undefined {
    return this.of('holders')
      .flatMap(({ holders }) => holders)
      .findLast((holder) => holder.address === address)
  }

  /** The newest status of the BFD session to this address; undefined when there is none. */
  bfd(remote: string): BfdSessionStatus | undefined {
    let found: BfdSessionStatus | undefined
    for (const { sessions, closed } of this.of('bfd')) {
      found = sessions.findLast((status) => status.remote === remote) ?? found
      if (found !== undefined && closed.includes(found.key)) found = undefined
    }
    return found
  }

  /** The newest status of the BGP session of this name. */
  session(peer: string): SessionStatus | undefined {
    return this.of('sessions')
      .flatMap(({ sessions }) => sessions)
      .findLast((status) => status.peer === peer)
  }

  /** Wants the address held here and waits until it is. */
  async hold(...addresses: WireAddress[]): Promise<void> {
    this.send({ kind: 'addresses', put: addresses, remove: [] })
    for (const { address } of addresses) await until(`${address} held`, () => this.holder(address)?.held)
  }
}

/** An address that only this node may hold. */
export const only = (node: string, address: string, change: Partial<WireAddress> = {}): WireAddress => ({
  address,
  interfaces: [],
  candidates: [{ node, preference: 0, eligible: true, reason: '', stale: false }],
  served: true,
  ...change,
})

export interface Heard extends ArpPacket {
  /** milliseconds, of performance.now() */
  readonly at: number
}

/** An ARP station on an interface: sends frames and keeps what it hears. */
export class Station {
  readonly heard: Heard[] = []
  readonly #socket: PacketSocket

  private constructor(open: (onFrame: (frame: Buffer) => void) => PacketSocket) {
    this.#socket = open((frame) => {
      const packet = parseArp(frame)
      if (!('drop' in packet)) this.heard.push({ ...packet, at: performance.now() })
    })
  }

  static async open(ns: Netns, device: string): Promise<Station> {
    const links = JSON.parse(await must(ns, 'ip', ['-json', 'link', 'show', device])) as { ifindex: number }[]
    const interfaceIndex = links[0].ifindex
    return inNetworkNamespace(
      ns.path,
      () => new Station((onFrame) => openPacketSocket({ interfaceIndex, etherType: etherType.arp }, onFrame)),
    )
  }

  send(frame: Uint8Array): void {
    this.#socket.send(frame)
  }

  /** Sends and waits for what fits. */
  async ask(frame: Uint8Array, fits: (heard: Heard) => boolean): Promise<Heard> {
    const from = this.heard.length
    this.#socket.send(frame)
    return until('an answer', () => this.heard.slice(from).find(fits), 2000)
  }

  close(): void {
    this.#socket.close()
  }
}
