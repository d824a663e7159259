/** Fakes and samples for the tests of this room. */
import type { FakeClock } from '#bgp-ts/testing.ts'
import { defaultSettings, type BfdSettings } from './config.ts'
import type { FsmConfig } from './events.ts'
import { controlPorts, type BfdChannel, type BfdDatagram, type BfdPath, type BfdPort } from './port.ts'
import { BfdSessions, type BfdRequest } from './sessions.ts'
import { decodeControl, encodeControl, type ControlPacket } from './wire.ts'

/** What a peer with FRR's defaults says first. */
export const packet = (change: Partial<ControlPacket> = {}): ControlPacket => ({
  diagnostic: 0,
  state: 'Down',
  poll: false,
  final: false,
  independent: false,
  demand: false,
  multiplier: 3,
  myDiscriminator: 0x0a0b0c0d,
  yourDiscriminator: 0,
  desiredMinTx: 1_000_000,
  requiredMinRx: 300_000,
  requiredMinEchoRx: 0,
  ...change,
})

export const fsmConfig = (change: Partial<FsmConfig> = {}): FsmConfig => ({
  desiredMinTx: 300_000,
  requiredMinRx: 300_000,
  multiplier: 3,
  passive: false,
  ...change,
})

export interface SentDatagram {
  readonly at: number
  readonly sourcePort: number
  readonly path: BfdPath
  readonly packet: ControlPacket
}

/** Nodes that hear each other after a millisecond, unless `lost` says otherwise. */
export class FakeNetwork {
  readonly clock: FakeClock
  readonly sent: SentDatagram[] = []
  /** a datagram that does not arrive */
  lost: (sent: SentDatagram) => boolean = () => false
  /** addresses of machines whose process has ended: packets to them are refused */
  readonly ended = new Set<string>()
  /** what the kernel says instead of opening a socket */
  refuse: (path: BfdPath, sourcePort: number) => string | undefined = () => undefined
  readonly #heard = new Map<string, (datagram: BfdDatagram) => void>()
  open = 0

  constructor(clock: FakeClock) {
    this.clock = clock
  }

  port(onDatagram: (datagram: BfdDatagram) => void): BfdPort {
    return {
      afterArrivals: (run) => run(),
      open: (path, sourcePort, _onSendError, onRefused) =>
        this.#open(path, sourcePort, onDatagram, onRefused),
    }
  }

  #open(
    path: BfdPath,
    sourcePort: number,
    onDatagram: (datagram: BfdDatagram) => void,
    onRefused: () => void,
  ): BfdChannel {
    const errnoName = this.refuse(path, sourcePort)
    if (errnoName !== undefined) {
      const port = path.multihop ? controlPorts.multihop : controlPorts.singleHop
      const about = errnoName === 'EADDRINUSE' ? ` port ${sourcePort}` : ` port ${port}`
      throw Object.assign(new Error(`bind (${path.local}${about}): ${errnoName}`), { errnoName })
    }
    this.#heard.set(`${path.local} ${path.multihop}`, onDatagram)
    this.open++
    return {
      send: (payload) => {
        if (this.ended.has(path.remote)) this.clock.setTimeout(onRefused, 1)
        else this.#send(path, sourcePort, payload)
      },
      kernelDrops: () => 0,
      close: () => this.open--,
    }
  }

  #send(path: BfdPath, sourcePort: number, payload: Uint8Array): void {
    const decoded = decodeControl(payload)
    if ('drop' in decoded) throw new Error(`sent a packet that is dropped: ${decoded.drop}`)
    const sent = { at: this.clock.now(), sourcePort, path, packet: decoded.packet }
    this.sent.push(sent)
    if (this.lost(sent)) return
    const { local, remote, multihop, interface: device } = path
    this.clock.setTimeout(() => {
      this.#heard.get(`${remote} ${multihop}`)?.({
        payload,
        local: remote,
        remote: local,
        ...(device !== undefined && { interface: device }),
        multihop,
      })
    }, 1)
  }
}

/** The sessions of one node in a fake network. */
export function fakeSessions(network: FakeNetwork, first = 1): BfdSessions {
  let discriminator = first
  const sessions: BfdSessions = new BfdSessions({
    clock: network.clock,
    random: () => 0.5,
    discriminator: () => discriminator++,
    port: network.port((datagram) => sessions.receive(datagram)),
  })
  return sessions
}

export const settings = (change: Partial<BfdSettings> = {}): BfdSettings => ({
  ...defaultSettings,
  ...change,
})

export const request = (change: Partial<BfdRequest> = {}): BfdRequest => ({
  local: '192.0.2.2',
  remote: '192.0.2.1',
  multihop: false,
  settings: defaultSettings,
  client: 'bgp/tor',
  ...change,
})

/** A datagram as `request()`'s session hears it. */
export const datagram = (payload: Uint8Array, change: Partial<BfdDatagram> = {}): BfdDatagram => ({
  payload,
  local: '192.0.2.2',
  remote: '192.0.2.1',
  multihop: false,
  ...change,
})

export const said = (change: Partial<ControlPacket> = {}): Uint8Array => encodeControl(packet(change))
