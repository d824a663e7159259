import type { Act } from './acts.ts'
import { nodeName } from './machine.ts'
import { goodQuality } from './network.ts'
import { Random } from './random.ts'
import type { WorldOptions } from './world-options.ts'

/** A run as data: the same scenario gives the same run. */
export interface Scenario {
  readonly options: WorldOptions
  readonly acts: readonly { readonly at: number; readonly act: Act }[]
  /** milliseconds */
  readonly end: number
}

/** Milliseconds: the cluster comes up first, and at the end everything is repaired and must come to rest. */
const begin = 4000
const rest = 8000
/** After so long without a fault time limits hold for the next one. */
const calmGap = 3500

type Episode = (plan: Plan) => void

/** Acts of a scenario in the making. */
class Plan {
  readonly acts: { at: number; act: Act }[] = []
  readonly random: Random
  readonly nodes: readonly string[]
  readonly addresses: readonly string[]
  readonly #end: number
  now = begin
  /** when the last fault so far ends */
  over = begin

  constructor(random: Random, nodes: readonly string[], addresses: readonly string[], end: number) {
    this.random = random
    this.nodes = nodes
    this.addresses = addresses
    this.#end = end
  }

  get node(): string {
    return this.random.pick(this.nodes)
  }

  get address(): string {
    return this.random.pick(this.addresses)
  }

  do(act: Act): void {
    this.acts.push({ at: Math.round(this.now), act })
  }

  /** One act now, and the other that ends it some time later. @returns when */
  during(act: Act, end: Act, least = 100, most = 8000): number {
    this.do(act)
    const at = Math.min(this.now + this.duration(least, most), this.#end)
    this.over = Math.max(this.over, at)
    this.acts.push({ at: Math.round(at), act: end })
    return at
  }

  /** The node has more to do than it can: it stands still again and again. */
  busy(node: string, from: number, ms: number): void {
    const end = Math.min(from + ms, this.#end)
    for (let at = from; at < end; at += this.random.between(2, 20)) {
      this.acts.push({ at: Math.round(at), act: { do: 'freeze', node } })
      at += this.random.between(20, 180)
      this.acts.push({ at: Math.round(at), act: { do: 'thaw', node } })
    }
    this.over = Math.max(this.over, end)
  }

  /** Short ones are as likely as long ones. */
  duration(least: number, most: number): number {
    return least * (most / least) ** this.random.next()
  }
}

/** What may happen, and how often compared to the rest. */
const episodes: readonly (readonly [weight: number, Episode])[] = [
  [
    10,
    (plan) => {
      const { node } = plan
      plan.during({ do: 'linkDown', node }, { do: 'linkUp', node })
    },
  ],
  [
    8,
    (plan) => {
      const far = plan.random.some(plan.nodes, plan.random.integer(1, plan.nodes.length - 1))
      plan.during({ do: 'split', far }, { do: 'heal' })
    },
  ],
  [
    5,
    (plan) => {
      const one = [plan.node]
      const others = plan.random.some(plan.nodes, plan.random.integer(1, plan.nodes.length - 1))
      const [from, to] = plan.random.chance(0.5) ? [one, others] : [others, one]
      plan.during({ do: 'block', from, to }, { do: 'unblock' }, 100, 5000)
    },
  ],
  [
    4,
    (plan) => {
      const quality = { ...goodQuality, loss: plan.random.between(0.03, 0.5) }
      plan.during({ do: 'quality', quality }, { do: 'quality', quality: goodQuality }, 100, 5000)
    },
  ],
  [
    4,
    (plan) => {
      const delay = plan.random.between(0.1, 8)
      const jitter = plan.random.between(0, 8)
      const duplicates = plan.random.between(0, 0.2)
      const quality = { delay, jitter, duplicates, loss: 0 }
      plan.during({ do: 'quality', quality }, { do: 'quality', quality: goodQuality })
    },
  ],
  [
    10,
    (plan) => {
      const { node } = plan
      plan.during({ do: 'freeze', node }, { do: 'thaw', node }, 50)
    },
  ],
  [
    8,
    (plan) => {
      const { node } = plan
      plan.during({ do: 'pause', node }, { do: 'resume', node }, 50)
    },
  ],
  [
    2,
    (plan) => {
      const { node } = plan
      plan.during({ do: 'reject', node }, { do: 'accept', node }, 200)
    },
  ],
  [
    10,
    (plan) => {
      const { node } = plan
      const started = plan.during({ do: 'crash', node }, { do: 'start', node })
      if (plan.random.chance(0.3)) plan.busy(node, started, 3000)
    },
  ],
  [
    6,
    (plan) => {
      const { node } = plan
      plan.during({ do: 'stop', node }, { do: 'start', node }, 500)
    },
  ],
  [
    6,
    (plan) => {
      const { node } = plan
      plan.during({ do: 'drain', node }, { do: 'undrain', node })
    },
  ],
  [
    5,
    (plan) => {
      const { node, address } = plan
      plan.do({ do: 'prefer', node, address, preference: plan.random.pick([0, 0, 50, 100]) })
    },
  ],
  [
    5,
    (plan) => {
      const { node, address } = plan
      plan.during({ do: 'serve', node, address, served: false }, { do: 'serve', node, address, served: true })
    },
  ],
  [
    4,
    (plan) => {
      const { address } = plan
      plan.during({ do: 'remove', address }, { do: 'add', address })
    },
  ],
  [5, (plan) => void plan.during({ do: 'apiDown' }, { do: 'apiUp' }, 200, 15_000)],
  [
    5,
    (plan) => {
      const { node } = plan
      plan.during({ do: 'apiDown', node }, { do: 'apiUp', node }, 500, 20_000)
    },
  ],
  [3, (plan) => plan.busy(plan.node, plan.now, plan.duration(200, 4000))],
  [3, (plan) => plan.do({ do: 'resend', node: plan.node })],
  [
    2,
    (plan) => {
      const { address } = plan
      plan.during({ do: 'foreign', address }, { do: 'foreignGone', address })
    },
  ],
  [1, (plan) => plan.do({ do: 'clockStep', node: plan.node, ms: plan.random.pick([500, 3_600_000]) })],
]

const totalWeight = episodes.reduce((sum, [weight]) => sum + weight, 0)

function anyEpisode(random: Random): Episode {
  let left = random.next() * totalWeight
  for (const [weight, episode] of episodes) {
    left -= weight
    if (left < 0) return episode
  }
  return episodes[0][1]
}

/** Speakers may be set to watch each other otherwise; some runs do. */
const otherLiveness = [
  { multiplier: 3, interval: 300 },
  { multiplier: 3, interval: 100 },
  { multiplier: 2, interval: 500 },
] as const
const otherShare = 0.25

const addressPool = Array.from({ length: 8 }, (_, index) =>
  index % 3 === 2 ? `2001:db8::5${index}` : `10.0.1.${50 + index}`,
)

/** The scenario of a seed: 3 to 5 nodes, 1 to 8 addresses, faults one upon another for 20 to 32 s. */
export function generate(seed: number): Scenario {
  const random = new Random(seed, 'scenario')
  const end = random.integer(20_000, 32_000)
  const count = random.integer(3, 5)
  const nodes = Array.from({ length: count }, (_, index) => nodeName(index + 1))
  const addresses = random.some(addressPool, random.integer(1, addressPool.length))
  const plan = new Plan(random, nodes, addresses, end - rest)
  // As in the field, where it takes 30 and 40 s: a speaker knows that it is stale before the others do.
  const staleAfter = random.integer(4000, 7000)
  // Some runs are calm between the faults, so that each is seen alone; in others they pile up.
  const calm = random.chance(0.5)
  const longestGap = plan.duration(800, 10_000)
  while (plan.now < end - rest) {
    anyEpisode(random)(plan)
    plan.now = calm ? Math.max(plan.now, plan.over) + calmGap : plan.now + plan.duration(20, longestGap)
  }
  const other = new Random(seed, 'liveness')
  return {
    options: {
      seed,
      nodes: count,
      addresses,
      bfdFiltered: random.chance(0.03),
      sharedMac: random.chance(0.03),
      staleAfter,
      lease: staleAfter + random.integer(1500, 3000),
      ...(other.chance(otherShare) && { liveness: other.pick(otherLiveness) }),
    },
    acts: [...plan.acts.sort((a, b) => a.at - b.at), ...repairs(nodes, addresses, end - rest)],
    end,
  }
}

/** Ends every fault. */
function repairs(nodes: readonly string[], addresses: readonly string[], at: number): Scenario['acts'] {
  const acts: Act[] = [
    { do: 'apiUp' },
    { do: 'heal' },
    { do: 'unblock' },
    { do: 'quality', quality: goodQuality },
  ]
  for (const node of nodes) {
    acts.push({ do: 'apiUp', node }, { do: 'resume', node }, { do: 'thaw', node }, { do: 'accept', node })
    acts.push({ do: 'linkUp', node }, { do: 'undrain', node }, { do: 'start', node })
  }
  for (const address of addresses) {
    acts.push({ do: 'foreignGone', address }, { do: 'add', address })
    for (const node of nodes) acts.push({ do: 'serve', node, address, served: true })
  }
  return acts.map((act) => ({ at, act }))
}
