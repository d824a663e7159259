import type { Connection } from './connection.ts'
import { countReceived, countSent } from './counters.ts'
import { BgpError, systemErrorWords } from './errors.ts'
import type { Input } from './events.ts'
import { Framer } from './framer.ts'
import { maxLogLines, type MessageLog } from './message-log.ts'
import type { SessionCounters } from './status.ts'
import type { UpdateBatch } from './update-batch.ts'
import type { CodecContext } from './wire/context.ts'
import { endOfRibOf } from './wire/end-of-rib.ts'
import { headerLength, type Frame, type MessageType } from './wire/header.ts'
import { decodeMessage, encodeMessage, type Message } from './wire/message.ts'
import { isGoodUpdate } from './wire/update-check.ts'
import type { UpdateMessage } from './wire/update.ts'

/** Messages that only say that the peer lives. */
const lives = { keepalive: { kind: 'keepalive' }, update: { kind: 'update' } } as const

/** What a link needs from the session that it belongs to. */
export interface LinkPorts {
  readonly counters: SessionCounters
  readonly log: MessageLog
  now(): number
  /** what this connection's OPENs agreed on */
  context(): CodecContext
  /** this is not the session's own connection */
  isSecond(): boolean
  /** something for this connection's state machine */
  hear(input: Input): void
  /** the peer said in an OPEN which AS it is */
  peerAS(as: number): void
}

/** One TCP connection with a peer: octets to messages and back, counted and logged. */
export class Link {
  readonly connection: Connection
  readonly #ports: LinkPorts
  readonly #framer = new Framer()
  #closed = false
  #blocked = false

  /** @param open false: the connection is still being opened */
  constructor(connection: Connection, ports: LinkPorts, open: boolean) {
    this.connection = connection
    this.#ports = ports
    let connected = open
    connection.onOpen(() => {
      connected = true
      this.#hear({ kind: 'tcpConnected' })
    })
    connection.onData((chunk) => this.#received(chunk))
    connection.onDrain(() => this.#unblocked())
    connection.onClose((error) => {
      const text = error === undefined ? '' : systemErrorWords(error.code, error.message, connected)
      if (connected) return this.#hear({ kind: 'tcpClosed', text })
      const why = text || 'the connection was closed before it was open'
      this.#hear({ kind: 'tcpFailed', text: why, ...(error?.code === 'ETIMEDOUT' && { timedOut: true }) })
    })
  }

  /** The peer takes nothing more for now. */
  get blocked(): boolean {
    return this.#blocked
  }

  /** Writes messages, even while the peer takes none: those that may not wait for it are few and small. */
  send(messages: readonly Message[]): void {
    const encoded = messages.map((message) => {
      countSent(this.#ports.counters, message.type)
      const bytes = encodeMessage(message, this.#ports.context())
      this.#note(message.type, bytes, 0, bytes.length)
      return bytes
    })
    this.#write(encoded.length === 1 ? encoded[0] : Buffer.concat(encoded))
  }

  /** Writes UPDATEs that are encoded already. */
  sendUpdates({ octets, ends }: UpdateBatch): void {
    this.#ports.counters.updatesSent += ends.length
    // Of a long batch the log keeps the end.
    for (let index = Math.max(0, ends.length - maxLogLines); index < ends.length; index++) {
      this.#note('update', octets, index === 0 ? 0 : ends[index - 1], ends[index])
    }
    this.#write(octets)
  }

  #note(type: MessageType, bytes: Uint8Array, start: number, to: number): void {
    const ports = this.#ports
    const body = { bytes, from: start + headerLength, to }
    ports.log.add(ports.now(), 'out', type, body, ports.context(), ports.isSecond())
  }

  #write(octets: Uint8Array): void {
    const accepted = this.connection.write(octets)
    if (accepted || this.#blocked) return
    this.#blocked = true
    this.#hear({ kind: 'sendBlocked' })
  }

  /** What was written still goes out; nothing is heard from this link any more. */
  close(): Promise<void> {
    this.#closed = true
    return this.connection.close()
  }

  #hear(input: Input): void {
    if (!this.#closed) this.#ports.hear(input)
  }

  /**
   * Of messages of a chunk that say the same one after the other, that the peer lives, the state machine hears the first:
   * the others come at the same moment and change nothing.
   */
  #received(chunk: Uint8Array): void {
    const framer = this.#framer
    const now = this.#ports.now()
    let context = this.#ports.context()
    let second = this.#ports.isSecond()
    let heard: Input['kind'] | undefined
    framer.feed(chunk)
    // An earlier message of this chunk may have ended the session.
    for (let type = framer.next(); type !== undefined && !this.#closed; type = framer.next()) {
      if (type instanceof BgpError) return this.#hear({ kind: 'fault', fault: type.toFault() })
      countReceived(this.#ports.counters, type)
      this.#ports.log.add(now, 'in', type, framer, context, second)
      const good = type === 'update' && isGoodUpdate(framer, context)
      const input = good ? lives.update : this.#decode(framer.frame(type), context)
      if (input.kind === heard && input.kind in lives) continue
      this.#hear(input)
      heard = input.kind
      context = this.#ports.context()
      second = this.#ports.isSecond()
    }
  }

  #decode(frame: Frame, context: CodecContext): Input {
    try {
      const { message, problem } = decodeMessage(frame, context)
      if (message.type === 'update') this.#countUpdate(message, problem)
      return this.#inputOf(message)
    } catch (error) {
      if (error instanceof BgpError) return { kind: 'fault', fault: error.toFault() }
      throw error
    }
  }

  #countUpdate(message: UpdateMessage, problem: BgpError | undefined): void {
    const { counters } = this.#ports
    if (problem !== undefined) counters.malformedUpdates++
    else if (endOfRibOf(message) !== undefined) counters.endOfRibReceived++
  }

  #inputOf(message: Message): Input {
    switch (message.type) {
      case 'keepalive':
      case 'update':
        return lives[message.type]
      case 'open': {
        const capability = message.capabilities.find(({ kind }) => kind === 'fourOctetAS')
        this.#ports.peerAS(capability?.kind === 'fourOctetAS' ? capability.as : message.myAS)
        return { kind: 'open', message }
      }
      case 'notification':
        return { kind: 'notification', message }
      case 'routeRefresh':
        return { kind: 'routeRefresh', message }
    }
  }

  #unblocked(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#hear({ kind: 'sendUnblocked' })
  }
}
