import { RibOut } from '#bgp-ts/rib-out.ts'
import type { Route } from '#bgp-ts/route.ts'
import { RoutePool } from '#bgp-ts/route-pool.ts'
import type { Session } from '#bgp-ts/session.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import type { WireLog } from './logger.ts'
import type { WireRoute, WireRouteKey } from './protocol.ts'

/**
 * The wanted routes of each peer, also of peers that are not there (yet). What routes of several peers have in common is
 * kept once.
 */
export class PeerRoutes {
  readonly #sessionOf: (peer: string) => Pick<Session, 'put' | 'withdraw'> | undefined
  readonly #log: WireLog
  readonly #ribs = new Map<string, RibOut>()
  readonly #pool = new RoutePool()

  /** @param sessionOf the session of a peer that is there */
  constructor(sessionOf: (peer: string) => Pick<Session, 'put' | 'withdraw'> | undefined, log: WireLog) {
    this.#sessionOf = sessionOf
    this.#log = log
  }

  /** The routes of the peer; its session sends them. */
  of(peer: string): RibOut {
    let rib = this.#ribs.get(peer)
    if (rib === undefined) this.#ribs.set(peer, (rib = new RibOut(this.#pool)))
    return rib
  }

  /** The peer is there no more: nothing is kept for it but the routes, which it gets when it returns. */
  release(peer: string): void {
    if (this.of(peer).size === 0) this.#ribs.delete(peer)
  }

  change(put: readonly WireRoute[], remove: readonly WireRouteKey[]): void {
    for (const { peer, prefix } of remove) {
      const parsed = tryParsePrefix(prefix)
      if (parsed === undefined || !this.#ribs.has(peer)) continue
      const session = this.#sessionOf(peer)
      if (session !== undefined) {
        session.withdraw(parsed)
        continue
      }
      this.of(peer).withdraw(parsed)
      this.release(peer)
    }
    for (const route of put) {
      const parsed = toRoute(route)
      if (parsed === undefined) this.#log('error', 'not a prefix; the route is not announced', { ...route })
      else (this.#sessionOf(route.peer) ?? this.of(route.peer)).put(parsed)
    }
  }
}

function toRoute({ peer: _peer, prefix, ...attributes }: WireRoute): Route | undefined {
  const parsed = tryParsePrefix(prefix)
  return parsed === undefined ? undefined : { prefix: parsed, ...attributes }
}
