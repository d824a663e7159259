import { formatAddress, type Address } from '#inet/address.ts'
import type { Prefix } from '#inet/prefix.ts'
import { Timers, type Clock, type TimerHandle } from './clock.ts'
import type { PeerConfig } from './config.ts'
import { changeEffects, fsmConfig } from './config-change.ts'
import type { Connection, Connector } from './connection.ts'
import { countReceived, countSent, newCounters } from './counters.ts'
import { BgpError, systemErrorWords } from './errors.ts'
import type { Action, FsmState, Input, Negotiated, TimerName } from './events.ts'
import type { ExportContext } from './export.ts'
import { Framer } from './framer.ts'
import { initialState, step } from './fsm.ts'
import { seedOf } from './jitter.ts'
import { writeLine, type RecordingSink } from './recording.ts'
import { RibOut } from './rib-out.ts'
import type { Route } from './route.ts'
import type { SessionStatus } from './status.ts'
import { initialContext, type CodecContext } from './wire/context.ts'
import type { Frame } from './wire/header.ts'
import { decodeMessage, encodeMessage, type Message } from './wire/message.ts'

/** What a session needs from outside. */
export interface SessionPorts {
  readonly clock: Clock
  /** 0 <= n < 1; drawn once a `start()`, it seeds the jitter */
  random(): number
  readonly connect: Connector
}

/** Why `stop()` is called: the subcode of the Cease (RFC 4486: 2 shutdown, 3 de-configured, 4 reset …). */
export interface StopReason {
  readonly subcode: number
  /** for the peer's operator, sent with 2 and 4 (RFC 9003) */
  readonly text: string
}

/** Changes of routes within this many milliseconds leave together. */
const coalescingWindow = 20
/** UPDATEs written at a stretch; then timers and received messages get their turn. */
const batchSize = 16

/**
 * One BGP session: the state machine, the routes for the peer, and the only place of this room with timers and a
 * byte stream. Routes may be put at any time; they are announced whenever the session is up.
 */
export class Session {
  readonly #ports: SessionPorts
  readonly #rib = new RibOut()
  readonly #timers: Timers<TimerName>
  readonly #inputs: Input[] = []
  readonly #listeners = new Set<() => void>()
  readonly #counters = newCounters()
  #config: PeerConfig
  #state: FsmState
  #since: number
  #connection: Connection | undefined
  #localAddress: Address | undefined
  #lastPeerAS: number | undefined
  #closing: Promise<void> = Promise.resolve()
  #lastError: SessionStatus['lastError']
  #blocked = false
  #flush: TimerHandle | undefined
  #dispatching = false
  #record: RecordingSink | undefined

  constructor(config: PeerConfig, ports: SessionPorts) {
    this.#config = config
    this.#ports = ports
    this.#state = initialState(fsmConfig(config))
    this.#since = ports.clock.now()
    this.#timers = new Timers(ports.clock, (name) => this.#dispatch({ kind: 'timer', name }))
  }

  /** Connects, and connects again whenever the session ends, until `stop()`. */
  start(): void {
    this.#dispatch({ kind: 'start', seed: seedOf(this.#ports.random()) })
  }

  /** Closes with a Cease; resolves when it is written and the connection closed, or given up. */
  async stop(reason: StopReason): Promise<void> {
    this.#dispatch({ kind: 'stop', ...reason })
    // Called by a listener, the input above still waits for the step that is going on.
    await Promise.resolve()
    await this.#closing
  }

  /** Announces the route from now on, in place of an earlier one for its prefix. */
  put(route: Route): void {
    this.#rib.put(route)
    this.#scheduleFlush(coalescingWindow)
  }

  /** Announces nothing for this prefix from now on. */
  withdraw(prefix: Prefix): void {
    this.#rib.withdraw(prefix)
    this.#scheduleFlush(coalescingWindow)
  }

  /** Applies a changed configuration with the mildest effect that suffices (`config-change.ts`). */
  updateConfig(config: PeerConfig): void {
    const effects = changeEffects(this.#config, config)
    this.#config = config
    if (effects.size === 0) return
    if (effects.has('reset')) this.#lastPeerAS = undefined
    this.#dispatch({ kind: 'configure', config: fsmConfig(config), reset: effects.has('reset') })
    const { negotiated, name } = this.#state
    if (effects.has('readvertise') && name === 'Established') {
      this.#rib.update(this.#exportContext(negotiated!))
      this.#scheduleFlush(coalescingWindow)
    }
  }

  /** BFD (RFC 5882) says that the path to the peer has failed: a session that is up, or coming up, ends. */
  bfdDown(text: string): void {
    this.#dispatch({ kind: 'bfdDown', text })
  }

  /** The path works again, or BFD has no say any more: what BFD ended may connect. */
  bfdUp(): void {
    this.#dispatch({ kind: 'bfdUp' })
  }

  status(): SessionStatus {
    const config = this.#config
    const { name, negotiated } = this.#state
    const up = name === 'Established' ? negotiated : undefined
    const peerAS = negotiated?.peerAS ?? this.#lastPeerAS ?? config.peerAS
    const text = formatAddress(config.address)
    const unsent = this.#rib.unsent
    return {
      peer: config.name,
      endpoint: `${config.address.family === 6 ? `[${text}]` : text}:${config.port}`,
      ...(this.#localAddress && { localAddress: formatAddress(this.#localAddress) }),
      localAS: config.localAS,
      ...(peerAS !== undefined && { peerAS }),
      ...(negotiated && { peerRouterId: negotiated.peerRouterId }),
      state: name,
      since: this.#since,
      holdTime: up?.holdTime ?? 0,
      keepaliveTime: up?.keepaliveTime ?? 0,
      families: up?.families ?? [],
      ...(this.#lastError && { lastError: this.#lastError }),
      counters: { ...this.#counters },
      announced: this.#rib.announced,
      pending: this.#rib.pending,
      ...(Object.keys(unsent).length > 0 && { unsent }),
    }
  }

  /** Called after the state, the last error or the set of announced routes changed. Returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Writes what the state machine sees and does from now on; undefined ends that. */
  record(sink: RecordingSink | undefined): void {
    this.#record = sink
    if (sink !== undefined) writeLine(sink, { at: this.#ports.clock.now(), state: this.#state })
  }

  /** The one way into the state machine. An input that an action causes waits until the actions are done. */
  #dispatch(input: Input): void {
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
    const before = this.#state.name
    const { state, actions } = step(this.#state, input, now)
    if (this.#record !== undefined) writeLine(this.#record, { at: now, input, actions })
    this.#state = state
    if (state.name !== before) this.#since = now
    for (const action of actions) this.#do(action, now)
    if (state.name !== before || actions.some((action) => action.do === 'down')) this.#changed()
  }

  #do(action: Action, now: number): void {
    switch (action.do) {
      case 'send':
        return this.#send(action.message)
      case 'timer':
        return this.#timers.start(action.name, action.ms)
      case 'cancel':
        return action.names.forEach((name) => this.#timers.cancel(name))
      case 'connect':
        return this.#connect()
      case 'close':
        return this.#close()
      case 'established':
        this.#counters.established++
        this.#rib.open(this.#exportContext(action.negotiated))
        return this.#scheduleFlush(0)
      case 'down':
        this.#lastError = { at: now, ...action.reason }
        return
      case 'resend':
        this.#rib.resendAll(action.family)
        return this.#scheduleFlush(coalescingWindow)
    }
  }

  #connect(): void {
    this.#counters.connectAttempts++
    const connection = this.#ports.connect(this.#config)
    const framer = new Framer()
    this.#connection = connection
    this.#localAddress = undefined
    let open = false
    connection.onOpen(() => {
      open = true
      this.#localAddress = connection.localAddress
      this.#dispatch({ kind: 'tcpConnected' })
    })
    connection.onData((chunk) => this.#received(connection, framer, chunk))
    connection.onDrain(() => this.#unblocked())
    connection.onClose((error) => {
      const text = error === undefined ? '' : systemErrorWords(error.code, error.message)
      if (open) this.#dispatch({ kind: 'tcpClosed', text })
      else this.#dispatch({ kind: 'tcpFailed', text: text || 'the connection was closed before it was open' })
    })
  }

  #close(): void {
    const connection = this.#connection
    this.#connection = undefined
    this.#blocked = false
    this.#flush?.cancel()
    this.#flush = undefined
    this.#rib.close()
    if (connection !== undefined) this.#closing = both(this.#closing, connection.close())
  }

  #received(connection: Connection, framer: Framer, chunk: Uint8Array): void {
    for (const frame of framer.push(chunk)) {
      // An earlier message of this chunk may have ended the session.
      if (this.#connection !== connection) return
      this.#dispatch(
        frame instanceof BgpError ? { kind: 'fault', fault: frame.toFault() } : this.#decode(frame),
      )
    }
  }

  #decode(frame: Frame): Input {
    countReceived(this.#counters, frame.type)
    try {
      const { message, problem } = decodeMessage(frame, this.#codecContext())
      if (problem !== undefined) this.#counters.malformedUpdates++
      return this.#inputOf(message)
    } catch (error) {
      if (error instanceof BgpError) return { kind: 'fault', fault: error.toFault() }
      throw error
    }
  }

  #inputOf(message: Message): Input {
    switch (message.type) {
      case 'keepalive':
      case 'update':
        return { kind: message.type }
      case 'open': {
        const capability = message.capabilities.find(({ kind }) => kind === 'fourOctetAS')
        this.#lastPeerAS = capability?.kind === 'fourOctetAS' ? capability.as : message.myAS
        return { kind: 'open', message }
      }
      case 'notification':
        return { kind: 'notification', message }
      case 'routeRefresh':
        return { kind: 'routeRefresh', message }
    }
  }

  #send(message: Extract<Action, { do: 'send' }>['message']): void {
    countSent(this.#counters, message.type)
    this.#write([encodeMessage(message, this.#codecContext())])
  }

  #write(messages: readonly Uint8Array[]): void {
    const accepted = this.#connection?.write(messages.length === 1 ? messages[0] : Buffer.concat(messages))
    if (accepted !== false || this.#blocked) return
    this.#blocked = true
    this.#dispatch({ kind: 'sendBlocked' })
  }

  #unblocked(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#dispatch({ kind: 'sendUnblocked' })
    this.#scheduleFlush(0)
  }

  /** What waits is bounded: one batch beyond what the connection takes. */
  #scheduleFlush(ms: number): void {
    const up = this.#state.name === 'Established' && !this.#blocked
    if (!up || this.#flush !== undefined) return
    this.#flush = this.#ports.clock.setTimeout(() => {
      this.#flush = undefined
      this.#flushBatch()
    }, ms)
  }

  #flushBatch(): void {
    const messages = this.#rib.drain(batchSize)
    if (messages.length > 0) {
      this.#counters.updatesSent += messages.length
      const context = this.#codecContext()
      this.#write(messages.map((message) => encodeMessage(message, context)))
    }
    // The next batch after a turn of the event loop: KEEPALIVEs do not wait for a long table.
    if (this.#rib.idle) this.#changed()
    else this.#scheduleFlush(0)
  }

  #codecContext(): CodecContext {
    return this.#state.negotiated ?? initialContext
  }

  #exportContext(negotiated: Negotiated): ExportContext {
    const { localAS, address, nextHops } = this.#config
    const local = this.#localAddress
    return {
      ...negotiated,
      localAS,
      nextHops: { ...(local && { [local.family]: local }), ...nextHops },
      peerAddress: address,
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  await Promise.all([first, second])
}
