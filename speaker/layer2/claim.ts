import { Deadlines, earliest } from './deadlines.ts'

/** Milliseconds from the first probe to the second, and from the second to the verdict. */
export const probeGap = 45
/**
 * A verdict that comes later than this waits once more: the answer may lie unread in the socket of a thread that
 * could not run, and timers go before sockets.
 */
const lateness = 15
const secondLook = 20
/** Addresses of one failed holder that are probed for all of them; those beyond wait for what these find. */
export const sampleSize = 16
/** With more than so many waiting to be asked for, one probe each has to do. */
const crowd = 64

interface Claim {
  /** probes sent */
  sent: number
  graced: boolean
  group: Group | undefined
}

/** Addresses that one node held, or would have taken: if it is silent about some of them, it is gone. */
interface Group {
  readonly suspect: string
  readonly sample: Set<string>
  readonly riders: Set<string>
}

/**
 * The probes that go before a take-over: two to everybody, then the verdict. A fence made of the wire itself, which
 * needs neither the API nor agreement. When a node with a thousand addresses fails, two probes each would take
 * longer than the take-over may: a sample is asked for and the rest follows it.
 */
export class Claims {
  readonly #claims = new Map<string, Claim>()
  readonly #groups = new Map<string, Group>()
  readonly #riders = new Map<string, Group>()
  readonly #orphaned = new Set<Group>()
  readonly #toSend = new Deadlines<string>()
  readonly #verdicts = new Deadlines<string>()
  #unasked = 0

  /**
   * Begins to ask, or begins anew.
   * @param suspect the node that holds the address if anybody does, where that is known
   */
  start(address: string, suspect: string | undefined, now: number): void {
    this.stop(address)
    if (suspect === undefined) return this.#ask(address, undefined, now)
    let group = this.#groups.get(suspect)
    if (group === undefined) {
      group = { suspect, sample: new Set(), riders: new Set() }
      this.#groups.set(suspect, group)
    }
    if (group.sample.size >= sampleSize) {
      group.riders.add(address)
      this.#riders.set(address, group)
    } else {
      group.sample.add(address)
      this.#ask(address, group, now)
    }
  }

  /** Asks no more; nothing is learned from it. */
  stop(address: string): void {
    this.#forget(address)
  }

  /**
   * Somebody has answered for an address that is being asked for.
   * @returns the addresses that the answer speaks for as well
   */
  answered(address: string, node: string): string[] {
    const group = this.#forget(address)
    if (group?.suspect !== node) return []
    for (const one of group.sample) (this.#claims.get(one) as Claim).group = undefined
    return this.#dissolve(group)
  }

  /** More addresses wait to be asked for than are soon done. */
  get crowded(): boolean {
    return this.#unasked > crowd
  }

  /** Addresses for which the time to answer is over. */
  verdicts(now: number): string[] {
    this.#adopt(now)
    const free: string[] = []
    for (;;) {
      const address = this.#verdicts.due(now)
      if (address === undefined) return free
      const claim = this.#claims.get(address) as Claim
      if (!claim.graced && now - (this.#verdicts.get(address) as number) > lateness) {
        claim.graced = true
        this.#verdicts.set(address, now + secondLook)
        continue
      }
      this.#end(address, claim)
      free.push(address)
      const { group } = claim
      group?.sample.delete(address)
      if (group?.sample.size === 0) free.push(...this.#dissolve(group))
    }
  }

  /**
   * Addresses to send a probe for now.
   * @param take whether the budget has room for the probe of one
   */
  probes(now: number, take: (address: string) => boolean): string[] {
    const due: string[] = []
    for (;;) {
      const address = this.#toSend.due(now)
      if (address === undefined || !take(address)) return due
      const claim = this.#claims.get(address) as Claim
      if (claim.sent === 0) this.#unasked--
      claim.sent++
      due.push(address)
      if (claim.sent === 1 && this.#unasked <= crowd) {
        this.#toSend.set(address, now + probeGap)
      } else {
        this.#toSend.delete(address)
        this.#verdicts.set(address, now + (claim.sent === 1 ? 2 * probeGap : probeGap))
      }
    }
  }

  next(): number | undefined {
    return earliest(this.#toSend.next(), this.#verdicts.next(), this.#orphaned.size > 0 ? 0 : undefined)
  }

  #ask(address: string, group: Group | undefined, now: number): void {
    this.#claims.set(address, { sent: 0, graced: false, group })
    this.#toSend.set(address, now)
    this.#unasked++
  }

  #end(address: string, claim: Claim): void {
    if (claim.sent === 0) this.#unasked--
    this.#claims.delete(address)
    this.#toSend.delete(address)
    this.#verdicts.delete(address)
  }

  /** @returns the group in whose sample it was */
  #forget(address: string): Group | undefined {
    this.#riders.get(address)?.riders.delete(address)
    this.#riders.delete(address)
    const claim = this.#claims.get(address)
    if (claim === undefined) return undefined
    this.#end(address, claim)
    const { group } = claim
    group?.sample.delete(address)
    if (group?.sample.size === 0) this.#orphaned.add(group)
    return group
  }

  /** Groups of which the whole sample was dropped: the rest is asked for by itself. */
  #adopt(now: number): void {
    for (const group of this.#orphaned) {
      if (group.sample.size > 0) continue
      for (const address of this.#dissolve(group)) this.#ask(address, undefined, now)
    }
    this.#orphaned.clear()
  }

  #dissolve(group: Group): string[] {
    if (this.#groups.get(group.suspect) === group) this.#groups.delete(group.suspect)
    for (const address of group.riders) this.#riders.delete(address)
    const riders = [...group.riders]
    group.riders.clear()
    return riders
  }
}
