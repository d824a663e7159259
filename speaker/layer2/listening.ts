import { addressToBytes } from '#inet/address.ts'
import type { WireInterface } from '../wire/protocol.ts'
import { macNumber } from './ethernet.ts'
import {
  assess,
  compileExclusions,
  defaultExclusions,
  linkLocalOf,
  unusable,
  type Link,
} from './interfaces.ts'
import type { NdpInterface } from './respond-ndp.ts'

/** An interface that is spoken on. */
export interface Interface extends NdpInterface {
  readonly name: string
}

/** What follows from other links or exclusions. */
export interface ListeningChange {
  readonly interfaces: readonly WireInterface[]
  readonly ownMacs: ReadonlySet<number>
  /** indexes of those that have another hardware address */
  readonly renewed: readonly number[]
}

/** The interfaces of this node: which of them speak ARP and NDP, and with what addresses. */
export class Listening {
  #links: readonly Link[] = []
  #excluded = compileExclusions(defaultExclusions).patterns
  #interfaces: readonly WireInterface[] = []
  #byIndex: ReadonlyMap<number, Interface> = new Map()
  #untold = false

  /** ARP and NDP are to be spoken on the link, so it needs sockets. */
  wants(link: Link): boolean {
    return unusable(link, this.#excluded) === undefined
  }

  /** @returns undefined when nothing came out different */
  links(links: readonly Link[]): ListeningChange | undefined {
    this.#links = links
    return this.#assess()
  }

  /** `invalid` are the patterns that are not regular expressions; they exclude nothing. */
  exclude(patterns: readonly string[]): { change: ListeningChange | undefined; invalid: readonly string[] } {
    const { patterns: compiled, invalid } = compileExclusions(patterns)
    this.#excluded = compiled
    return { change: this.#assess(), invalid }
  }

  get(index: number): Interface | undefined {
    return this.#byIndex.get(index)
  }

  /** The interface of that name, if ARP and NDP are spoken on it. */
  usable(name: string): WireInterface | undefined {
    return this.#interfaces.find((one) => one.usable && one.name === name)
  }

  /** `take` has something to tell. */
  get untold(): boolean {
    return this.#untold
  }

  /** All interfaces, when one changed since the last call. */
  take(): readonly WireInterface[] | undefined {
    if (!this.#untold) return undefined
    this.#untold = false
    return this.#interfaces
  }

  #assess(): ListeningChange | undefined {
    const interfaces = assess(this.#links, this.#excluded)
    if (JSON.stringify(interfaces) === JSON.stringify(this.#interfaces)) return undefined
    this.#interfaces = interfaces
    this.#untold = true
    const ownMacs = new Set(interfaces.map(({ mac }) => macNumber(mac)).filter((mac) => mac > 0))
    const before = this.#byIndex
    this.#byIndex = new Map(
      interfaces.filter(({ usable }) => usable).map((one) => [one.index, spoken(one, ownMacs)]),
    )
    const renewed = [...before.values()].filter(({ index, mac }) => {
      const present = this.#byIndex.get(index)
      return present !== undefined && present.mac !== mac
    })
    return { interfaces, ownMacs, renewed: renewed.map(({ index }) => index) }
  }
}

function spoken(one: WireInterface, ownMacs: ReadonlySet<number>): Interface {
  const { index, name, mac } = one
  const linkLocal = linkLocalOf(one)
  return {
    index,
    name,
    mac: macNumber(mac),
    ownMacs,
    ...(linkLocal && { linkLocal: addressToBytes(linkLocal) }),
  }
}
