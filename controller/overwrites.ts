import type { Condition, Service } from '#kube/objects/service.ts'

/** What to do about a Service whose status is not what was written to it. */
export type Answer =
  /** write it again */
  | { readonly kind: 'write' }
  /** write it again, but not yet */
  | { readonly kind: 'wait'; readonly ms: number }
  /** whoever writes there does not stop: leave it and say so; look again after `ms` */
  | { readonly kind: 'leave'; readonly ms: number; readonly tell: boolean }

interface Dispute {
  /** what was written and is disputed: something else is another dispute */
  readonly what: string
  rewrites: number
  lastAt: number
  leftAt: number | undefined
  toldAt: number | undefined
}

/** How long after the one before it each rewrite comes. */
const DELAYS_MS = [0, 10_000, 60_000]
/** Who was quiet for so long is not fighting. */
const FORGET_MS = 600_000
/** A status that was left is tried again. */
const AGAIN_MS = 3_600_000
/** The condition that says so may be removed, too. */
const TELL_AGAIN_MS = 600_000

/**
 * Services whose status somebody else writes: rewritten a few times with growing delay, then left for an hour.
 * Without it two controllers would write in turn as fast as the API server lets them. Pure: no clock, no I/O.
 */
export class Overwrites {
  readonly #disputes = new Map<string, Dispute>()

  /** Somebody has overwritten `what` (any text that stands for it) at or before `now` (epoch ms). */
  met(key: string, what: string, now: number): Answer {
    const dispute = this.#disputeOf(key, what, now)
    if (dispute.leftAt !== undefined) return leave(dispute, dispute.leftAt, now)
    if (dispute.rewrites === DELAYS_MS.length) {
      dispute.leftAt = now
      return leave(dispute, now, now)
    }
    const due = dispute.lastAt + DELAYS_MS[dispute.rewrites]
    return due > now ? { kind: 'wait', ms: due - now } : { kind: 'write' }
  }

  /** It was written again. */
  rewritten(key: string, now: number): void {
    const dispute = this.#disputes.get(key)
    if (dispute === undefined) return
    dispute.rewrites++
    dispute.lastAt = now
  }

  /** The condition that says so was written. */
  told(key: string, now: number): void {
    const dispute = this.#disputes.get(key)
    if (dispute !== undefined) dispute.toldAt = now
  }

  /** The Service has what it should have; who fights does so again within minutes, and is remembered. */
  settled(key: string, now: number): void {
    const dispute = this.#disputes.get(key)
    if (dispute !== undefined && (dispute.leftAt !== undefined || now - dispute.lastAt >= FORGET_MS))
      this.#disputes.delete(key)
  }

  /** The Service is gone. */
  forget(key: string): void {
    this.#disputes.delete(key)
  }

  clear(): void {
    this.#disputes.clear()
  }

  #disputeOf(key: string, what: string, now: number): Dispute {
    const present = this.#disputes.get(key)
    if (present !== undefined && present.what === what && !isOver(present, now)) return present
    const fresh = { what, rewrites: 0, lastAt: now, leftAt: undefined, toldAt: undefined }
    this.#disputes.set(key, fresh)
    return fresh
  }
}

const isOver = ({ leftAt, lastAt }: Dispute, now: number): boolean =>
  leftAt === undefined ? now - lastAt >= FORGET_MS : now - leftAt >= AGAIN_MS

function leave({ toldAt }: Dispute, leftAt: number, now: number): Answer {
  const tell = toldAt === undefined || now - toldAt >= TELL_AGAIN_MS
  return { kind: 'leave', ms: leftAt + AGAIN_MS - now, tell }
}

const writer = (who: string): string => (who === '' ? 'somebody' : `field manager ${JSON.stringify(who)}`)

const present = ({ ingress }: Service): string => {
  const texts = ingress.map(({ ip, hostname }) => ip ?? hostname ?? '?')
  return texts.length === 0 ? 'nothing' : texts.join(', ')
}

/** What an event says of a status that was overwritten and is written again. */
export const overwrittenMessage = (service: Service, who: string, address: string): string =>
  `${writer(who)} changed the status to ${present(service)}; it is ${address || 'nothing'} again`

/** What AddressAssigned says of a status that is left to whoever writes it. */
export const leftWords = (
  service: Service,
  who: string,
  address: string,
): Pick<Condition, 'status' | 'reason' | 'message'> => ({
  status: 'False',
  reason: 'StatusOverwritten',
  message:
    `${address || 'nothing'} was allocated, but ${writer(who)} keeps changing the status to ${present(service)}: ` +
    'stop it, or give the Service the loadBalancerClass of the one that is to serve it; ' +
    'the status is written again when the spec changes, or in an hour',
})
