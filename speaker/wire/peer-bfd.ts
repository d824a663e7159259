import type { SessionStatus } from '#bgp-ts/status.ts'
import { formatAddress, type Address } from '#inet/address.ts'
import { diagnosticWords, diagnostic } from '../bfd/errors.ts'
import type { BfdHandle, BfdRequest, BfdSessions } from '../bfd/sessions.ts'
import type { BfdSessionStatus } from '../bfd/status.ts'
import type { WireLog } from './logger.ts'
import type { WirePeer } from './protocol.ts'

export interface PeerBfdOptions {
  readonly sessions: Pick<BfdSessions, 'acquire'>
  /** the address is in a subnet of one of this node's interfaces */
  readonly onLink: (address: Address) => boolean
  /** the path to the peer has failed, why */
  readonly onDown: (text: string) => void
  /** the path works, or nobody can say any more that it does not */
  readonly onUp: () => void
  readonly log: WireLog
}

/**
 * BFD as a client of RFC 5882 sees it, for one BGP peer. BGP comes up without waiting for BFD, and the failure of a
 * BFD session counts only after it was Up; a peer that takes BFD out of service (AdminDown) has not failed.
 *
 * BFD that is taken off a peer goes on answering until the peer ends it, too, or BGP ends. AdminDown would be right (RFC
 * 5882 4.2), but FRR and BIRD end BGP when they hear it, and when they hear nothing.
 */
export class PeerBfd {
  readonly #options: PeerBfdOptions
  #handle: BfdHandle | undefined
  #wanted = ''
  #wasUp = false
  /** only for the peer's sake: what becomes of the session is no matter here */
  #leaving = false

  constructor(options: PeerBfdOptions) {
    this.#options = options
  }

  /** Applies the peer's configuration, from the first connection on: it tells the local address. */
  update(peer: WirePeer, { localAddress: local, peerAS, state }: SessionStatus): void {
    if (peer.blocked !== undefined) return this.stop()
    if (peer.bfd === undefined) return this.#leave(state === 'Established')
    this.#leaving = false
    const internal = peer.asType === 'internal' || (peer.peerAS ?? peerAS) === peer.localAS
    const remote = formatAddress(peer.address)
    const wanted = JSON.stringify([peer.name, local, remote, peer.device, peer.multihop, internal])
    // Without a connection nothing is new but the settings.
    if (local === undefined || wanted === this.#wanted) return this.#handle?.update(peer.bfd)
    this.#acquire(wanted, {
      local,
      remote,
      ...(peer.device !== undefined && { interface: peer.device }),
      // Decided once, as a connection is there: later its interface may be gone for a moment. FRR does the same.
      multihop: peer.multihop || (internal && !this.#options.onLink(peer.address)),
      settings: peer.bfd,
      client: `bgp/${peer.name}`,
    })
  }

  /** BFD says nothing about this peer any more. */
  stop(): void {
    if (this.#wanted === '') return
    this.#handle?.release()
    this.#handle = undefined
    this.#wanted = ''
    this.#wasUp = false
    this.#leaving = false
    this.#options.onUp()
  }

  #leave(bgpIsUp: boolean): void {
    if (bgpIsUp && this.#handle?.status().state === 'Up') this.#leaving = true
    else this.stop()
  }

  #acquire(wanted: string, request: BfdRequest): void {
    this.stop()
    this.#wanted = wanted
    try {
      this.#handle = this.#options.sessions.acquire(request, (status) => this.#changed(status))
      this.#changed(this.#handle.status())
    } catch (error) {
      const fields = { client: request.client, error: error instanceof Error ? error.message : String(error) }
      this.#options.log('error', 'the BGP session runs without BFD', fields)
    }
  }

  /** RFC 5882 3.2, 4.2. */
  #changed({ state, remoteState, diagnostic: own, remoteDiagnostic }: BfdSessionStatus): void {
    const { onUp, onDown } = this.#options
    if (this.#leaving) return state === 'Up' ? undefined : this.stop()
    if (state === 'Up') {
      this.#wasUp = true
      onUp()
    } else if (remoteState === 'AdminDown') {
      this.#wasUp = false
      onUp()
    } else if (state === 'Down' && this.#wasUp) {
      this.#wasUp = false
      const theirs =
        own === diagnostic.neighborDown ? `, its diagnostic: ${diagnosticWords(remoteDiagnostic)}` : ''
      onDown(`BFD went down, diagnostic: ${diagnosticWords(own)}${theirs}`)
    }
  }
}
