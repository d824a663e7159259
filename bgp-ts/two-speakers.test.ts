import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress, type Address } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import type { PeerConfig } from './config.ts'
import type { Connection, ConnectionError } from './connection.ts'
import { Session } from './session.ts'
import { FakeClock, testConfig } from './testing.ts'

const addressOf = (side: 0 | 1): Address => parseAddress(`192.0.2.${side + 1}`)

/** One end of a connection in the fake network. */
class End implements Connection {
  localAddress: Address | undefined
  remoteAddress: Address | undefined
  other: End | undefined
  state: 'connecting' | 'open' | 'closed' = 'connecting'
  readonly network: Network
  #open = () => {}
  #data = (_chunk: Uint8Array) => {}
  #close = (_error?: ConnectionError) => {}

  constructor(network: Network, of: 0 | 1) {
    this.network = network
    this.localAddress = addressOf(of)
    this.remoteAddress = addressOf(of === 0 ? 1 : 0)
    network.ends.add(this)
  }
  onOpen(listener: () => void): void {
    this.#open = listener
  }
  onData(listener: (chunk: Uint8Array) => void): void {
    this.#data = listener
  }
  onClose(listener: (error?: ConnectionError) => void): void {
    this.#close = listener
  }
  /** Whatever is written is taken. */
  onDrain(): void {}
  write(bytes: Uint8Array): boolean {
    if (this.state !== 'open') return false
    const copy = Uint8Array.from(bytes)
    this.network.carry(this, (other) => other.#data(copy))
    return true
  }
  async close(): Promise<void> {
    this.#silence()
    if (this.state === 'open') this.network.carry(this, (other) => other.end())
    this.state = 'closed'
    this.network.ends.delete(this)
  }
  #silence(): void {
    this.#open = this.#data = this.#close = () => {}
  }
  opened(other: End): void {
    if (this.state !== 'connecting') return
    this.state = 'open'
    this.other = other
    this.#open()
  }
  end(error?: ConnectionError): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.network.ends.delete(this)
    this.#close(error)
  }
}

/** Two machines with a wire between them, which keeps the order of what it carries. */
class Network {
  readonly clock: FakeClock
  readonly ends = new Set<End>()
  readonly sides: [Side, Side]
  up = true
  readonly #latency: () => number

  constructor(clock: FakeClock, latency: () => number, sides: [Side, Side]) {
    this.clock = clock
    this.#latency = latency
    this.sides = sides
  }

  readonly #last = new Map<End, number>()

  carry(from: End, deliver: (other: End) => void): void {
    const { other } = from
    const at = Math.max(this.clock.now() + this.#latency(), (this.#last.get(from) ?? 0) + 1)
    this.#last.set(from, at)
    this.clock.setTimeout(() => {
      if (!this.up || other === undefined) return
      if (other.state === 'open') deliver(other)
      // Nobody there any more: a reset comes back.
      else from.end({ code: 'ECONNRESET', message: 'reset' })
    }, at - this.clock.now())
  }

  connect(by: 0 | 1): Connection {
    const end = new End(this, by)
    this.clock.setTimeout(() => {
      if (!this.up || end.state !== 'connecting') return
      const listener = this.sides[1 - by]
      if (!listener.reachable) {
        this.clock.setTimeout(() => end.end({ code: 'ECONNREFUSED', message: 'refused' }), this.#latency())
        return
      }
      const accepted = new End(this, by === 0 ? 1 : 0)
      accepted.state = 'open'
      accepted.other = end
      // The SYN-ACK is on its way while the other side is told already.
      this.clock.setTimeout(() => {
        if (end.state === 'connecting') {
          end.opened(accepted)
        } else accepted.end({ code: 'ECONNRESET', message: 'reset' })
      }, this.#latency())
      end.other = accepted
      listener.session?.accept(accepted)
    }, this.#latency())
    return end
  }
}

class Side {
  reachable = true
  session: Session | undefined
}

interface Setup {
  readonly seed: number
  readonly identifiers: readonly [string, string]
  readonly gracefulRestart: boolean
  readonly hold: number
  readonly listens: readonly [boolean, boolean]
  readonly mostLatency: number
}

/** Small and seeded: a property has to be repeatable. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

class World {
  readonly clock = new FakeClock()
  readonly sides: [Side, Side] = [new Side(), new Side()]
  readonly network: Network
  readonly configs: [PeerConfig, PeerConfig]
  readonly random: () => number

  constructor(setup: Setup) {
    this.random = randomOf(setup.seed)
    this.network = new Network(
      this.clock,
      () => 1 + Math.floor(this.random() * setup.mostLatency),
      this.sides,
    )
    const config = (index: 0 | 1): PeerConfig => ({
      ...testConfig,
      localAS: 64500 + index,
      peerAS: 64501 - index,
      routerId: setup.identifiers[index],
      holdTime: setup.hold,
      address: addressOf(index === 0 ? 1 : 0),
      ...(setup.listens[index] && { listen: true }),
      ...(setup.gracefulRestart && {
        gracefulRestart: { restartTime: 60_000, forwardingPreserved: true },
      }),
    })
    this.configs = [config(0), config(1)]
    for (const index of [0, 1] as const) {
      this.sides[index].reachable = setup.listens[index]
      this.boot(index)
    }
  }

  boot(index: 0 | 1): void {
    const session = new Session(this.configs[index], {
      clock: this.clock,
      random: this.random,
      connect: () => this.network.connect(index),
    })
    this.sides[index].session = session
    session.put({ prefix: parsePrefix(`198.51.100.${index}/32`), communities: [] })
    session.start()
  }

  session(index: 0 | 1): Session {
    return this.sides[index].session!
  }
}

type Command = (world: World) => void
const index = fc.constantFrom(0 as const, 1 as const)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .constantFrom(1, 3, 10, 100, 1000, 3000, 7000, 12_000, 70_000)
      .map((ms) => (world: World) => world.clock.advance(ms)),
  },
  {
    weight: 2,
    arbitrary: index.map((one) => (world: World) => void world.session(one).stop({ subcode: 2, text: '' })),
  },
  { weight: 3, arbitrary: index.map((one) => (world: World) => world.session(one).start()) },
  { weight: 1, arbitrary: index.map((one) => (world: World) => void world.session(one).abandon()) },
  {
    weight: 2,
    arbitrary: index.map((one) => (world: World) => {
      const config = world.configs[one]
      world.configs[one] = { ...config, multihop: !config.multihop }
      world.session(one).updateConfig(world.configs[one])
    }),
  },
  {
    weight: 2,
    arbitrary: fc.boolean().map((up) => (world: World) => {
      world.network.up = up
    }),
  },
  { weight: 2, arbitrary: index.map((one) => (world: World) => world.session(one).bfdDown('down')) },
  { weight: 1, arbitrary: index.map((one) => (world: World) => world.session(one).bfdUp()) },
  {
    weight: 2,
    arbitrary: fc.constant((world: World) => {
      for (const end of world.network.ends) {
        if (world.random() < 0.5) end.end({ code: 'ECONNRESET', message: 'reset' })
      }
    }),
  },
)

const setup: fc.Arbitrary<Setup> = fc.record({
  seed: fc.nat(1e6),
  identifiers: fc.constantFrom<[string, string][]>(
    ['10.0.0.1', '10.0.0.2'],
    ['10.0.0.2', '10.0.0.1'],
    ['10.0.0.1', '10.0.0.1'],
  ),
  gracefulRestart: fc.boolean(),
  hold: fc.constantFrom(9000, 90_000),
  listens: fc.constantFrom<[boolean, boolean][]>([true, true], [true, false], [false, true]),
  mostLatency: fc.constantFrom(1, 30, 400),
})

test('two speakers find each other after whatever happened, stay together, and leave no timer when they stop', () => {
  fc.assert(
    fc.property(setup, fc.array(command, { maxLength: 25 }), (how, commands) => {
      const world = new World(how)
      for (const run of commands) run(world)
      world.network.up = true
      for (const one of [0, 1] as const) world.session(one).start()
      const up = () => ([0, 1] as const).every((one) => world.session(one).status().state === 'Established')
      let waited = 0
      // The hold time of a half that is left, an OPEN that never came, and the longest back-off.
      for (; waited < 1_500_000 && !up(); waited += 1000) world.clock.advance(1000)
      expect(up()).toBe(true)
      // What began before they met may still have its say once.
      world.clock.advance(400_000)
      for (; waited < 1_700_000 && !up(); waited += 1000) world.clock.advance(1000)
      expect(up()).toBe(true)
      const times = ([0, 1] as const).map((one) => world.session(one).status().counters.established)
      world.clock.advance(600_000)
      expect(up()).toBe(true)
      expect(([0, 1] as const).map((one) => world.session(one).status().counters.established)).toEqual(times)
      for (const one of [0, 1] as const) {
        const { announced, eorSent } = world.session(one).status()
        expect([announced['ipv4-unicast'], eorSent?.length]).toEqual([1, 2])
        void world.session(one).stop({ subcode: 2, text: '' })
      }
      world.clock.advance(1000)
      expect(world.network.ends.size).toBe(0)
      expect(world.clock.pending).toBe(0)
    }),
    { numRuns: 25 },
  )
})
