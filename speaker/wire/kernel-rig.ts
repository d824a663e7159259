import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { SessionStatus } from '#bgp-ts/status.ts'
import { accept, ancillary, assemble, drop, jump, label, load } from '#raw-socket/bpf.ts'
import { maxFrame } from '#raw-socket/filters.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { must, spawnIn, until, type Netns } from '../../test/netns.ts'
import { etherType } from '../layer2/ethernet.ts'
import { parseArp, type ArpPacket } from '../layer2/arp.ts'
import type { BfdSessionStatus } from '../bfd/status.ts'
import type {
  AddressCounters,
  WireAddress,
  WireDesired,
  WireHolder,
  WireNeighbor,
  WireObserved,
} from './protocol.ts'
import { WireHost } from './wire-host.ts'

/** How long a thread may take to start and to speak, on a machine that has much else to do. */
const patience = 20_000

/** As `until` of the namespaces, with as much patience as wire threads need. */
export const eventually = <T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  limit = patience,
): Promise<T> => until(what, condition, limit)

/** What a wire thread has said, and a way to speak to it. */
abstract class Rig {
  readonly observed: WireObserved[] = []

  abstract send(...messages: WireDesired[]): void

  of<Kind extends WireObserved['kind']>(kind: Kind): Extract<WireObserved, { kind: Kind }>[] {
    return this.observed.filter((one) => one.kind === kind) as Extract<WireObserved, { kind: Kind }>[]
  }

  holder(address: string): WireHolder | undefined {
    return this.of('holders')
      .flatMap(({ holders }) => holders)
      .findLast((holder) => holder.address === address)
  }

  /** How another speaker looks to this one. */
  neighbor(node: string): WireNeighbor | undefined {
    return this.of('neighbors')
      .flatMap(({ neighbors }) => neighbors)
      .findLast((neighbor) => neighbor.node === node)
  }

  /** The newest counters of an address. */
  counters(address: string): AddressCounters | undefined {
    return this.of('counters')
      .flatMap(({ addresses }) => addresses)
      .findLast((counters) => counters.address === address)
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
    for (const { address } of addresses) {
      await eventually(`${address} held`, () => this.holder(address)?.held)
    }
  }
}

/** For kernel tests: a wire thread in a namespace, and what it has said. */
export class WireRig extends Rig {
  readonly host: WireHost
  readonly crashes: Error[] = []

  constructor(node: string) {
    super()
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
}

/** As `WireRig`, in a process of its own, which can be killed and stopped as a whole. */
export class WireProcess extends Rig {
  readonly #child: ChildProcess

  constructor(node: string, ns: Netns) {
    super()
    const program = `
      import(${JSON.stringify(new URL('wire-host.ts', import.meta.url).href)}).then(({ WireHost }) => {
        const host = new WireHost({
          node: ${JSON.stringify(node)},
          onObserved: (observed) => process.connected && process.send(observed),
          onCrash: (error) => { throw error },
        })
        process.on('message', (message) => {
          if (message === 'stop') host.stop().then(() => process.disconnect())
          else host.send(message)
        })
        host.start()
      })`
    // As a speaker is started: its wire thread must not wait for V8's helpers, which do not run on a busy machine.
    this.#child = spawnIn(ns, process.execPath, ['--single-threaded', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#child.on('message', (observed) => this.observed.push(observed as WireObserved))
  }

  send(...messages: WireDesired[]): void {
    for (const message of messages) this.#child.send(message)
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  /** Planned stop, to its end. */
  async stop(): Promise<void> {
    this.#child.send('stop')
    await this.ended()
  }

  async ended(): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode === null && signalCode === null) await once(this.#child, 'close')
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
    const interfaceIndex = await indexOf(ns, device)
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
    return eventually('an answer', () => this.heard.slice(from).find(fits))
  }

  close(): void {
    this.#socket.close()
  }
}

async function indexOf(ns: Netns, device: string): Promise<number> {
  const links = JSON.parse(await must(ns, 'ip', ['-json', 'link', 'show', device])) as { ifindex: number }[]
  return links[0].ifindex
}

/** A frame as hexadecimal text. */
export interface Captured {
  readonly hex: string
  /** it came with a VLAN tag, which the kernel has taken off */
  readonly tagged: boolean
}

/** ETH_P_ALL */
const everything = 3

/** Frames with a tag, or those without. */
const tagFilter = (tagged: boolean): Uint8Array =>
  assemble([
    load.byte(ancillary.vlanTagPresent),
    jump.unlessEqual(Number(tagged), 'other'),
    accept(maxFrame),
    label('other'),
    drop(),
  ])

/** Everything that an interface receives, octet by octet, and a way to send any octets. */
export class Tap {
  readonly frames: Captured[] = []
  readonly #sockets: PacketSocket[]

  private constructor(open: (tagged: boolean, onFrame: (frame: Buffer) => void) => PacketSocket) {
    this.#sockets = [false, true].map((tagged) =>
      open(tagged, (frame) => this.frames.push({ hex: frame.toString('hex'), tagged })),
    )
  }

  static async open(ns: Netns, device: string): Promise<Tap> {
    const interfaceIndex = await indexOf(ns, device)
    const open = (tagged: boolean, onFrame: (frame: Buffer) => void): PacketSocket =>
      openPacketSocket({ interfaceIndex, etherType: everything, filter: tagFilter(tagged) }, onFrame)
    return inNetworkNamespace(ns.path, () => new Tap(open))
  }

  send(...frames: readonly (string | Uint8Array)[]): void {
    for (const frame of frames) {
      this.#sockets[0].send(typeof frame === 'string' ? Buffer.from(frame, 'hex') : frame)
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
  }
}
