import type { AddressFamily } from './config.ts'
import type { FsmConfig } from './events.ts'
import type { Capability, GracefulRestartCapability } from './wire/capabilities.ts'
import { familyCodes, familyOf } from './wire/families.ts'
import { ceaseMessage, hardReset, type NotificationMessage } from './wire/notification.ts'

/** Graceful restart with a peer that offers it as we do (RFC 4724, RFC 8538). Times in milliseconds. */
export interface GracefulRestartTerms {
  /** R bit of its OPEN: it has restarted itself; all the same to us, as we hold no routes of it */
  readonly peerRestarted: boolean
  /** how long it wants its own routes to be kept */
  readonly peerRestartTime: number
  /** its families; empty: it keeps our routes, its own are not to be kept */
  readonly peerFamilies: readonly AddressFamily[]
  /** both set the N bit: a NOTIFICATION that is no Hard Reset, and the end of the hold time, keep the routes */
  readonly notification: boolean
}

/** RFC 4724 3: 12 bits of seconds. */
const maxRestartTime = 4095

/**
 * Our capability. We never help another speaker through its restart: there is nothing to keep.
 * @param restarting this process has had no session with the peer yet (R bit)
 */
export function restartCapability(
  { gracefulRestart, families }: FsmConfig,
  restarting: boolean,
): GracefulRestartCapability | undefined {
  if (gracefulRestart === undefined) return undefined
  const { restartTime, forwardingPreserved } = gracefulRestart
  return {
    kind: 'gracefulRestart',
    restarting,
    notification: true,
    restartTime: Math.min(maxRestartTime, Math.round(restartTime / 1000)),
    families: families.map((family) => ({
      afi: familyCodes[family].afi,
      safi: familyCodes[family].safi,
      forwarding: forwardingPreserved,
    })),
  }
}

/** What an OPEN of the peer adds to our own offer. RFC 4724 3: of several capabilities the last counts. */
export function restartTerms(capabilities: readonly Capability[]): GracefulRestartTerms | undefined {
  const offered = capabilities.findLast(({ kind }) => kind === 'gracefulRestart')
  if (offered?.kind !== 'gracefulRestart') return undefined
  return {
    peerRestarted: offered.restarting,
    peerRestartTime: offered.restartTime * 1000,
    peerFamilies: offered.families.flatMap(({ afi, safi }) => familyOf(afi, safi) ?? []),
    notification: offered.notification,
  }
}

/** Subcodes of Cease after which the peer has no reason to keep our routes (RFC 8538 5): 2 and 3. */
export const meansLeaving = (subcode: number): boolean => subcode === 2 || subcode === 3

/**
 * The Cease for a session with these terms.
 * @param leaving the routes must not outlive the session
 */
export function ceaseFor(
  terms: GracefulRestartTerms | undefined,
  subcode: number,
  text: string,
  leaving: boolean,
): NotificationMessage {
  const cease = ceaseMessage(subcode, text)
  return leaving && terms?.notification ? hardReset(cease) : cease
}
