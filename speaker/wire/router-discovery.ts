import {
  buildRouterAdvertisement,
  buildRouterSolicitation,
  parseRouterMessage,
  type LinkEnd,
} from './router-advertisement.ts'

/** Between our advertisements (RFC 4861 6.2.1), milliseconds: FRR's for unnumbered peers, as it learns us by them. */
const advertisementInterval = { least: 3300, most: 10_000 }
/** RFC 4861 10: MAX_RTR_SOLICITATIONS, RTR_SOLICITATION_INTERVAL, MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS. */
const mostSolicitations = 3
const solicitationInterval = 4000
const answerDelay = 500
const leastBetweenAnswers = 3000
/** A router that was not heard for so long, and has no session with us, gives way to another one. */
const patience = 30_000

interface Link {
  end: LinkEnd
  router: { readonly address: string; heardAt: number } | undefined
  nextAdvertisement: number
  lastAdvertisement: number
  solicitations: number
  nextSolicitation: number
}

/** Frames to send, by interface. */
export interface DiscoveryFrame {
  readonly interface: string
  readonly frame: Uint8Array
}

/**
 * Who is at the other end of a link, and telling them that we are here: Router Advertisements in both directions
 * (RFC 4861), as unnumbered BGP sessions need them. One router a link is expected; of several the first is kept. Pure:
 * time and randomness come from outside.
 */
export class RouterDiscovery {
  readonly #links = new Map<string, Link>()
  readonly #random: () => number
  readonly #inUse: (interfaceName: string) => boolean

  /**
   * @param random 0 <= n < 1
   * @param inUse a session with the router on this interface is up
   */
  constructor(random: () => number, inUse: (interfaceName: string) => boolean) {
    this.#random = random
    this.#inUse = inUse
  }

  /** The interface is there and up. One that came back, or has another address, starts over. */
  up(name: string, end: LinkEnd, now: number): void {
    const link = this.#links.get(name)
    if (link !== undefined && link.end.mac === end.mac && link.end.linkLocal === end.linkLocal) return
    this.#links.set(name, {
      end,
      router: link?.router,
      nextAdvertisement: now,
      lastAdvertisement: -Infinity,
      solicitations: 0,
      nextSolicitation: now,
    })
  }

  /** The interface is gone, down or no more wanted; what was heard on it counts no more. */
  down(name: string): void {
    this.#links.delete(name)
  }

  /** Link-local address of the router, undefined as long as none was heard. */
  router(name: string): string | undefined {
    return this.#links.get(name)?.router?.address
  }

  /** @returns whether the router of the interface is another one now */
  receive(name: string, frame: Uint8Array, now: number): boolean {
    const link = this.#links.get(name)
    const message = link && parseRouterMessage(frame)
    if (link === undefined || message === undefined || message.source === link.end.linkLocal) return false
    if (message.kind === 'solicitation') {
      // RFC 4861 6.2.6: soon, a little later by chance, and not too often.
      const soon = Math.max(now + this.#random() * answerDelay, link.lastAdvertisement + leastBetweenAnswers)
      link.nextAdvertisement = Math.min(link.nextAdvertisement, soon)
      return false
    }
    const { router } = link
    if (router?.address === message.source) {
      router.heardAt = now
      return false
    }
    if (router !== undefined && (this.#inUse(name) || now - router.heardAt < patience)) return false
    link.router = { address: message.source, heardAt: now }
    return true
  }

  /** What has to be sent now, and when to ask again. */
  due(now: number): { readonly frames: DiscoveryFrame[]; readonly deadline: number } {
    const frames: DiscoveryFrame[] = []
    let deadline = Infinity
    for (const [name, link] of this.#links) {
      if (link.nextAdvertisement <= now) {
        frames.push({ interface: name, frame: buildRouterAdvertisement(link.end) })
        const { least, most } = advertisementInterval
        link.lastAdvertisement = now
        link.nextAdvertisement = now + least + this.#random() * (most - least)
      }
      const asks = link.router === undefined && link.solicitations < mostSolicitations
      if (asks && link.nextSolicitation <= now) {
        frames.push({ interface: name, frame: buildRouterSolicitation(link.end) })
        link.solicitations++
        link.nextSolicitation = now + solicitationInterval
      }
      deadline = Math.min(deadline, link.nextAdvertisement, asks ? link.nextSolicitation : Infinity)
    }
    return { frames, deadline }
  }
}
