import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { service, slice } from '../fixtures.ts'
import { six } from './cluster.ts'
import { away, here, one, type EndpointText, type Scene } from './scene.ts'

/**
 * Many dual-stack Services that change all the time and can always be reached: each has one endpoint that stays, on
 * this node. The same seed gives the same sequence.
 */

/** What changes: only endpoints, or everything else as well that leaves the Service reachable. */
export type ChurnKind = 'endpoints' | 'everything'

export interface Churned {
  readonly key: string
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
}

const STABLE = here('10.180.0.1')
const OTHERS: readonly EndpointText[] = [
  here('10.0.1.1'),
  here('10.0.1.2'),
  away('10.0.1.3'),
  away('10.0.1.4'),
  away('10.180.2.1'),
]

/** Where the endpoints are, for `Network.arrange`. */
export const churnScene: Scene = {
  group: '+',
  title: 'churn',
  services: [one('churn', {}, [STABLE, ...OTHERS])],
  flows: [],
}

const octets = (index: number): string => `${Math.floor(index / 250)}.${(index % 250) + 1}`
export const clusterIPOf = (index: number): string => `172.30.${octets(index)}`
export const loadBalancerIPOf = (index: number): string => `1.2.${octets(index)}`
/** Everything that `loadBalancerIPOf` and `clusterIPOf` give. */
export const CHURN_RANGES = ['1.2.0.0/16', '172.30.0.0/16']
const both = (address: string): string[] => [address, six(address)]

const states = ['ready', 'ready', 'ready', 'unready', 'serving', 'gone'] as const

export class Churn {
  readonly #count: number
  readonly #kind: ChurnKind
  #random: number

  constructor(count: number, kind: ChurnKind, seed: number) {
    this.#count = count
    this.#kind = kind
    this.#random = seed | 1
  }

  /** All Services, with the endpoint that stays. */
  initial(): Churned[] {
    return Array.from({ length: this.#count }, (_, index) => this.#make(index, [], plain))
  }

  /** The next change. */
  next(): Churned {
    const index = this.#below(this.#count)
    const others = OTHERS.filter(() => this.#below(2) === 0).map((endpoint) => ({
      ...endpoint,
      state: states[this.#below(this.#kind === 'endpoints' ? 3 : states.length)],
    }))
    return this.#make(index, others, this.#kind === 'endpoints' ? plain : this.#text())
  }

  #make(index: number, others: readonly EndpointText[], text: Text): Churned {
    const name = `churn-${index}`
    const made = service(name, {
      ...text,
      clusterIPs: both(clusterIPOf(index)),
      ingress: both(loadBalancerIPOf(index)).map((ip) => ({ ip })),
      ports: [{ port: 80, nodePort: text.nodePort ? 30_000 + index : 0 }],
    })
    const endpoints = [STABLE, ...others]
    const inSix = endpoints.map((endpoint) => ({ ...endpoint, address: six(endpoint.address) }))
    const slices = [
      slice(name, endpoints, [{ port: 80 }], { name: `${name}-4` }),
      slice(name, inSix, [{ port: 80 }], { name: `${name}-6` }),
    ]
    return { key: `ns/${name}`, service: made, slices }
  }

  #text(): Text {
    const one = <T>(...choices: readonly T[]): T => choices[this.#below(choices.length)]
    const affinity = one(undefined, undefined, 10, 10_800)
    // Rarely by address: a table of hundreds of slots for each frontend is what that costs.
    const balance = this.#below(16) === 0 ? 'source-hash' : one(undefined, 'round-robin')
    return {
      external: one('Local', 'Cluster'),
      internal: one('Local', 'Cluster'),
      nodePort: one(true, false),
      externalIPs: one([], ['198.51.100.77']),
      ranges: one([], ['203.0.113.0/24', six('203.0.113.0/24')]),
      ...(affinity === undefined ? {} : { affinity }),
      ...(balance === undefined ? {} : { annotations: { 'fairlead.io/balance': balance } }),
    }
  }

  /** xorshift32 */
  #below(limit: number): number {
    this.#random ^= this.#random << 13
    this.#random ^= this.#random >>> 17
    this.#random ^= this.#random << 5
    return (this.#random >>> 0) % limit
  }
}

type Text = Omit<NonNullable<Parameters<typeof service>[1]>, 'ports'> & { readonly nodePort: boolean }

const plain: Text = { nodePort: false }
