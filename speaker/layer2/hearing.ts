import type { WireNeighbor, WireSelf, WireSpeaker } from '../wire/protocol.ts'
import { forgetHolder, foundForeign, foundUnable, hasGivenUp, provenFor } from './belief.ts'
import { hashPrecedes } from './elect.ts'
import { macText } from './ethernet.ts'
import type { Holders } from './holders.ts'
import type { MacChanges, Path } from './peers.ts'
import type { Probe } from './respond.ts'
import type { Rivals } from './rivals.ts'
import type { Suspect, Suspicion } from './suspicion.ts'
import { answers, type Entry } from './table.ts'
import { isRetry } from './tell.ts'

/** When two nodes ask for one address at a time, the second one lets the first finish. */
const backOff = 250
const whatHappened = { alive: 'neighborAlive', dead: 'neighborDead', left: 'neighborLeft' } as const

/** What others say, on the wire and by BFD, and what it means for the addresses. */
export class Hearing {
  readonly #holders: Holders
  readonly #rivals: Rivals
  readonly #suspicion: Suspicion

  constructor(holders: Holders, rivals: Rivals, suspicion: Suspicion) {
    this.#holders = holders
    this.#rivals = rivals
    this.#suspicion = suspicion
  }

  /** Speakers have come, gone or changed. */
  speakers(self: WireSelf, others: readonly WireSpeaker[], now: number): void {
    const { peers } = this.#holders
    const wasStale = peers.stale
    const changes = peers.speakers(self, others)
    this.#holders.arrival.begin(now, peers.seen.detectionTime)
    if (wasStale !== peers.stale) this.#holders.staleChanged()
    for (const node of changes.nodes) this.#presenceChanged(node, now)
    this.macs(changes, now)
    for (const node of changes.gone) this.#holders.returns.forget(node)
  }

  /** Hardware addresses have become known, or turned out to be of more than one node. */
  macs({ newMacs, shared }: MacChanges, now: number): void {
    const { peers, table } = this.#holders
    for (const { mac, node } of shared) {
      this.#holders.event(now, undefined, 'sharedMac', { node, mac: macText(mac) })
    }
    if (!newMacs) return
    for (const entry of table.all()) {
      const { foreign } = entry.belief
      // It was no foreigner, only not known yet.
      if (foreign === undefined || peers.nodeOf(foreign.mac) === undefined) continue
      entry.belief.foreign = undefined
      this.#holders.mark([entry])
    }
  }

  neighbor(node: string, state: WireNeighbor['state'], now: number): void {
    const { peers } = this.#holders
    const before = peers.presence(node)
    // Who has not begun yet looks as if it had left.
    const told = state !== 'left' || peers.isWatched(node)
    this.#suspicion.end(node)
    peers.neighbor(node, state)
    if (state !== 'unknown' && told) this.#holders.event(now, undefined, whatHappened[state], { node })
    if (before !== peers.presence(node)) this.#presenceChanged(node, now)
    if (state === 'unknown') return
    // Some may have waited for this.
    if (now < this.#holders.arrival.until) this.#holders.mark(this.#holders.table.of(node))
    this.#holders.returns.forget(node)
    if (state === 'alive') this.#tell(node, now)
  }

  /** What speaks against it that a node is alive, or nothing any more. */
  doubt(node: string, suspect: Suspect | undefined, now: number): void {
    if (suspect !== undefined) return this.#suspicion.begin(node, suspect, now)
    if (!this.#suspicion.end(node)) return
    // Its addresses are held here by now.
    this.#holders.returns.forget(node)
    this.#tell(node, now)
  }

  /** A node of the cluster announces the address, or answers for it. */
  claim(entry: Entry, node: string, path: Path, direct: boolean, now: number): void {
    const { checks } = this.#holders
    this.#heardFrom(node, path, now)
    if (direct) checks.answered(entry.address, node)
    else {
      entry.belief.unable.delete(node)
      checks.announced(entry.address, node, now)
    }
    if (direct && this.#answersInLeaving(entry, node, now)) return undefined
    switch (entry.state.at) {
      case 'holding':
        return this.#rivals.claim(entry, node, path, direct, now)
      case 'handingOver':
        this.#holders.event(now, entry, 'handedOver', { node, mac: macText(path.mac) })
        this.#holders.handOver.progress(now)
        return this.#rivals.yieldTo(entry, node, path, now)
      default:
        return this.#notMine(entry, node, path, direct, now)
    }
  }

  /** Some node of the cluster announces it; which one cannot be known. */
  unclearClaim(entry: Entry, now: number): void {
    if (entry.state.at !== 'handingOver') return
    this.#holders.event(now, entry, 'handedOver')
    this.#holders.handOver.progress(now)
    forgetHolder(entry.belief, 'handOver', false, now)
    this.#holders.step(entry, { kind: 'yield' }, now)
  }

  /** A node of the cluster asks who has the address. @returns whether to answer, if it is answered for here */
  probe(entry: Entry, node: string, path: Path, kind: Probe['kind'], now: number): boolean {
    this.#heardFrom(node, path, now)
    if (kind === 'beacon') this.#tell(node, now)
    if (answers(entry)) return kind !== 'all' || this.#defends(entry, node, now)
    if (kind === 'nudge') {
      this.#nudged(entry, node, now)
      this.#holders.look(entry, now)
    } else if (kind !== 'us') this.#rivalled(entry, node, kind === 'beacon', now)
    return false
  }

  /** A machine outside the cluster uses the address. @returns whether that is a conflict */
  foreign(entry: Entry, mac: number, now: number): boolean {
    const { belief, state, wanted } = entry
    if (state.at === 'holding' || state.at === 'handingOver') return true
    if (state.at === 'silent') return false
    if (wanted.force === true || belief.clusterHeld) {
      entry.against = mac
      return false
    }
    if (belief.foreign?.mac !== mac) this.#holders.event(now, entry, 'inUse', { mac: macText(mac) })
    foundForeign(belief, mac, now)
    this.#holders.step(entry, { kind: 'inUse' }, now)
    return false
  }

  /** The address is not held here, and another holds it. */
  #notMine(entry: Entry, node: string, path: Path, direct: boolean, now: number): void {
    const { claims, table } = this.#holders
    const { at } = entry.state
    const news = entry.belief.holder !== node
    const asked = at === 'claiming'
    const presumed = asked && direct ? claims.answered(entry.address, node) : []
    this.#rivals.believe(entry, node, path, !direct ? 'told' : asked ? 'refused' : 'checked', now)
    const more = { node, mac: macText(path.mac) }
    if (asked && entry.state.at === 'silent') {
      if (!isRetry(entry)) this.#holders.event(now, entry, 'fenced', more)
    } else if (news) this.#holders.event(now, entry, 'heardClaim', more)
    for (const address of presumed) {
      const other = table.get(address)
      if (other?.state.at !== 'claiming') continue
      this.#rivals.believe(other, node, path, 'refused', now)
      this.#holders.event(now, other, 'fenced', more)
    }
  }

  /** It gives the address up and answers until its successor is heard: that is no claim, as long as it announces none. */
  #answersInLeaving(entry: Entry, node: string, now: number): boolean {
    if (!answers(entry) || entry.contests.has(node)) return false
    return hasGivenUp(entry.belief, node, now) || this.#holders.peers.presence(node) === 'left'
  }

  /** Somebody wants to take the address: it is refused unless the address is being handed over to that one. */
  #defends(entry: Entry, node: string, now: number): boolean {
    // Who asks could take it.
    entry.belief.unable.delete(node)
    this.#holders.look(entry, now)
    if (entry.state.at !== 'handingOver') return true
    const on = this.#holders.standing(entry, now)
    return on.able && on.elected !== node
  }

  /** The node does not hold the address, or not for long, and by its view this node is the next. */
  #nudged({ belief }: Entry, node: string, now: number): void {
    const { holder } = belief
    if (holder !== undefined && holder !== node && holder !== this.#holders.node) return
    foundUnable(belief, node, now, true)
    forgetHolder(belief, 'handOver', true, now)
  }

  /**
   * Two nodes ask for the address at a time. Who held it until it stood still goes on: the other has begun in a moment
   * in which nobody could answer. Otherwise it is whom the hash puts first.
   * @param held the other says that it holds the address, or did so
   */
  #rivalled(entry: Entry, node: string, held: boolean, now: number): void {
    const { state, address, belief } = entry
    if (state.at !== 'claiming') return
    const heldHere = state.cause === 'restart'
    const first = heldHere === held ? hashPrecedes(address, node, this.#holders.node) : held
    // Of a node that is gone as far as anybody knows this one may hear everything and reach nothing.
    if (!first || (held && this.#holders.peers.presence(node) !== 'up')) return
    belief.backOffUntil = now + backOff
    this.#holders.look(entry, now)
  }

  /**
   * Who is gone holds nothing any more; what it holds when it returns it will say. A node that stood still itself hears
   * only that the others took it for dead.
   */
  #presenceChanged(node: string, now: number): void {
    const { peers, table } = this.#holders
    const presence = peers.presence(node)
    for (const entry of table.of(node)) {
      this.#holders.mark([entry])
      if (presence === 'up' || entry.belief.holder !== node) continue
      if (presence === 'down' && this.#holders.rejoining(now)) entry.belief.provenUntil = now + provenFor
      else forgetHolder(entry.belief, presence === 'left' ? 'handOver' : 'failure', presence === 'left', now)
    }
  }

  #heardFrom(node: string, path: Path, now: number): void {
    const { peers } = this.#holders
    const missed = peers.isMissing(node)
    // Only a speaker says such things.
    this.#suspicion.end(node)
    peers.heard(node, path)
    if (!missed || !this.#tell(node, now) || peers.presence(node) !== 'down') return
    this.#holders.event(now, undefined, 'backOnWire', { node, mac: macText(path.mac) })
  }

  /** A node that was not there has to hear what is held here: it may hold the same. */
  #tell(node: string, now: number): boolean {
    const { returns, table } = this.#holders
    if (!returns.heard(node, now)) return false
    this.#holders.announceAgain(table.answeredWith(node), now)
    return true
  }
}
