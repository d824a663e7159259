import type { Prefix } from '#inet/prefix.ts'
import type { Clock, TimerHandle } from './clock.ts'
import type { AddressFamily, PeerConfig } from './config.ts'
import type { Connection } from './connection.ts'
import type { Negotiated } from './events.ts'
import type { ExportContext } from './export.ts'
import type { RibRoute } from './rib-list.ts'
import type { RibOut } from './rib-out.ts'
import type { Route } from './route.ts'
import type { SessionStatus } from './status.ts'
import type { UpdateBatch } from './update-batch.ts'

/** Changes of routes within this many milliseconds leave together. */
const coalescingWindow = 20
/** How long an incomplete set of routes holds End-of-RIB back where no restart time is configured, in milliseconds. */
const defaultRestartTime = 120_000

export interface AnnouncerPorts {
  readonly clock: Clock
  /** on the session that is open */
  write(batch: UpdateBatch): void
  /** all that waited has been written */
  written(): void
}

/** Writes the Adj-RIB-Out of a peer to its session: changes together, in batches, and only what the peer takes. */
export class Announcer {
  readonly #ports: AnnouncerPorts
  readonly #rib: RibOut
  #open = false
  #blocked = false
  #flush: TimerHandle | undefined
  /** the caller has said that the routes are all there */
  #ready = true
  #endOfRibLimit: TimerHandle | undefined
  #eorSent: AddressFamily[] = []

  /** @param rib it may have wanted routes already */
  constructor(rib: RibOut, ports: AnnouncerPorts) {
    this.#rib = rib
    this.#ports = ports
  }

  put(route: Route): void {
    this.#rib.put(route)
    this.#schedule(coalescingWindow)
  }

  withdraw(prefix: Prefix): void {
    this.#rib.withdraw(prefix)
    this.#schedule(coalescingWindow)
  }

  /** The Adj-RIB-Out for people to read, in no order. */
  routes(): IterableIterator<RibRoute> {
    return this.#rib.list()
  }

  gracefulShutdown(on: boolean): void {
    this.#rib.gracefulShutdown(on)
    this.#schedule(coalescingWindow)
  }

  /** Whether what was put is all there is; until then End-of-RIB is held back (RFC 4724 4.1). */
  endOfRib(ready: boolean): void {
    this.#ready = ready
    this.#rib.complete(ready)
    if (ready) this.#endOfRibLimit?.cancel()
    this.#schedule(0)
  }

  /** The peer asks for all routes of the family (RFC 2918). */
  resend(family: AddressFamily): void {
    this.#rib.resendAll(family)
    this.#schedule(coalescingWindow)
  }

  /**
   * The session is up, the peer has nothing.
   * @param restartTime milliseconds, bounds the wait for a complete set of routes: by then the peer has given up
   */
  open(context: ExportContext, restartTime = defaultRestartTime): void {
    this.#open = true
    this.#rib.complete(this.#ready)
    this.#rib.open(context)
    if (!this.#ready) {
      this.#endOfRibLimit = this.#ports.clock.setTimeout(() => {
        this.#rib.complete(true)
        this.#schedule(0)
      }, restartTime)
    }
    this.#schedule(0)
  }

  /** Something about the session changed that routes depend on: what differs is sent again. */
  update(context: ExportContext): void {
    if (!this.#open) return
    this.#rib.update(context)
    this.#schedule(coalescingWindow)
  }

  /** The session is gone, and with it all that the peer had. */
  close(): void {
    this.#blocked = false
    // The routes may be another session's by now.
    if (!this.#open) return
    this.#open = false
    this.#flush?.cancel()
    this.#flush = undefined
    this.#endOfRibLimit?.cancel()
    this.#eorSent = []
    this.#rib.close()
  }

  /** The connection takes no more octets for now, or takes them again. */
  block(blocked: boolean): void {
    this.#blocked = blocked
    if (!blocked) this.#schedule(0)
  }

  status(): Pick<SessionStatus, 'announced' | 'pending' | 'unsent' | 'eorSent'> {
    const unsent = this.#rib.unsent
    return {
      announced: this.#rib.announced,
      pending: this.#rib.pending,
      ...(Object.keys(unsent).length > 0 && { unsent }),
      eorSent: [...this.#eorSent],
    }
  }

  /** What waits is bounded: one batch beyond what the connection takes. */
  #schedule(ms: number): void {
    if (!this.#open || this.#blocked || this.#flush !== undefined) return
    this.#flush = this.#ports.clock.setTimeout(() => {
      this.#flush = undefined
      this.#flushBatch()
    }, ms)
  }

  #flushBatch(): void {
    const batch = this.#rib.drain()
    this.#eorSent.push(...batch.endOfRib)
    if (batch.ends.length > 0) this.#ports.write(batch)
    // The next batch after a turn of the event loop: KEEPALIVEs do not wait for a long table.
    if (this.#rib.idle) this.#ports.written()
    else this.#schedule(0)
  }
}

/** What routes need to know of the session that is up: next hop self is our address on its connection. */
export function exportContext(
  { localAS, address, nextHops }: PeerConfig,
  negotiated: Negotiated,
  { localAddress: local, linkLocalAddress: linkLocal }: Connection,
): ExportContext {
  return {
    ...negotiated,
    localAS,
    nextHops: { ...(local && { [local.family]: local }), ...nextHops },
    ...(linkLocal && { linkLocal }),
    peerAddress: address,
  }
}
