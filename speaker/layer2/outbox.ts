import { Announcer, type Announcement } from './announce.ts'
import { Beacon } from './beacon.ts'
import { patientChecks, type CheckPurpose, type Question } from './check.ts'
import type { Counters } from './counters.ts'
import { earliest } from './deadlines.ts'
import { announcement, toAll, toHost, toOne } from './frames.ts'
import type { HeldAddress, HeldAddresses } from './held.ts'
import type { Holders } from './holders.ts'
import type { Host } from './inquest.ts'
import type { Listening } from './listening.ts'
import type { Path } from './peers.ts'
import { frameBudget, verificationBudget } from './rate.ts'
import type { Suspicion } from './suspicion.ts'

export interface OutgoingFrame {
  readonly interfaceIndex: number
  readonly frame: Uint8Array
}

export interface OutboxOptions {
  /** uniform in [0, 1) */
  readonly random: () => number
  readonly held: HeldAddresses
  readonly listening: Listening
  readonly counters: Counters
}

/** Answers that wait for the next call of `due`. */
const mostAnswers = 4096

/**
 * What a node sends, what matters most first: answers, which are not counted; questions about a node that may have
 * failed; the call to lost nodes; probes, on which
 * a take-over waits; first announcements; word to successors; questions; and what is announced again. All but the
 * answers come out of one budget.
 */
export class Outbox {
  readonly announcer: Announcer
  readonly #options: OutboxOptions
  readonly #budget = frameBudget()
  readonly #verifications = verificationBudget()
  readonly #beacon = new Beacon()
  #answers: (OutgoingFrame & { readonly held: HeldAddress })[] = []

  constructor(options: OutboxOptions) {
    this.#options = options
    this.announcer = new Announcer(options.random, this.#budget)
  }

  /** An answer that could not be returned at once; it goes out if the address is still answered for then. */
  answer(held: HeldAddress, frame: Uint8Array, interfaceIndex: number): void {
    if (this.#answers.length < mostAnswers) this.#answers.push({ held, interfaceIndex, frame })
  }

  /** Everything that may go out now. */
  due(holders: Holders, suspicion: Suspicion, now: number): OutgoingFrame[] {
    const frames: OutgoingFrame[] = this.#answers
      .filter(({ held, interfaceIndex }) => held.interfaces.has(interfaceIndex))
      .map(({ interfaceIndex, frame }) => ({ interfaceIndex, frame }))
    this.#answers = []
    frames.push(
      ...this.#inquests(holders, suspicion, now),
      ...this.#callLost(holders, now),
      ...this.#probes(holders, now),
      ...this.#announcements('urgent', holders, now),
      ...this.#nudges(holders, now),
      ...this.#questions(holders, now),
      ...this.#announcements('repeated', holders, now),
    )
    return frames
  }

  /** When something of it may go out, as far as it is not the business of `holders`. */
  next(): number | undefined {
    return earliest(this.#beacon.next(), this.announcer.next(), this.#answers.length > 0 ? 0 : undefined)
  }

  /** Milliseconds until there is room for a frame. */
  roomIn(now: number): number {
    return this.#budget.readyIn(1, now)
  }

  /** Lets one of the lost nodes hear that this one is there. */
  #callLost({ peers, table }: Holders, now: number): OutgoingFrame[] {
    this.#beacon.set(peers.missing, now)
    for (const node of this.#beacon.due(peers.count + 1, now)) {
      const entry = table.nextAnsweredWith(node)
      if (entry === undefined || !this.#budget.take(entry.interfaces.length, now)) continue
      this.#beacon.called(node)
      return entry.interfaces.flatMap(({ index }) => this.#toAll('beacon', entry.address, index))
    }
    return []
  }

  #probes({ claims, table }: Holders, now: number): OutgoingFrame[] {
    const interfaces = (address: string) => table.get(address)?.interfaces ?? []
    const due = claims.probes(now, (address) => this.#budget.take(interfaces(address).length, now))
    return due.flatMap((address) => {
      const state = table.get(address)?.state
      // Who held it until now says so, and others who ask as well let it go first.
      const kind = state?.at === 'claiming' && state.cause === 'restart' ? 'beacon' : 'probe'
      return interfaces(address).flatMap(({ index }) => this.#toAll(kind, address, index))
    })
  }

  /** Asks a node that may have failed for what it held, and its machine whether it is there. */
  #inquests({ table }: Holders, suspicion: Suspicion, now: number): OutgoingFrame[] {
    return suspicion
      .questions(now, (frames) => this.#budget.take(frames, now))
      .flatMap(({ addresses, hosts }) => [
        ...hosts.flatMap((host) => this.#toHost(host)),
        ...addresses.flatMap((address) =>
          (table.get(address)?.interfaces ?? []).flatMap(({ index }) => this.#toAll('probe', address, index)),
        ),
      ])
  }

  #announcements(kind: 'urgent' | 'repeated', holders: Holders, now: number): OutgoingFrame[] {
    return this.announcer.step(kind, now).flatMap((one) => this.#announcement(one, holders, now))
  }

  #announcement(one: Announcement, holders: Holders, now: number): OutgoingFrame[] {
    const { address, interfaceIndex, kind, first } = one
    const { held: addresses, listening, counters } = this.#options
    const held = addresses.find(address)
    const on = listening.get(interfaceIndex)
    const frame = held && on && announcement(kind, held, on)
    if (held === undefined || on === undefined || frame === undefined) return []
    if (first) holders.event(now, holders.table.get(address), 'announced', { interface: on.name })
    held.gratuitousSent++
    counters.moved(held)
    return [{ interfaceIndex, frame }]
  }

  #mayAsk(purpose: CheckPurpose, now: number): boolean {
    return (!patientChecks.has(purpose) || this.#verifications.take(1, now)) && this.#budget.take(1, now)
  }

  #questions(holders: Holders, now: number): OutgoingFrame[] {
    const questions = holders.questions(now, (purpose) => this.#mayAsk(purpose, now))
    return questions.flatMap((one) => this.#send('probe', one, holders))
  }

  #nudges(holders: Holders, now: number): OutgoingFrame[] {
    const nudges = holders.nudges(now, () => this.#budget.take(1, now))
    return nudges.flatMap((one) => this.#send('nudge', one, holders))
  }

  /** To one node; or to all, on every interface. */
  #send(kind: 'probe' | 'nudge', { address, path }: Question, { table }: Holders): OutgoingFrame[] {
    if (path !== undefined) return this.#toOne(kind, address, path)
    const interfaces = table.get(address)?.interfaces ?? []
    return interfaces.flatMap(({ index }) => this.#toAll('beacon', address, index))
  }

  #toOne(kind: 'probe' | 'nudge', address: string, { interfaceIndex, mac }: Path): OutgoingFrame[] {
    const held = this.#options.held.find(address)
    const on = this.#options.listening.get(interfaceIndex)
    const frame = held && on && toOne(kind, held, on, mac)
    return frame === undefined ? [] : [{ interfaceIndex, frame }]
  }

  #toHost({ path, local, remote }: Host): OutgoingFrame[] {
    const on = this.#options.listening.get(path.interfaceIndex)
    const frame = on && toHost(remote, local, on, path.mac)
    return frame === undefined ? [] : [{ interfaceIndex: path.interfaceIndex, frame }]
  }

  #toAll(kind: 'probe' | 'beacon', address: string, interfaceIndex: number): OutgoingFrame[] {
    const held = this.#options.held.find(address)
    const on = this.#options.listening.get(interfaceIndex)
    const frame = held && on && toAll(kind, held, on)
    return frame === undefined ? [] : [{ interfaceIndex, frame }]
  }
}
