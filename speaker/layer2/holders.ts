import type { Layer2Event, WireAddress, WireHolder, WireInterface } from '../wire/protocol.ts'
import type { Effects } from './answering.ts'
import { Arrival } from './arrival.ts'
import type { Awake } from './awake.ts'
import { forgetDeference, tookIt } from './belief.ts'
import { Checks, type CheckPurpose, type Question, type Unanswered } from './check.ts'
import { Claims } from './claim.ts'
import { earliest } from './deadlines.ts'
import type { Layer2Happening, TakeOverCause } from './errors.ts'
import { Events } from './events.ts'
import { step, type Input, type Step } from './fsm.ts'
import { HandOver } from './hand-over.ts'
import type { Peers } from './peers.ts'
import { Removals } from './removals.ts'
import { Returns } from './returns.ts'
import { standing, type Standing } from './standing.ts'
import { answers, Table, type Entry } from './table.ts'
import { changeOf, holderOf } from './tell.ts'
import { Wakeups } from './wakeups.ts'
import { holderSilent, Watch } from './watch.ts'

/** What was given up is announced first, and asked about then. */
const aftermathAfter = 100

/**
 * Each address on its way through the states of `fsm.ts`: whatever may bear on one is turned into a step of it, and
 * what follows from the step is done. Changes mark addresses; `settle` works on the marked ones only.
 */
export class Holders {
  readonly node: string
  readonly table = new Table()
  readonly claims = new Claims()
  readonly checks = new Checks()
  readonly events = new Events()
  readonly returns = new Returns()
  readonly arrival = new Arrival()
  readonly peers: Peers
  readonly handOver: HandOver
  readonly #awake: Awake
  readonly #watch: Watch
  readonly #effects: Effects
  readonly #marked = new Set<Entry>()
  readonly #untold = new Set<Entry>()
  readonly #removals = new Removals()
  readonly #wakeups: Wakeups

  /** @param options `node` is the name of this node, `random` uniform in [0, 1) */
  constructor(options: {
    readonly node: string
    readonly random: () => number
    readonly peers: Peers
    readonly awake: Awake
    readonly effects: Effects
  }) {
    this.node = options.node
    const { peers, random } = options
    this.peers = peers
    this.handOver = new HandOver(peers)
    this.#watch = new Watch({ peers, checks: this.checks, random })
    this.#wakeups = new Wakeups(this.#watch, this.handOver)
    this.#awake = options.awake
    this.#effects = options.effects
  }

  put(addresses: readonly WireAddress[]): void {
    for (const wanted of addresses) {
      const entry = this.table.put(wanted)
      this.#marked.add(entry)
      if (this.#removals.returned(entry.address)) entry.belief.holder ??= this.node
    }
  }

  /** Forgets the address; the caller falls silent about it at once. */
  remove(address: string): void {
    const entry = this.table.delete(address)
    if (entry === undefined) return
    if (answers(entry)) this.#removals.removed(address)
    this.#marked.delete(entry)
    this.#untold.delete(entry)
    this.handOver.forget(entry)
    this.#wakeups.forget(address)
    this.checks.stop(address)
    this.claims.stop(address)
  }

  setInterfaces(interfaces: readonly WireInterface[]): void {
    for (const entry of this.table.setInterfaces(interfaces)) this.#marked.add(entry)
  }

  mark(entries: Iterable<Entry>): void {
    for (const entry of entries) this.#marked.add(entry)
  }

  /** The staleness of this node has changed, which others' views of it do not show. */
  staleChanged(): void {
    for (const entry of this.table.all()) {
      if (entry.belief.deferTo === undefined) continue
      forgetDeference(entry.belief)
      this.#marked.add(entry)
    }
  }

  /** Planned stop: this node is no candidate any more. */
  stop(now: number): void {
    if (this.handOver.stopping) return
    this.handOver.stop(now)
    this.mark(this.table.all())
  }

  /** Everything is handed over, or was waited for long enough. */
  get stopped(): boolean {
    return this.handOver.stopping && this.#marked.size === 0 && this.table.answered.size === 0
  }

  /** There is something that `settle` has not told yet. */
  get pending(): boolean {
    return this.#marked.size > 0 || this.#untold.size > 0 || !this.events.empty
  }

  /** Decides where marked, and returns what came out different. */
  settle(now: number): { readonly holders: readonly WireHolder[]; readonly events: readonly Layer2Event[] } {
    this.#removals.step(now)
    for (const entry of this.#marked) {
      this.#marked.delete(entry)
      this.look(entry, now)
    }
    const holders: WireHolder[] = []
    for (const entry of this.#untold) {
      const next = holderOf(entry, this.node, this.standing(entry, now), now)
      if (next === entry.told) continue
      entry.told = next
      holders.push(next)
    }
    this.#untold.clear()
    return { holders, events: this.events.take(now) }
  }

  /** Decides what time alone has brought. */
  due(now: number): void {
    for (let address = this.#wakeups.due(now); address !== undefined; address = this.#wakeups.due(now)) {
      const entry = this.table.get(address)
      if (entry !== undefined) this.look(entry, now)
    }
    for (const address of this.claims.verdicts(now)) {
      const entry = this.table.get(address)
      if (entry?.state.at === 'claiming') this.step(entry, { kind: 'free' }, now)
    }
  }

  /** Questions to single nodes that are to go out now; those that stayed unanswered have their effect. */
  questions(now: number, take: (purpose: CheckPurpose) => boolean): readonly Question[] {
    const { questions, unanswered } = this.checks.step(now, take)
    for (const one of unanswered) this.#unanswered(one, now)
    return questions
  }

  /** Nodes that are to be told now that an address is for them. */
  nudges(now: number, take: () => boolean): readonly Question[] {
    return this.handOver.due((entry) => this.standing(entry, now), take)
  }

  next(): number | undefined {
    const nudge = this.handOver.pending ? 0 : undefined
    return earliest(this.#wakeups.next(), this.claims.next(), this.checks.next(), nudge)
  }

  /** This node stood still; what it answered for may be another's now. */
  paused(now: number): void {
    for (const entry of this.table.all()) {
      if (entry.state.at !== 'silent') this.step(entry, { kind: 'paused' }, now)
      this.checks.stop(entry.address)
    }
  }

  /** This node stood still so long that others took it for dead, and BFD is not Up again yet. */
  rejoining(now: number): boolean {
    return this.#awake.rejoining(now)
  }

  standing(entry: Entry, now: number): Standing {
    const { wanted, ordered, belief, family, interfaces } = entry
    return standing(
      {
        self: this.node,
        wanted,
        ordered,
        belief,
        peers: this.peers,
        valid: family !== undefined,
        reachable: interfaces.length > 0,
        stopping: this.handOver.stopping,
        dazed: this.#awake.dazed(now),
        crowded: this.claims.crowded,
        newUntil: this.arrival.until,
      },
      now,
    )
  }

  look(entry: Entry, now: number): void {
    this.#watch.judge(entry, now)
    this.step(entry, { kind: 'look' }, now)
  }

  step(entry: Entry, input: Input, now: number): void {
    const on = this.standing(entry, now)
    const next = step(entry.state, input, on, now, this.handOver.until(now))
    this.#apply(entry, next, on, now)
  }

  announce(entry: Entry, now: number): void {
    this.#effects.announce(entry, false, now)
  }

  announceAgain(entries: Iterable<Entry>, now: number): void {
    for (const entry of entries) if (entry.state.at === 'holding') this.#effects.announce(entry, true, now)
  }

  event(
    now: number,
    entry: Entry | undefined,
    what: Layer2Happening,
    more: Omit<Layer2Event, 'at' | 'address' | 'what'> = {},
  ): void {
    this.events.add(now, entry?.address ?? '', what, more)
  }

  #apply(entry: Entry, { state, actions }: Step, on: Standing, now: number): void {
    const before = entry.state
    entry.state = state
    if (before.at === 'claiming' && state.at !== 'claiming') this.claims.stop(entry.address)
    if (before.at === 'holding' && state.at === 'handingOver') this.handOver.begin(entry)
    this.#follow(entry, before.at, now)
    if (before.at === 'handingOver' && state.at === 'holding') this.#holdsOn(entry, now)
    for (const action of actions) {
      if (action.do === 'probe') this.#probe(entry, on, now)
      else if (action.do === 'nudge') this.handOver.nudge(entry, now)
      else this.#took(entry, action.cause, now)
    }
    const [what, more] = changeOf(entry, before)
    if (what !== undefined) this.event(now, entry, what, more)
    this.#untold.add(entry)
    // What was done may have changed what is known.
    this.#wakeups.set(entry, actions.length > 0 ? this.standing(entry, now) : on, now)
  }

  /** Where the address is answered and listened to follows from its state. */
  #follow(entry: Entry, before: Entry['state']['at'], now: number): void {
    const indexes = entry.family === undefined ? [] : entry.interfaces.map(({ index }) => index)
    if (entry.family !== undefined) {
      this.#effects.listen(entry, indexes, entry.state.at !== 'silent')
      this.#effects.answer(entry, answers(entry) ? indexes : [], now)
    }
    this.table.noteAnswering(entry)
    if (answers(entry)) return
    entry.contests.clear()
    if (before === 'holding' || before === 'handingOver') this.checks.stop(entry.address)
  }

  #probe(entry: Entry, on: Standing, now: number): void {
    const { belief, state } = entry
    entry.against = undefined
    const cause = state.at === 'claiming' ? state.cause : undefined
    const suspect =
      cause === 'failure'
        ? (belief.lost?.by ?? belief.holder)
        : cause === 'restart'
          ? on.successor
          : undefined
    this.claims.start(entry.address, suspect, now)
  }

  /** The address is not given up after all: who was told of it may have taken it, unheard. */
  #holdsOn(entry: Entry, now: number): void {
    this.#effects.announce(entry, true, now)
    this.checks.askAll(entry.address, now)
  }

  #took(entry: Entry, cause: TakeOverCause, now: number): void {
    const { against, belief } = entry
    const from = belief.lost?.by ?? belief.holder
    const gone = cause === 'failure' && from !== undefined && this.peers.presence(from) === 'down'
    tookIt(belief, this.node)
    this.event(now, entry, 'took', { cause })
    for (const { node } of entry.ordered) if (this.peers.isMissing(node)) this.returns.forget(node)
    // Others run and may answer as well, if a frame was lost; of those that have failed the beacon takes care.
    if (entry.ordered.length > 1 && !gone) this.checks.askAll(entry.address, now + aftermathAfter)
    if (against !== undefined) this.#effects.takenFrom(entry, against, now)
  }

  #unanswered({ address, node, purpose }: Unanswered, now: number): void {
    const entry = this.table.get(address)
    if (entry === undefined) return
    // What cannot hear this node may have moved caches: they are brought back.
    if (purpose === 'challenge') this.#effects.announce(entry, false, now)
    if ((purpose !== 'verify' && purpose !== 'yielded') || entry.belief.holder !== node) return
    this.event(now, entry, 'unanswered', { node })
    this.peers.suspect(node)
    holderSilent(entry, node, purpose === 'yielded', now)
    this.look(entry, now)
  }
}
