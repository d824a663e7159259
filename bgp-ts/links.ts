import { Timers, type Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import type { Input, Place, TimerName } from './events.ts'
import { Link, type LinkPorts } from './link.ts'
import { encodeNotification, type NotificationMessage } from './wire/notification.ts'

/** A place for a connection: its timers, and the connection while there is one. */
export interface Slot {
  readonly timers: Timers<TimerName>
  link?: Link
}

export interface LinksPorts extends Pick<LinkPorts, 'counters' | 'log' | 'now' | 'peerAS'> {
  readonly clock: Clock
  /** what the OPENs of the connection in this place agreed on */
  context(place: Place): ReturnType<LinkPorts['context']>
  hear(from: Slot | Link, input: Input): void
}

/** The connections of a session in their places, each with its timers (`collision.ts` says what they are for). */
export class Links {
  readonly #ports: LinksPorts
  #slots: Record<Place, Slot>
  #closing: Promise<void> = Promise.resolve()

  constructor(ports: LinksPorts) {
    this.#ports = ports
    this.#slots = { primary: this.#newSlot(), second: this.#newSlot() }
  }

  at(place: Place): Slot {
    return this.#slots[place]
  }

  /** Undefined for a link that is closed, or timers that are nobody's any more. */
  placeOf(from: Slot | Link): Place | undefined {
    const { primary, second } = this.#slots
    if (from === primary || from === primary.link) return 'primary'
    return from === second || from === second.link ? 'second' : undefined
  }

  /** @param open false: the connection is still being opened */
  add(place: Place, connection: Connection, open: boolean): void {
    const { context, hear, ...ports } = this.#ports
    const link: Link = new Link(
      connection,
      {
        ...ports,
        context: () => context(this.placeOf(link) ?? 'primary'),
        isSecond: () => this.placeOf(link) === 'second',
        hear: (input) => hear(link, input),
      },
      open,
    )
    this.#slots[place].link = link
  }

  swap(): void {
    const { primary, second } = this.#slots
    this.#slots = { primary: second, second: primary }
  }

  close(place: Place): void {
    const { link } = this.#slots[place]
    this.#slots[place].link = undefined
    if (link !== undefined) this.#close(link)
  }

  /** A connection there is no use for is told so (RFC 4486 4) and closed. */
  reject(connection: Connection, message: NotificationMessage): void {
    connection.write(encodeNotification(message))
    this.#close(connection)
  }

  /** Resolves when all that was closed is gone. */
  closed(): Promise<void> {
    return this.#closing
  }

  #close(closing: Pick<Connection, 'close'>): void {
    this.#closing = both(this.#closing, closing.close())
  }

  #newSlot(): Slot {
    const timers = new Timers<TimerName>(this.#ports.clock, (name) =>
      this.#ports.hear(slot, { kind: 'timer', name }),
    )
    const slot: Slot = { timers }
    return slot
  }
}

async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  await Promise.all([first, second])
}
