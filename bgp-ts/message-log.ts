import type { CodecContext } from './wire/context.ts'
import { mendUpdate } from './wire/cut-update.ts'
import { describeFrame } from './wire/describe.ts'
import { headerLength, type Frame } from './wire/header.ts'

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

interface Entry {
  readonly at: number
  readonly direction: 'in' | 'out'
  readonly type: Frame['type']
  readonly octets: number
  /** what was kept of the body */
  readonly body: Uint8Array
  /** as it was when the message came or went: the AS numbers of an UPDATE depend on it */
  readonly context: CodecContext
  /** another connection than the session's (RFC 4271 6.8) */
  readonly second: boolean
}

/** Messages of a session that are kept. */
export const maxLogLines = 100
/** With them the log is bounded to 64 KiB a session. */
const maxBodyOctets = 640

const nothing = new Uint8Array()

/**
 * The last hundred messages of a session, both ways. They are kept as octets and read only when somebody asks: that
 * costs a session little more than the copy. There is no secret in a BGP message.
 */
export class MessageLog {
  readonly #ring: Entry[] = []
  #next = 0

  /** @param second on another connection than the session's */
  add(at: number, direction: 'in' | 'out', frame: Frame, context: CodecContext, second: boolean): void {
    const { type, body } = frame
    // A copy, which slice() of a Buffer would not be.
    const kept = body.length === 0 ? nothing : new Uint8Array(body.subarray(0, maxBodyOctets))
    this.#ring[this.#next] = {
      at,
      direction,
      type,
      octets: headerLength + body.length,
      body: kept,
      context,
      second,
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

function textOf({ type, body, octets, context }: Entry): string {
  const cut = headerLength + body.length < octets
  const kept = cut && type === 'update' ? mendUpdate(body) : body
  return describeFrame({ type, body: kept }, context, cut)
}
