import type { Prefix } from '#inet/prefix.ts'
import { Announcer, exportContext } from './announcer.ts'
import { initialPeer, stepPeer } from './collision.ts'
import type { PeerConfig } from './config.ts'
import { changeEffects, fsmConfig } from './config-change.ts'
import type { Connection } from './connection.ts'
import { countSent, newCounters } from './counters.ts'
import type { Input, Negotiated, PeerAction, PeerInput, PeerState, Place } from './events.ts'
import type { ExportContext } from './export.ts'
import { seedOf } from './jitter.ts'
import type { Link } from './link.ts'
import { Links, type Slot } from './links.ts'
import { MessageLog, type LogLine } from './message-log.ts'
import { writeLine, type RecordingSink } from './recording.ts'
import type { RibRoute } from './rib-list.ts'
import { RibOut } from './rib-out.ts'
import type { Route } from './route.ts'
import type { SessionPorts, StopReason } from './session-ports.ts'
import { notificationStatus, statusOf, type SessionMemory } from './session-status.ts'
import type { SessionStatus } from './status.ts'
import { initialContext } from './wire/context.ts'

interface Pending {
  /** whose state machine it is for; of a link that is gone it is for nobody */
  readonly from: 'peer' | Slot | Link
  readonly input: Input
  /** one that the peer has opened */
  readonly accepted?: Connection
}

/**
 * One BGP session: the state machines, the routes for the peer, and the only place of this room with timers and byte
 * streams. Routes may be put at any time; they are announced whenever the session is up.
 */
export class Session {
  readonly #ports: SessionPorts
  readonly #announcer: Announcer
  readonly #pending: Pending[] = []
  readonly #listeners = new Set<() => void>()
  readonly #counters = newCounters()
  readonly #log = new MessageLog()
  readonly #memory: SessionMemory
  readonly #links: Links
  #config: PeerConfig
  #state: PeerState
  #dispatching = false
  #record: RecordingSink | undefined

  constructor(config: PeerConfig, ports: SessionPorts) {
    this.#config = config
    this.#ports = ports
    this.#state = initialPeer(fsmConfig(config))
    this.#memory = { since: ports.clock.now() }
    this.#links = new Links({
      clock: ports.clock,
      counters: this.#counters,
      log: this.#log,
      now: () => ports.clock.now(),
      context: (place) => this.#state[place]?.negotiated ?? initialContext,
      hear: (from, input) => this.#dispatch({ from, input }),
      peerAS: (as) => (this.#memory.peerAS = as),
    })
    this.#announcer = new Announcer(ports.rib ?? new RibOut(), {
      clock: ports.clock,
      write: (batch) => this.#links.at('primary').link?.sendUpdates(batch),
      written: () => this.#changed(),
    })
  }

  /** Connects, and connects again whenever the session ends, until `stop()`. */
  start(): void {
    this.#dispatch({ from: 'peer', input: { kind: 'start', seed: seedOf(this.#ports.random()) } })
  }

  /** Closes with a Cease; resolves when it is written and the connection closed, or given up. */
  async stop(reason: StopReason): Promise<void> {
    this.#dispatch({ from: 'peer', input: { kind: 'stop', ...reason } })
    // Called by a listener, the input above still waits for the step that is going on.
    await Promise.resolve()
    await this.#links.closed()
  }

  /**
   * Stops without a word. Under graceful restart the peer takes that for a restart, and keeps our routes for the restart
   * time (RFC 4724 4.2); any NOTIFICATION would tell a peer without the N bit to drop them.
   */
  async abandon(): Promise<void> {
    this.#close('second')
    this.#close('primary')
    // With no connection left the Cease goes nowhere.
    await this.stop({ subcode: 2, text: '' })
  }

  /**
   * Takes over a connection that the peer has opened, from now on; it is open already. Without `listen` in the
   * configuration, or while the session is stopped or waits after an error, it is refused with Cease 6/5.
   */
  accept(connection: Connection): void {
    this.#dispatch({ from: 'peer', input: { kind: 'tcpConnected' }, accepted: connection })
  }

  /** Announces the route from now on, in place of an earlier one for its prefix. */
  put(route: Route): void {
    this.#announcer.put(route)
  }

  /** Announces nothing for this prefix from now on. */
  withdraw(prefix: Prefix): void {
    this.#announcer.withdraw(prefix)
  }

  /**
   * Whether what was put is all that there is to announce; it is unless somebody says otherwise. Until then routes are
   * sent and End-of-RIB is not, so that a peer keeps what it has of us over our restart (RFC 4724 4.1). It waits no
   * longer than the restart time.
   */
  endOfRib(ready: boolean): void {
    this.#announcer.endOfRib(ready)
  }

  /** All routes carry GRACEFUL_SHUTDOWN from now on (RFC 8326), or no more. */
  gracefulShutdown(on: boolean): void {
    this.#announcer.gracefulShutdown(on)
  }

  /** Applies a changed configuration with the mildest effect that suffices (`config-change.ts`). */
  updateConfig(config: PeerConfig): void {
    const effects = changeEffects(this.#config, config)
    this.#config = config
    if (effects.size === 0) return
    const reset = effects.has('reset')
    if (reset) this.#memory.peerAS = undefined
    this.#dispatch({ from: 'peer', input: { kind: 'configure', config: fsmConfig(config), reset } })
    const { negotiated, name } = this.#state.primary
    if (effects.has('readvertise') && name === 'Established') {
      this.#announcer.update(this.#exportContext(negotiated!))
    }
  }

  /** BFD (RFC 5882) says that the path to the peer has failed: a session that is up, or coming up, ends. */
  bfdDown(text: string): void {
    this.#dispatch({ from: 'peer', input: { kind: 'bfdDown', text } })
  }

  /** The path works again, or BFD has no say any more: what BFD ended may connect. */
  bfdUp(): void {
    this.#dispatch({ from: 'peer', input: { kind: 'bfdUp' } })
  }

  status(): SessionStatus {
    return {
      ...statusOf(this.#config, this.#state, this.#memory),
      counters: { ...this.#counters },
      ...this.#announcer.status(),
    }
  }

  /** The last messages both ways in words, oldest first. */
  messages(): readonly LogLine[] {
    return this.#log.lines()
  }

  /** The Adj-RIB-Out: what the peer has, what waits, and what cannot be sent; in no order. */
  routes(): IterableIterator<RibRoute> {
    return this.#announcer.routes()
  }

  /** Called after the state, the last error or the set of announced routes changed. Returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Writes what the state machines see and do from now on; undefined ends that. */
  record(sink: RecordingSink | undefined): void {
    this.#record = sink
    if (sink !== undefined) writeLine(sink, { at: this.#ports.clock.now(), state: this.#state })
  }

  /** The one way into the state machines. An input that an action causes waits until the actions are done. */
  #dispatch(pending: Pending): void {
    this.#pending.push(pending)
    if (this.#dispatching) return
    this.#dispatching = true
    try {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift())
        this.#step(next)
    } finally {
      this.#dispatching = false
    }
  }

  #step({ from, input, accepted }: Pending): void {
    const on = accepted ? 'second' : from === 'peer' ? 'peer' : this.#links.placeOf(from)
    if (on === undefined) return
    const now = this.#ports.clock.now()
    this.#noteInput(input, on, now)
    const before = this.#state.primary.name
    const peerInput: PeerInput = { on, ...input }
    const { state, actions } = stepPeer(this.#state, peerInput, now)
    if (this.#record !== undefined) writeLine(this.#record, { at: now, input: peerInput, actions })
    this.#state = state
    const moved = state.primary.name !== before
    if (moved) this.#memory.since = now
    for (const action of actions) this.#do(action, now, accepted)
    if (moved || actions.some((action) => action.do === 'down')) this.#changed()
  }

  #noteInput(input: Input, on: Place | 'peer', now: number): void {
    if (input.kind === 'notification') this.#memory.received = notificationStatus(input.message, now)
    if (on !== 'primary') return
    if (input.kind === 'tcpConnected') this.#noteAddress()
    if (input.kind === 'sendBlocked') this.#announcer.block(true)
    if (input.kind === 'sendUnblocked') this.#announcer.block(false)
  }

  #do(action: PeerAction, now: number, accepted: Connection | undefined): void {
    const slot = this.#links.at(action.on)
    switch (action.do) {
      case 'send':
        if (action.message.type === 'notification')
          this.#memory.sent = notificationStatus(action.message, now)
        return slot.link?.send([action.message])
      case 'timer':
        return slot.timers.start(action.name, action.ms)
      case 'cancel':
        return action.names.forEach((name) => slot.timers.cancel(name))
      case 'connect':
        return this.#connect(action.on)
      case 'close':
        return this.#close(action.on)
      case 'adopt':
        this.#counters.connectionsAccepted++
        return this.#links.add(action.on, accepted!, true)
      case 'reject':
        this.#counters.connectionsRejected++
        countSent(this.#counters, action.message.type)
        return this.#links.reject(accepted!, action.message)
      case 'swap':
        this.#links.swap()
        return this.#noteAddress()
      case 'established':
        return this.#established(slot, action.negotiated)
      case 'down':
        this.#memory.lastError = { at: now, ...action.reason }
        return
      case 'resend':
        return this.#announcer.resend(action.family)
    }
  }

  #noteAddress(): void {
    this.#memory.local = this.#links.at('primary').link?.connection.localAddress
  }

  #connect(place: Place): void {
    this.#counters.connectAttempts++
    this.#memory.local = undefined
    this.#links.add(place, this.#ports.connect(this.#config), false)
  }

  #established({ link }: Slot, negotiated: Negotiated): void {
    this.#counters.established++
    this.#announcer.open(this.#exportContext(negotiated), this.#config.gracefulRestart?.restartTime)
    // It could not take all of the OPEN: the state machine heard of that when it did not matter yet.
    if (link?.blocked) this.#dispatch({ from: link, input: { kind: 'sendBlocked' } })
  }

  #close(place: Place): void {
    if (place === 'primary') this.#announcer.close()
    this.#links.close(place)
  }

  #exportContext(negotiated: Negotiated): ExportContext {
    return exportContext(this.#config, negotiated, this.#links.at('primary').link!.connection)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
