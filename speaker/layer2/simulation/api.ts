import { reportedDead } from '../../liveness/plan.ts'
import type { WireSpeaker } from '../../wire/protocol.ts'
import type { AddressNews, Watcher } from './news.ts'
import type { Random } from './random.ts'
import type { Timer, VirtualTime } from './virtual-time.ts'

export interface ApiOptions {
  readonly time: VirtualTime
  readonly random: Random
  /** milliseconds of silence after which a speaker knows that it is stale */
  readonly staleAfter: number
  /** milliseconds after which the controller takes a speaker for gone */
  readonly lease: number
  /** the controller has found out that a speaker reaches the API, or does not */
  readonly onMark: (node: string, reachable: boolean) => void
}

interface Address {
  readonly candidates: Map<string, { preference: number; eligible: boolean }>
  version: number
}

/** What a speaker says of itself. */
export interface SpeakerStatus extends Pick<WireSpeaker, 'internalIPs' | 'interfaces' | 'ready'> {
  /** how those look that it watches, in clusters in which not all watch all */
  readonly neighbors: ReadonlyMap<string, 'alive' | 'dead'>
}

interface Speaker extends SpeakerStatus {
  apiReachable: boolean
}

interface Subscription {
  readonly watcher: Watcher
  readonly dirty: Set<string>
  delivery: Timer | undefined
  staleTimer: Timer | undefined
  proofTimer: Timer | undefined
}

/** Milliseconds until a change has come to a node, and until watches stand again. */
const newsDelay = { least: 5, most: 150 } as const
const reconnectDelay = { least: 50, most: 800 } as const
const controllerInterval = 1000
/** Milliseconds for which a stale speaker must have heard the API again. */
const proof = 2000

/**
 * The cluster's API with its controller, from the speakers' side: what is wanted, and when each node hears of it.
 * It is on another network than the addresses, so that every combination of faults can be had.
 */
export class Api {
  readonly #options: ApiOptions
  readonly #addresses = new Map<string, Address>()
  readonly #speakers = new Map<string, Speaker>()
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #unreachable = new Set<string>()
  readonly #seen = new Map<string, number>()
  #version = 0
  #speakersVersion = 0
  #down = false
  #upSince = 0

  constructor(options: ApiOptions) {
    this.#options = options
    const look = (): void => {
      this.#control()
      options.time.after(controllerInterval, look)
    }
    options.time.after(controllerInterval, look)
  }

  reaches(node: string): boolean {
    return !this.#down && !this.#unreachable.has(node)
  }

  get addresses(): IterableIterator<string> {
    return this.#addresses.keys()
  }

  has(address: string): boolean {
    return this.#addresses.has(address)
  }

  /** The number that a node's view of the address has when it is up to date. */
  versionOf(address: string): number {
    return this.#addresses.get(address)?.version ?? 0
  }

  get speakersVersion(): number {
    return this.#speakersVersion
  }

  marked(node: string): boolean {
    return this.#speakers.get(node)?.apiReachable === false
  }

  candidate(address: string, node: string): { readonly preference: number; readonly eligible: boolean } {
    return this.#addresses.get(address)?.candidates.get(node) ?? { preference: 0, eligible: false }
  }

  /** Adds the address or changes candidates of it. */
  put(
    address: string,
    change: ReadonlyMap<string, { readonly preference?: number; readonly eligible?: boolean }>,
  ): void {
    let known = this.#addresses.get(address)
    if (known === undefined) this.#addresses.set(address, (known = { candidates: new Map(), version: 0 }))
    for (const [node, part] of change) {
      known.candidates.set(node, { preference: 0, eligible: true, ...known.candidates.get(node), ...part })
    }
    known.version = ++this.#version
    this.#changed([address])
  }

  remove(address: string): void {
    this.#addresses.delete(address)
    this.#changed([address])
  }

  /** What a speaker writes about itself, if that is new; lost when it does not reach the API. */
  write(node: string, status: SpeakerStatus): void {
    if (!this.reaches(node)) return
    const known = this.#speakers.get(node)
    const text = (one: SpeakerStatus): string =>
      JSON.stringify([one.internalIPs, one.interfaces, one.ready, [...one.neighbors]])
    if (known !== undefined && text(known) === text(status)) return
    this.#speakers.set(node, { apiReachable: known?.apiReachable ?? true, ...status })
    this.#speakersVersion++
    this.#changed([])
  }

  subscribe(watcher: Watcher): void {
    const subscription = {
      watcher,
      dirty: new Set<string>(),
      delivery: undefined,
      staleTimer: undefined,
      proofTimer: undefined,
    }
    this.#subscriptions.set(watcher.node, subscription)
    this.#resync(subscription)
  }

  unsubscribe(node: string): void {
    const subscription = this.#subscriptions.get(node)
    subscription?.delivery?.cancel()
    subscription?.staleTimer?.cancel()
    subscription?.proofTimer?.cancel()
    this.#subscriptions.delete(node)
  }

  /** Nobody, or one node, reaches the API from now on. */
  down(node?: string): void {
    if (node === undefined) this.#down = true
    else this.#unreachable.add(node)
    for (const subscription of this.#subscriptions.values()) {
      if (this.reaches(subscription.watcher.node)) continue
      subscription.delivery?.cancel()
      subscription.delivery = undefined
      subscription.proofTimer?.cancel()
      subscription.proofTimer = undefined
      subscription.staleTimer ??= this.#options.time.after(
        this.#options.staleAfter + this.#options.random.between(0, 1000),
        () => subscription.watcher.stale(true),
      )
    }
  }

  up(node?: string): void {
    if (node === undefined) {
      this.#down = false
      this.#upSince = this.#options.time.now
    } else this.#unreachable.delete(node)
    for (const subscription of this.#subscriptions.values()) {
      if (this.reaches(subscription.watcher.node) && subscription.delivery === undefined) {
        this.#resync(subscription)
      }
    }
  }

  /** The node will be told what it was not told yet. */
  owes(node: string): boolean {
    return this.#subscriptions.get(node)?.delivery !== undefined
  }

  #changed(addresses: readonly string[]): void {
    for (const subscription of this.#subscriptions.values()) {
      for (const address of addresses) subscription.dirty.add(address)
      this.#deliverAfter(subscription, newsDelay)
    }
  }

  /** A new list: everything, also what is known. */
  #resync(subscription: Subscription): void {
    for (const address of this.#addresses.keys()) subscription.dirty.add(address)
    this.#deliverAfter(subscription, reconnectDelay)
  }

  #deliverAfter(subscription: Subscription, delay: { readonly least: number; readonly most: number }): void {
    const { time, random } = this.#options
    if (subscription.delivery !== undefined || !this.reaches(subscription.watcher.node)) return
    subscription.delivery = time.after(random.between(delay.least, delay.most), () => {
      subscription.delivery = undefined
      this.#deliver(subscription)
    })
  }

  #deliver(subscription: Subscription): void {
    const { watcher, dirty } = subscription
    const changed = [...dirty]
    dirty.clear()
    this.#heard(subscription)
    watcher.news({
      put: changed.filter((address) => this.#addresses.has(address)).map((address) => this.#newsOf(address)),
      remove: changed.filter((address) => !this.#addresses.has(address)),
      speakers: this.#speakersFor(watcher.node),
      version: this.#speakersVersion,
    })
  }

  /** One contact does not make a stale speaker fresh, but a while without an outage does. */
  #heard(subscription: Subscription): void {
    const { watcher, staleTimer, proofTimer } = subscription
    staleTimer?.cancel()
    subscription.staleTimer = undefined
    if (!watcher.isStale || proofTimer !== undefined) return
    subscription.proofTimer = this.#options.time.after(proof, () => {
      subscription.proofTimer = undefined
      watcher.stale(false)
    })
  }

  #newsOf(address: string): AddressNews {
    const { candidates, version } = this.#addresses.get(address) as Address
    return {
      address,
      version,
      candidates: [...candidates].map(([node, { preference, eligible }]) => ({
        node,
        preference,
        eligible,
        reason: eligible ? '' : 'simulated',
        stale: this.marked(node),
      })),
    }
  }

  #speakersFor(node: string): WireSpeaker[] {
    const dead = reportedDead(
      new Map(
        [...this.#speakers].map(([name, { ready, apiReachable, neighbors }]) => [
          name,
          { ready, apiReachable, neighbors },
        ]),
      ),
      node,
    )
    return [...this.#speakers]
      .filter(([name]) => name !== node)
      .map(([name, { internalIPs, interfaces, ready, apiReachable }]) => ({
        node: name,
        internalIPs,
        interfaces,
        ready,
        apiReachable,
        reportedDead: dead.has(name),
      }))
  }

  /** The controller looks at the Leases. After an outage it waits as long as after a renewal. */
  #control(): void {
    if (this.#down) return
    const { time, lease, onMark } = this.#options
    for (const [node, speaker] of this.#speakers) {
      const watcher = this.#subscriptions.get(node)?.watcher
      if (watcher?.active && this.reaches(node)) this.#seen.set(node, time.now)
      const silence = time.now - Math.max(this.#seen.get(node) ?? 0, this.#upSince)
      const reachable = silence < lease && (speaker.apiReachable || silence === 0)
      if (reachable === speaker.apiReachable) continue
      speaker.apiReachable = reachable
      this.#speakersVersion++
      onMark(node, reachable)
      this.#changed([...this.#addresses.keys()])
    }
  }
}
