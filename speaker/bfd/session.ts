import { Timers, type Clock } from '#bgp-ts/clock.ts'
import { TokenBucket } from '../layer2/rate.ts'
import type { BfdSettings } from './config.ts'
import type { DropReason } from './errors.ts'
import type { Action, FsmConfig, FsmState, Input, TimerName } from './events.ts'
import { initialState, step } from './fsm.ts'
import { writeLine, type RecordingSink } from './recording.ts'
import type { BfdCounters, BfdSessionStatus, BfdSign } from './status.ts'
import { detectionTime, receiveInterval, transmitInterval } from './timing.ts'
import { encodeControl, type BfdState, type ControlPacket } from './wire.ts'

/** What a session needs from outside. */
export interface BfdSessionPorts {
  readonly clock: Clock
  /** 0 <= n < 1, for the jitter */
  random(): number
  send(payload: Uint8Array): void
  /** see BfdPort */
  afterArrivals(run: () => void): void
  /** the state here or at the peer is another one now */
  onChange(): void
  onSign(sign: BfdSign): void
}

/** Answers to Polls: a peer that polls at the fastest rate of a BFDProfile gets all of them. */
const answersPerSecond = 100

/** The share of an interval by which the detection timer may be late without our having been paused. */
const tolerance = 0.5

/**
 * A packet that is this many milliseconds later than the agreed interval is lost, or its sender does not run: RFC 5880
 * 6.8.7 has every packet sent after 75 to 100 % of it. If our own timer is later than that we did not run ourselves.
 */
const slack = { packet: 10, timer: 50 } as const

/** The part of a session's status that the state machine and the counters give. */
export type SessionPart = Omit<
  BfdSessionStatus,
  'key' | 'local' | 'remote' | 'interface' | 'multihop' | 'clients' | 'notes' | 'problem' | 'counters'
>

/** One BFD session: the state machine with timers, counters and octets around it. */
export class BfdSession {
  readonly #ports: BfdSessionPorts
  readonly #timers: Timers<TimerName | 'overdue'>
  readonly #inputs: Input[] = []
  readonly #answers = new TokenBucket(answersPerSecond, answersPerSecond)
  readonly #drops: Partial<Record<DropReason, number>> = {}
  #counters = { packetsIn: 0, packetsOut: 0, upEvents: 0, downEvents: 0 }
  #state: FsmState
  #since: number
  /** when the detection timer should fire, and the one for the next packet */
  #detectDue = 0
  #packetDue = 0
  #running = false
  #dispatching = false
  #record: RecordingSink | undefined

  /** @param discriminator random, not 0, of no other session */
  constructor(settings: BfdSettings, discriminator: number, ports: BfdSessionPorts) {
    this.#ports = ports
    this.#state = initialState(fsmConfig(settings), discriminator)
    this.#since = ports.clock.now()
    this.#timers = new Timers(ports.clock, (name) => this.#expired(name))
  }

  start(): void {
    this.#running = true
    this.#dispatch({ kind: 'start', random: this.#ports.random() })
  }

  /** Ends without a word; see `disable` for telling the peer first. */
  stop(): void {
    this.#running = false
    this.#timers.cancel('transmit')
    this.#timers.cancel('detect')
    this.#timers.cancel('overdue')
  }

  /** A good packet of this session. */
  receive(packet: ControlPacket): void {
    if (!this.#running) return
    // RFC 5880 6.8.6: learned from, and discarded.
    if (this.#state.name === 'AdminDown') this.drop('adminDown')
    else this.#counters.packetsIn++
    const answered = packet.poll && this.#answers.take(1, this.#ports.clock.now())
    if (packet.poll && !answered) this.drop('pollRate')
    const counted = packet.poll === answered ? packet : { ...packet, poll: false }
    this.#dispatch({ kind: 'packet', packet: counted, random: this.#ports.random() })
    this.#awaitPacket()
    this.#ports.onSign('heard')
  }

  drop(reason: DropReason): void {
    this.#drops[reason] = (this.#drops[reason] ?? 0) + 1
  }

  update(settings: BfdSettings): void {
    this.#dispatch({ kind: 'configure', config: fsmConfig(settings), random: this.#ports.random() })
  }

  /** Administratively down: the peer is told that nothing has failed. */
  disable(reason: number): void {
    this.#dispatch({ kind: 'disable', diagnostic: reason, random: this.#ports.random() })
  }

  enable(): void {
    this.#dispatch({ kind: 'enable', random: this.#ports.random() })
  }

  /** Says the present state once more, ahead of time. */
  repeat(): void {
    this.#dispatch({ kind: 'timer', name: 'transmit', random: this.#ports.random() })
  }

  get state(): BfdState {
    return this.#state.name
  }

  get discriminator(): number {
    return this.#state.discriminator
  }

  /** Milliseconds between packets that the peer says it can take; undefined when it was not heard or takes none. */
  get peerTakes(): number | undefined {
    const { discriminator, minRx } = this.#state.remote
    return discriminator === 0 || minRx === 0 ? undefined : minRx / 1000
  }

  /** Milliseconds between two packets, at most. */
  get transmitInterval(): number {
    return transmitInterval(this.#state) / 1000
  }

  counters(): Omit<BfdCounters, 'sendErrors'> {
    return { ...this.#counters, drops: { ...this.#drops } }
  }

  status(): SessionPart {
    const { name, diagnostic, remote, config, discriminator } = this.#state
    return {
      state: name,
      since: this.#since,
      diagnostic,
      remoteState: remote.state,
      remoteDiagnostic: remote.diagnostic,
      discriminator,
      remoteDiscriminator: remote.discriminator,
      transmitInterval: this.transmitInterval,
      receiveInterval: receiveInterval(this.#state) / 1000,
      detectionTime: detectionTime(this.#state),
      passive: config.passive,
    }
  }

  /** Writes what the state machine sees and does from now on; undefined ends that. */
  record(sink: RecordingSink | undefined): void {
    this.#record = sink
    if (sink !== undefined) writeLine(sink, { at: this.#ports.clock.now(), state: this.#state })
  }

  #expired(name: TimerName | 'overdue'): void {
    if (name === 'transmit') return this.repeat()
    if (name === 'overdue') return this.#overdue()
    const { clock, afterArrivals, random } = this.#ports
    const heard = this.#counters.packetsIn
    const late = clock.now() - this.#detectDue
    // After a pause of this thread timers come before what has arrived meanwhile, and our pause is not the peer's.
    afterArrivals(() => {
      if (!this.#running || this.#counters.packetsIn !== heard) return
      const interval = receiveInterval(this.#state) / 1000
      // It may have been the whole machine, and the peer's with it: one interval to hear from it.
      if (late > interval * tolerance) this.#startDetection(interval)
      else this.#dispatch({ kind: 'timer', name, random: random() })
    })
  }

  /** The next packet is to come within the agreed interval. */
  #awaitPacket(): void {
    if (!this.#running || this.#state.name !== 'Up') return this.#timers.cancel('overdue')
    const ms = receiveInterval(this.#state) / 1000 + slack.packet
    this.#packetDue = this.#ports.clock.now() + ms
    this.#timers.start('overdue', ms)
  }

  #overdue(): void {
    const { clock, afterArrivals, onSign } = this.#ports
    const heard = this.#counters.packetsIn
    const late = clock.now() - this.#packetDue
    afterArrivals(() => {
      if (!this.#running || this.#state.name !== 'Up' || this.#counters.packetsIn !== heard) return
      if (late > slack.timer) this.#awaitPacket()
      else onSign('overdue')
    })
  }

  #startDetection(ms: number): void {
    this.#detectDue = this.#ports.clock.now() + ms
    this.#timers.start('detect', ms)
  }

  /** The one way into the state machine. An input that an action causes waits until the actions are done. */
  #dispatch(input: Input): void {
    if (!this.#running) return
    this.#inputs.push(input)
    if (this.#dispatching) return
    this.#dispatching = true
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#step(next)
    } finally {
      this.#dispatching = false
    }
  }

  #step(input: Input): void {
    const now = this.#ports.clock.now()
    const before = this.#state
    const { state, actions } = step(before, input, now)
    if (this.#record !== undefined) writeLine(this.#record, { at: now, input, actions })
    this.#state = state
    for (const action of actions) this.#do(action, now)
    const changed = before.name !== state.name || before.remote.state !== state.remote.state
    if (changed) this.#ports.onChange()
  }

  #do(action: Action, now: number): void {
    switch (action.do) {
      case 'send':
        this.#counters.packetsOut++
        this.#ports.onSign('sent')
        return this.#ports.send(encodeControl(action.packet))
      case 'timer':
        if (!this.#running) return undefined
        return action.name === 'detect'
          ? this.#startDetection(action.ms)
          : this.#timers.start(action.name, action.ms)
      case 'cancel':
        return this.#timers.cancel(action.name)
      case 'changed':
        this.#since = now
        if (action.to === 'Up') this.#counters.upEvents++
        if (action.from === 'Up') this.#counters.downEvents++
        return undefined
    }
  }
}

const fsmConfig = (settings: BfdSettings): FsmConfig => ({
  desiredMinTx: settings.transmitInterval * 1000,
  requiredMinRx: settings.receiveInterval * 1000,
  multiplier: settings.detectMultiplier,
  passive: settings.passive,
})
