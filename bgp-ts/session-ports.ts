import type { Clock } from './clock.ts'
import type { Connector } from './connection.ts'
import type { RibOut } from './rib-out.ts'

/** What a session needs from outside. */
export interface SessionPorts {
  readonly clock: Clock
  /** 0 <= n < 1; drawn once a `start()`, it seeds the jitter */
  random(): number
  readonly connect: Connector
  /**
   * Routes for this peer that outlive the session, and what they share with those for other peers (`RoutePool`). By
   * default the session has its own, and shares nothing.
   */
  readonly rib?: RibOut
}

/** Why `stop()` is called: the subcode of the Cease (RFC 4486: 2 shutdown, 3 de-configured, 4 reset …). */
export interface StopReason {
  readonly subcode: number
  /** for the peer's operator, sent with 2 and 4 (RFC 9003) */
  readonly text: string
  /**
   * Under graceful restart with the N bit (RFC 8538): true has the peer drop our routes (Hard Reset), false has it
   * keep them for the restart time. Undefined: dropped with 2 and 3, kept with others.
   */
  readonly hard?: boolean
}
