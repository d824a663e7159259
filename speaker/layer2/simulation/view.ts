import type { WireAddress, WireSpeaker } from '../../wire/protocol.ts'
import type { News } from './news.ts'

/** What a process knows of an address. */
export interface Known {
  /** of preference and eligibility: who has the same number has the same view */
  readonly version: number
  readonly candidates: WireAddress['candidates']
}

/** What the main thread of one process knows, from the API and from its own node. */
export class View {
  readonly #node: string
  readonly #known = new Map<string, Known>()
  readonly #unserved: Set<string>
  #speakers: readonly WireSpeaker[] = []
  #version: number | undefined
  /** forwarding is in the kernel */
  forwarding: boolean

  constructor(node: string, unserved: Iterable<string>, forwarding: boolean) {
    this.#node = node
    this.#unserved = new Set(unserved)
    this.forwarding = forwarding
  }

  /** It has had its first lists. */
  get listed(): boolean {
    return this.#version !== undefined
  }

  get speakers(): readonly WireSpeaker[] {
    return this.#speakers
  }

  get addresses(): string[] {
    return [...this.#known.keys()]
  }

  known(address: string): Known | undefined {
    return this.#known.get(address)
  }

  /** @returns the addresses that are known otherwise now, with the versions, and whether other speakers are, too */
  learn({ put, remove, speakers, version }: News): {
    readonly changes: readonly {
      readonly address: string
      readonly before: number
      readonly version: number
    }[]
    readonly speakers: boolean
  } {
    const changes: { address: string; before: number; version: number }[] = []
    for (const address of remove) {
      const before = this.#known.get(address)?.version
      if (before !== undefined) changes.push({ address, before, version: 0 })
      this.#known.delete(address)
    }
    for (const { address, ...known } of put) {
      const before = this.#known.get(address)?.version ?? 0
      this.#known.set(address, known)
      if (before !== known.version) changes.push({ address, before, version: known.version })
    }
    const news = version !== this.#version
    this.#speakers = speakers
    this.#version = version
    return { changes, speakers: news }
  }

  serve(address: string, served: boolean): void {
    if (served) this.#unserved.delete(address)
    else this.#unserved.add(address)
  }

  serves(address: string): boolean {
    return this.forwarding && !this.#unserved.has(address)
  }

  /** This node may hold it. */
  eligible(address: string): boolean {
    const known = this.#known.get(address)
    return known?.candidates.some(({ node, eligible }) => node === this.#node && eligible) ?? false
  }

  /** As the wire thread is told. */
  wanted(addresses: readonly string[]): WireAddress[] {
    return addresses.flatMap((address) => {
      const candidates = this.#known.get(address)?.candidates
      if (candidates === undefined) return []
      return [{ address, interfaces: [], candidates, served: this.serves(address) }]
    })
  }
}
