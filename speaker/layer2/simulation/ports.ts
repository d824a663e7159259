import type { BfdDatagram, BfdPath, BfdPort } from '../../bfd/port.ts'
import type { Machine } from './machine.ts'
import type { Runtime } from './runtime.ts'

/** The BFD sockets of one process. */
export class Ports implements BfdPort {
  readonly #machine: Machine
  readonly #runtime: Runtime
  /** what is to be told when the peer's machine refuses a packet */
  readonly #channels = new Map<string, () => void>()

  constructor(machine: Machine, runtime: Runtime) {
    this.#machine = machine
    this.#runtime = runtime
  }

  /** Somebody may send it packets. */
  get listens(): boolean {
    return this.#channels.size > 0
  }

  /** The kernel has heard that nobody takes this packet. */
  refused({ local, multihop }: BfdDatagram): void {
    this.#runtime.arrive(() => this.#channels.get(`${multihop} ${local}`)?.())
  }

  afterArrivals(run: () => void): void {
    this.#runtime.afterArrivals(run)
  }

  open(
    { local, remote, multihop }: BfdPath,
    _sourcePort: number,
    _onSendError: (error: Error) => void,
    onRefused: () => void,
  ): ReturnType<BfdPort['open']> {
    this.#channels.set(`${multihop} ${remote}`, onRefused)
    return {
      send: (payload) => this.#machine.sendDatagram({ payload, local: remote, remote: local, multihop }),
      kernelDrops: () => 0,
      close: () => this.#channels.delete(`${multihop} ${remote}`),
    }
  }
}
