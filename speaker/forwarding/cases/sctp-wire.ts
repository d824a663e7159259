import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { accept, assemble, drop, jump, label, load } from '#raw-socket/bpf.ts'
import { interfaceIndex } from '#raw-socket/libc.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { Netns } from '../../../test/netns.ts'
import { decodeFrame, encodeFrame, etherTypes, type Chunk, type Seen } from './sctp.ts'

export type SctpPlace = 'pods' | 'outside' | 'here' | 'there' | 'beyond'

interface Station {
  readonly ns: Netns
  /** of its eth0 */
  readonly mac: string
  /** of the node's end */
  readonly gateway: string
}

interface Probe {
  readonly from: string
  readonly to: string
  readonly port: number
  readonly sourcePort: number
  /** where it arrived, as an agent would say it */
  arrived: string
  /** what the client has heard: '' nothing yet */
  heard: '' | 'answer' | 'ECONNREFUSED' | string
}

/** Places that answer an INIT. */
const servers: ReadonlySet<SctpPlace> = new Set(['here', 'there', 'beyond'])
const FIRST_PORT = 20_000
const GRACE_MS = 30

/**
 * SCTP associations by hand, between the places of a network: the client's INIT is told from others by its initiate
 * tag, which no translation changes, so that it is recognised wherever it comes out.
 */
export class SctpWire {
  readonly #stations: Readonly<Record<SctpPlace, Station>>
  readonly #sockets = new Map<string, PacketSocket>()
  readonly #probes = new Map<number, Probe>()
  #tag = 1
  #wake: () => void = () => {}

  constructor(stations: Readonly<Record<SctpPlace, Station>>) {
    this.#stations = stations
    for (const [place, station] of Object.entries(stations) as [SctpPlace, Station][]) {
      for (const family of [4, 6] as const) {
        const socket = inNetworkNamespace(station.ns.path, () =>
          openPacketSocket(
            {
              interfaceIndex: interfaceIndex('eth0'),
              etherType: etherTypes[family],
              filter: family === 4 ? filters[4] : filters[6],
            },
            (frame) => this.#receive(place, frame),
          ),
        )
        this.#sockets.set(`${place} ${family}`, socket)
      }
    }
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close()
  }

  /** What each of `count` associations got, in an agent's words. */
  async ask(place: SctpPlace, from: string, to: string, port: number, count: number): Promise<string[]> {
    this.#probes.clear()
    const probes = Array.from({ length: count }, () => this.#send(place, from, to, port))
    await this.#until(() => probes.every(({ heard }) => heard !== ''), 5000)
    return probes.map(resultOf)
  }

  /** `silence`, or what came, judged after a control was refused. */
  async silent(
    place: SctpPlace,
    from: string,
    to: string,
    port: number,
    control: { host: string; port: number },
    count: number,
  ): Promise<string[]> {
    this.#probes.clear()
    const probes = Array.from({ length: count }, () => this.#send(place, from, to, port))
    const last = this.#send(place, from, control.host, control.port)
    await this.#until(() => last.heard !== '', 5000)
    if (last.heard !== 'ECONNREFUSED') return [`control: ${resultOf(last)}`]
    await delay(GRACE_MS)
    return probes.map(resultOf).map((result) => (result === 'timeout' ? 'silence' : result))
  }

  #send(place: SctpPlace, from: string, to: string, port: number): Probe {
    const tag = this.#tag++
    const sourcePort = FIRST_PORT + (tag % 40_000)
    const probe: Probe = { from, to, port, sourcePort, arrived: '', heard: '' }
    this.#probes.set(tag, probe)
    this.#transmit(place, {
      kind: 'init',
      source: from,
      destination: to,
      sourcePort,
      destinationPort: port,
      verificationTag: 0,
      initiateTag: tag,
    })
    return probe
  }

  #transmit(place: SctpPlace, chunk: Chunk): void {
    const { mac, gateway } = this.#stations[place]
    const family = chunk.source.includes(':') ? 6 : 4
    this.#sockets.get(`${place} ${family}`)?.send(encodeFrame(mac, gateway, chunk))
  }

  #receive(place: SctpPlace, frame: Buffer): void {
    const seen = decodeFrame(frame)
    if (seen === undefined) return
    if (seen.kind === 'init' && servers.has(place)) this.#serve(place, seen)
    else if (seen.kind === 'init-ack') this.#answered(seen)
    else if (seen.kind === 'unreachable') this.#refused(seen)
    this.#wake()
  }

  #serve(place: SctpPlace, seen: Extract<Seen, { kind: 'init' | 'init-ack' }>): void {
    const probe = this.#probes.get(seen.initiateTag)
    if (probe === undefined) return
    const endpoint = `${seen.destination.includes(':') ? `[${seen.destination}]` : seen.destination}:${seen.destinationPort}`
    probe.arrived = `${place} ${endpoint} ${seen.source}${seen.checksumRight ? '' : ' wrong checksum'}`
    this.#transmit(place, {
      kind: 'init-ack',
      source: seen.destination,
      destination: seen.source,
      sourcePort: seen.destinationPort,
      destinationPort: seen.sourcePort,
      verificationTag: seen.initiateTag,
      initiateTag: 1,
    })
  }

  #answered(seen: Extract<Seen, { kind: 'init' | 'init-ack' }>): void {
    const probe = this.#probes.get(seen.verificationTag)
    if (probe === undefined) return
    const back =
      seen.source === probe.to &&
      seen.sourcePort === probe.port &&
      seen.destination === probe.from &&
      seen.destinationPort === probe.sourcePort &&
      seen.checksumRight
    probe.heard = back ? 'answer' : `an answer from ${seen.source} port ${seen.sourcePort}`
  }

  #refused(seen: Extract<Seen, { kind: 'unreachable' }>): void {
    for (const probe of this.#probes.values()) {
      if (
        probe.sourcePort === seen.sourcePort &&
        probe.from === seen.source &&
        probe.to === seen.destination
      ) {
        probe.heard = 'ECONNREFUSED'
      }
    }
  }

  async #until(condition: () => boolean, limit: number): Promise<void> {
    const deadline = performance.now() + limit
    while (!condition() && performance.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#wake = () => {}
  }
}

const resultOf = ({ heard, arrived }: Probe): string => {
  if (heard === 'answer') return arrived
  if (heard !== '') return heard
  return arrived === '' ? 'timeout' : `${arrived}, and no answer came back`
}

const filter = (protocolAt: number, icmp: number): Uint8Array =>
  assemble([
    load.byte(protocolAt),
    jump.ifEqual(132, 'take'),
    jump.unlessEqual(icmp, 'drop'),
    label('take'),
    accept(2048),
    label('drop'),
    drop(),
  ])

/** SCTP and ICMP only. */
const filters = { 4: filter(14 + 9, 1), 6: filter(14 + 6, 58) } as const
