import type { CodecContext } from './wire/context.ts'
import { mendUpdate } from './wire/cut-update.ts'
import { describeFrame } from './wire/describe.ts'
import { headerLength, type MessageType, type Span } from './wire/header.ts'

/** One message in the log of a session. */
export interface LogLine {
  /** epoch milliseconds */
  readonly at: number
  readonly direction: 'in' | 'out'
  /** what it said, one line of printable text */
  readonly text: string
  /** of the whole message, header included */
  readonly octets: number
}

/** A place of the log: for a message, and then for another one a hundred messages later. */
interface Entry {
  at: number
  direction: 'in' | 'out'
  type: MessageType
  /** of the whole message */
  octets: number
  /** what was kept of the body: so many octets of the buffer */
  kept: number
  buffer: Uint8Array
  /** as it was when the message came or went: the AS numbers of an UPDATE depend on it */
  context: CodecContext
  /** another connection than the session's (RFC 4271 6.8) */
  second: boolean
}

/** Messages of a session that are kept. */
export const maxLogLines = 100
/** With them the log is bounded to 64 KiB a session. */
const maxBodyOctets = 640

/** Buffers are of sizes that make it likely that the next message fits, too. */
const roundedUp = (octets: number): number => Math.min(maxBodyOctets, Math.ceil(octets / 64) * 64)

/**
 * The last hundred messages of a session, both ways. They are kept as octets and read only when somebody asks: that
 * costs a session little more than the copy. There is no secret in a BGP message.
 */
export class MessageLog {
  readonly #ring: Entry[] = []
  #next = 0

  /**
   * @param body is copied
   * @param second on another connection than the session's
   */
  add(
    at: number,
    direction: 'in' | 'out',
    type: MessageType,
    { bytes, from, to }: Span,
    context: CodecContext,
    second: boolean,
  ): void {
    const octets = headerLength + to - from
    const kept = Math.min(to - from, maxBodyOctets)
    const entry = this.#ring[this.#next]
    if (entry === undefined) {
      const buffer = new Uint8Array(roundedUp(kept))
      copy(bytes, from, kept, buffer)
      this.#ring[this.#next] = { at, direction, type, octets, kept, buffer, context, second }
    } else {
      if (entry.buffer.length < kept) entry.buffer = new Uint8Array(roundedUp(kept))
      copy(bytes, from, kept, entry.buffer)
      entry.at = at
      entry.direction = direction
      entry.type = type
      entry.octets = octets
      entry.kept = kept
      entry.context = context
      entry.second = second
    }
    this.#next = (this.#next + 1) % maxLogLines
  }

  /** Oldest first. */
  lines(): readonly LogLine[] {
    const entries = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)]
    return entries.map((entry) => {
      const { at, direction, octets, second } = entry
      return { at, direction, text: (second ? 'on a second connection: ' : '') + textOf(entry), octets }
    })
  }
}

/** A loop is quicker than a view of the octets where they are few, and most messages are short. */
function copy(from: Uint8Array, at: number, length: number, to: Uint8Array): void {
  for (let index = 0; index < length; index++) to[index] = from[at + index]
}

function textOf({ type, buffer, kept, octets, context }: Entry): string {
  const cut = headerLength + kept < octets
  const body = buffer.subarray(0, kept)
  return describeFrame({ type, body: cut && type === 'update' ? mendUpdate(body) : body }, context, cut)
}
