import type { Clock, Timer } from '#kube/clock.ts'
import type { BfdSessions } from '../bfd/sessions.ts'
import type { Doubt, Suspect } from '../layer2/suspicion.ts'
import { choosePath } from './liveness-path.ts'
import { Neighbor, type Watching } from './neighbor.ts'
import type { WireInterface, WireNeighbor, WireSelf, WireSpeaker } from './protocol.ts'
import { watched } from './watch-ring.ts'

export interface NeighborsOptions {
  /** the name of this node */
  readonly node: string
  readonly clock: Clock
  readonly sessions: Pick<BfdSessions, 'acquire'>
  /** the state of a speaker, when it is known first and when it changes */
  readonly onState: (node: string, state: WireNeighbor['state']) => void
  /** a speaker that BFD calls alive may have failed; or may no more (undefined) */
  readonly onDoubt: (node: string, suspect: Suspect | undefined) => void
  /** a speaker that is alive is being told that this one is, and will be again within so many milliseconds */
  readonly onSpoke: (node: string, interval: number) => void
  /** what is to be told of them, changes only; `gone` are speakers no more */
  readonly onTold: (neighbors: readonly WireNeighbor[], gone: readonly string[]) => void
}

interface Known {
  readonly neighbor: Neighbor
  state: WireNeighbor['state'] | undefined
  doubt: Doubt | undefined
  told: string
}

const tidyInterval = 1000

/** The other speakers of the cluster: who is watched by which path, and how each looks. */
export class Neighbors {
  readonly #options: NeighborsOptions
  readonly #known = new Map<string, Known>()
  #self: WireSelf | undefined
  #speakers: ReadonlyMap<string, WireSpeaker> = new Map()
  #interfaces: readonly WireInterface[] = []
  #ring: { readonly names: string; readonly nodes: ReadonlySet<string> } = { names: '', nodes: new Set() }
  #timer: Timer | undefined
  #left = false

  constructor(options: NeighborsOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      for (const [node, { neighbor }] of this.#known) {
        if (!neighbor.busy) continue
        neighbor.tidy()
        this.#tell([node])
      }
      this.start()
    }, tidyInterval)
  }

  /** All other speakers there are. */
  speakers(self: WireSelf, others: readonly WireSpeaker[]): void {
    if (this.#left) return
    this.#self = self
    this.#speakers = new Map(
      others.filter(({ node }) => node !== this.#options.node).map((one) => [one.node, one]),
    )
    const gone = [...this.#known.keys()].filter((node) => !this.#speakers.has(node))
    for (const node of gone) {
      this.#known.get(node)?.neighbor.end()
      this.#known.delete(node)
    }
    this.#apply(gone)
  }

  /** The interfaces of this node: paths may be others now. */
  interfaces(interfaces: readonly WireInterface[]): void {
    this.#interfaces = interfaces
    if (!this.#left) this.#apply([])
  }

  /** Planned stop: tells all that this speaker leaves, and looks at nothing any more. */
  leave(): void {
    this.#left = true
    this.#timer?.cancel()
    for (const { neighbor } of this.#known.values()) neighbor.leave()
  }

  #apply(gone: readonly string[]): void {
    for (const [node, speaker] of this.#speakers) {
      const watching = this.#watching(speaker)
      const known = this.#known.get(node)
      if (known !== undefined) known.neighbor.update(speaker, watching)
      else this.#add(speaker, watching)
    }
    this.#tell(this.#speakers.keys(), gone)
  }

  #add(speaker: WireSpeaker, watching: Watching): void {
    const { clock, sessions, onSpoke } = this.#options
    const { node } = speaker
    const neighbor = new Neighbor(speaker, watching, {
      sessions,
      now: () => clock.now(),
      onChange: () => this.#tell([node]),
      onSpoke: (interval) => onSpoke(node, interval),
    })
    this.#known.set(node, { neighbor, state: undefined, doubt: undefined, told: '' })
  }

  #watching(speaker: WireSpeaker): Watching {
    const self = this.#self as WireSelf
    if (!this.#watched().has(speaker.node)) {
      return { problem: 'watched by other speakers, as the cluster is large', byOthers: true }
    }
    const interfaces = this.#interfaces.filter(({ usable }) => usable)
    const path = choosePath({ internalIPs: self.internalIPs, interfaces }, speaker)
    return path === undefined
      ? { problem: 'no addresses of one family are known on both nodes', byOthers: false }
      : { path, settings: self.liveness }
  }

  #watched(): ReadonlySet<string> {
    const names = [...this.#speakers.keys()].sort().join('\n')
    if (names !== this.#ring.names) {
      this.#ring = { names, nodes: watched(this.#options.node, this.#speakers.keys()) }
    }
    return this.#ring.nodes
  }

  #tell(nodes: Iterable<string>, gone: readonly string[] = []): void {
    const changed: WireNeighbor[] = []
    for (const node of nodes) {
      const known = this.#known.get(node)
      if (known === undefined || this.#left) continue
      const { state } = known.neighbor
      if (state !== known.state) {
        known.state = state
        this.#options.onState(node, state)
      }
      this.#tellDoubt(node, known)
      const told = known.neighbor.told()
      const text = JSON.stringify(told)
      if (text === known.told) continue
      known.told = text
      changed.push(told)
    }
    if (changed.length + gone.length > 0) this.#options.onTold(changed, gone)
  }

  #tellDoubt(node: string, known: Known): void {
    const { doubt, host } = known.neighbor
    if (doubt === known.doubt) return
    known.doubt = doubt
    const witnesses = [...this.#known.values()].flatMap(({ neighbor }) =>
      neighbor.state === 'alive' && neighbor.doubt === undefined ? (neighbor.host ?? []) : [],
    )
    this.#options.onDoubt(node, doubt && { doubt, host, witnesses })
  }
}
