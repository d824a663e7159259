import { randomInt } from 'node:crypto'
import type { Clock, Timer } from '#kube/clock.ts'
import { dropReasons, type DropReason } from '../bfd/errors.ts'
import type { BfdDatagram, BfdPort } from '../bfd/port.ts'
import { BfdSessions } from '../bfd/sessions.ts'
import type { BfdSessionStatus } from '../bfd/status.ts'
import { TokenBucket } from '../layer2/rate.ts'
import type { WireLog } from './logger.ts'
import type { WireObserved } from './protocol.ts'

export interface BfdEdgeOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly port: (onDatagram: (datagram: BfdDatagram) => void) => BfdPort
  readonly post: (observed: WireObserved) => void
  readonly log: WireLog
}

const countersInterval = 1000
/** Of packets without effect, one in so many milliseconds is logged, with how many there were. */
const dropLogInterval = 10_000
/** Of such a packet. */
const loggedOctets = 52

/** The BFD sessions of this node for all of the wire thread, and what main gets to know of them. */
export class BfdEdge {
  readonly sessions: BfdSessions
  readonly #options: BfdEdgeOptions
  readonly #told = new Map<string, string>()
  readonly #noted = new Map<string, string>()
  readonly #dropLog = new TokenBucket(1000 / dropLogInterval, 1)
  #unlogged = 0
  #toldDrops = ''
  #timer: Timer | undefined

  constructor(options: BfdEdgeOptions) {
    this.#options = options
    const { clock, random, post, log } = options
    this.sessions = new BfdSessions({
      clock,
      random,
      discriminator: () => randomInt(1, 2 ** 32),
      port: options.port((datagram) => this.#receive(datagram)),
      onDrop: (reason, datagram) => this.#dropped(reason, datagram),
      onChange: (status) => this.#tell([status]),
      onClosed: (key) => {
        this.#told.delete(key)
        this.#noted.delete(key)
        post({ kind: 'bfd', sessions: [], closed: [key] })
      },
      onProblem: ({ local, remote }, { code, text }) =>
        log('error', 'a BFD session cannot run', { local, remote, code, problem: text }),
    })
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#tell(this.sessions.statuses())
      this.#tellDrops()
      this.start()
    }, countersInterval)
  }

  /** Every peer hears that nothing has failed. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.sessions.stop()
  }

  /** No packet may end the thread, whatever comes of it. */
  #receive(datagram: BfdDatagram): void {
    try {
      this.sessions.receive(datagram)
    } catch (error) {
      this.#options.log('error', 'a BFD packet could not be handled', {
        error: String(error),
        ...described(datagram),
      })
    }
  }

  /** Posts the sessions of which something is new. */
  #tell(statuses: readonly BfdSessionStatus[]): void {
    const sessions = statuses.filter((status) => {
      const text = JSON.stringify(status)
      if (text === this.#told.get(status.key)) return false
      this.#told.set(status.key, text)
      return true
    })
    if (sessions.length > 0) this.#options.post({ kind: 'bfd', sessions, closed: [] })
    for (const status of sessions) this.#logNotes(status)
  }

  #logNotes({ key, remote, clients, notes }: BfdSessionStatus): void {
    const text = notes.map(({ code }) => code).join()
    if (text === (this.#noted.get(key) ?? '')) return
    this.#noted.set(key, text)
    for (const note of notes) {
      this.#options.log('warn', `BFD profile: ${note.text}`, { code: note.code, remote, clients })
    }
  }

  #tellDrops(): void {
    const { drops } = this.sessions
    const text = JSON.stringify(drops)
    if (text === this.#toldDrops || text === '{}') return
    this.#toldDrops = text
    this.#options.post({ kind: 'bfd', sessions: [], closed: [], drops: { ...drops } })
  }

  #dropped(reason: DropReason, datagram: BfdDatagram): void {
    const { clock, log } = this.#options
    if (!this.#dropLog.take(1, clock.now())) {
      this.#unlogged++
      return
    }
    const fields = { reason, ...described(datagram), others: this.#unlogged }
    log('warn', `a BFD packet was dropped: ${dropReasons[reason]}`, fields)
    this.#unlogged = 0
  }
}

const described = ({ payload, local, remote, multihop }: BfdDatagram): Record<string, unknown> => ({
  local,
  remote,
  multihop,
  packet: Buffer.from(payload).toString('hex', 0, loggedOctets),
})
