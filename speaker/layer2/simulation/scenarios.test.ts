import { describe, expect, test } from 'vitest'
import type { Act } from './acts.ts'
import { Checker } from './checker.ts'
import { Watch } from './watch.ts'
import type { WorldOptions } from './world-options.ts'
import { World } from './world.ts'

const address = '10.0.1.50'
const seeds = [1, 2, 3, 4, 5]
/** Milliseconds between the clients' questions. */
const pace = 20

/** Three nodes that have come to rest, under the eye of the checker, with a client on each side. */
class Lab {
  readonly world: World
  readonly checker: Checker
  readonly near: Watch
  readonly far: Watch

  constructor(seed: number, options: Partial<WorldOptions> = {}) {
    this.world = new World({ seed, nodes: 3, addresses: [address], ...options })
    this.checker = new Checker(this.world)
    const [near, far] = this.world.clients
    this.near = new Watch(this.world, near, address, pace)
    this.far = new Watch(this.world, far, address, pace)
    this.run(6000)
  }

  get now(): number {
    return this.world.time.now
  }

  get holder(): string {
    return this.world
      .holders(address)
      .map(({ node }) => node)
      .join()
  }

  get others(): string[] {
    return this.world.machines.map(({ name }) => name).filter((name) => name !== this.holder)
  }

  /** @throws Error the checker's verdict */
  run(ms: number): void {
    this.world.run(ms)
    const { violation } = this.checker
    if (violation === undefined) return
    const lines = this.world.timeline.lines(violation.at - 3000)
    throw new Error(`${violation.rule}: ${violation.text}\n${lines.join('\n')}`)
  }

  /** @returns when */
  act(act: Act): number {
    this.world.act(act)
    return this.now
  }
}

describe.each(seeds)('seed %i', (seed) => {
  test('a planned stop: nobody misses an answer for 50 ms, and never two answer for that long', () => {
    const lab = new Lab(seed)
    const before = lab.holder
    const at = lab.act({ do: 'stop', node: before })
    lab.run(4000)
    expect(lab.holder).not.toBe(before)
    expect(lab.world.machine(before).process).toBeUndefined()
    expect(lab.near.gap(at)).toBeLessThan(50)
    expect(lab.near.several(at)).toBeLessThan(50)
  })

  test('a drain: as a planned stop', () => {
    const lab = new Lab(seed)
    const before = lab.holder
    const at = lab.act({ do: 'drain', node: before })
    lab.run(5000)
    expect(lab.holder).not.toBe(before)
    expect(lab.near.gap(at)).toBeLessThan(50)
    lab.act({ do: 'undrain', node: before })
    lab.run(3000)
    expect(lab.holder).not.toBe(before)
  })

  test('a crash: another answers within 250 ms, as the machine says that nobody listens', () => {
    const lab = new Lab(seed)
    const before = lab.holder
    const at = lab.act({ do: 'crash', node: before })
    lab.run(4000)
    expect(lab.near.gap(at)).toBeLessThan(250)
    const { holder } = lab
    lab.act({ do: 'start', node: before })
    lab.run(6000)
    expect(lab.holder).toBe(holder)
    expect(lab.near.several(at)).toBe(0)
  })

  test('a node cut from the LAN: another answers within 300 ms; healed, one of them is silent in 300 ms', () => {
    const lab = new Lab(seed)
    const at = lab.act({ do: 'split', far: [lab.holder] })
    lab.run(8000)
    expect(lab.near.gap(at)).toBeLessThan(300)
    expect(lab.far.gap(at)).toBe(0)
    const healed = lab.act({ do: 'heal' })
    lab.run(4000)
    expect(lab.near.several(healed)).toBeLessThan(300)
    expect(lab.near.gap(healed)).toBe(0)
  })

  test('the link of the holder goes down: its status says so before BFD does', () => {
    const lab = new Lab(seed)
    const before = lab.holder
    const at = lab.act({ do: 'linkDown', node: before })
    lab.run(4000)
    expect(lab.near.gap(at)).toBeLessThan(300)
    const { holder } = lab
    const up = lab.act({ do: 'linkUp', node: before })
    lab.run(5000)
    expect(lab.holder).toBe(holder)
    expect(lab.near.several(up)).toBe(0)
  })

  test('a machine that stands still: another answers within 300 ms; running again, it does not answer beside it', () => {
    const lab = new Lab(seed)
    const before = lab.holder
    const at = lab.act({ do: 'pause', node: before })
    lab.run(4000)
    expect(lab.near.gap(at)).toBeLessThan(300)
    const { holder } = lab
    const resumed = lab.act({ do: 'resume', node: before })
    lab.run(5000)
    expect(lab.holder).toBe(holder)
    expect(lab.near.several(resumed)).toBe(0)
  })

  test('a holder that is too busy for BFD keeps its addresses, as its machine answers', () => {
    const lab = new Lab(seed)
    const before = lab.holder
    for (let round = 0; round < 20; round++) {
      lab.act({ do: 'freeze', node: before })
      lab.run(500)
      lab.act({ do: 'thaw', node: before })
      lab.run(300)
      expect(lab.holder).toBe(before)
    }
  })

  test('a frozen holder: another answers within a second; thawed, it does not answer beside it', () => {
    const lab = new Lab(seed)
    const before = lab.holder
    const at = lab.act({ do: 'freeze', node: before })
    lab.run(4000)
    expect(lab.near.gap(at)).toBeLessThan(1050)
    const { holder } = lab
    const thawed = lab.act({ do: 'thaw', node: before })
    lab.run(5000)
    expect(lab.holder).toBe(holder)
    expect(lab.near.several(thawed)).toBeLessThan(100)
  })

  test('the API is away for a minute and the holder crashes in the middle: as with the API', () => {
    const lab = new Lab(seed)
    lab.act({ do: 'apiDown' })
    const before = lab.holder
    lab.run(30_000)
    expect(lab.holder).toBe(before)
    const at = lab.act({ do: 'crash', node: before })
    lab.run(30_000)
    expect(lab.near.gap(at)).toBeLessThan(1050)
    const { holder } = lab
    lab.act({ do: 'apiUp' })
    lab.run(5000)
    expect(lab.holder).toBe(holder)
  })

  test('the LAN is split for 15 s: each half has a holder within a second; healed, one is left in 300 ms', () => {
    const lab = new Lab(seed)
    const at = lab.act({ do: 'split', far: [lab.others[0]] })
    lab.run(15_000)
    expect(lab.far.gap(at)).toBeLessThan(1050)
    expect(lab.near.gap(at)).toBe(0)
    const healed = lab.act({ do: 'heal' })
    lab.run(5000)
    expect(lab.near.several(healed)).toBeLessThan(300)
    expect(lab.near.gap(healed)).toBe(0)
  })
})

test.each([120, 250, 400, 600])(
  'a node starts while the holder stands still for %i ms: the address stays where it is',
  (ms) => {
    for (const seed of seeds) {
      const lab = new Lab(seed)
      const before = lab.holder
      // Whom the hash puts first comes back and holds nothing.
      lab.act({ do: 'crash', node: before })
      lab.run(4000)
      const { holder } = lab
      lab.act({ do: 'freeze', node: holder })
      lab.act({ do: 'start', node: before })
      lab.run(ms)
      const thawed = lab.act({ do: 'thaw', node: holder })
      lab.run(5000)
      expect(lab.holder).toBe(holder)
      expect(lab.near.several(thawed)).toBe(0)
    }
  },
)

test.each([100, 150, 200, 250, 300, 350, 400, 450, 600])(
  'a machine that stands still for %i ms, whenever: it never answers beside another',
  (ms) => {
    const lab = new Lab(ms)
    for (let round = 1; round <= 5; round++) {
      const { holder } = lab
      lab.run(29 * round)
      lab.act({ do: 'pause', node: holder })
      lab.run(ms)
      const resumed = lab.act({ do: 'resume', node: holder })
      lab.run(3500)
      expect(lab.near.several(resumed)).toBe(0)
    }
  },
)

test('an API outage of any length moves nothing', () => {
  const lab = new Lab(1, {
    addresses: [address, '10.0.1.51', '2001:db8::52'],
    staleAfter: 10_000,
    lease: 10_000,
  })
  const holders = (): string[] => lab.world.options.addresses.map((one) => lab.world.holders(one)[0].node)
  const before = holders()
  lab.act({ do: 'apiDown' })
  lab.run(150_000)
  lab.act({ do: 'apiUp' })
  lab.run(30_000)
  expect(holders()).toEqual(before)
})

test('without BFD the Lease decides', () => {
  const lab = new Lab(1, { bfdFiltered: true, lease: 8000 })
  const before = lab.holder
  lab.act({ do: 'crash', node: before })
  lab.run(15_000)
  expect(lab.world.machines.map(({ name }) => name)).toContain(lab.holder)
  expect(lab.holder).not.toBe(before)
})

test('a node that does not reach the API while others do gives its addresses away', () => {
  const lab = new Lab(1, { staleAfter: 6000, lease: 8000 })
  const before = lab.holder
  const at = lab.act({ do: 'apiDown', node: before })
  lab.run(5000)
  expect(lab.holder).toBe(before)
  lab.run(10_000)
  expect(lab.holder).not.toBe(before)
  expect(lab.near.gap(at)).toBeLessThan(50)
})

test('the clock of the holder is set forward by an hour: it asks the wire first, and keeps the address', () => {
  const lab = new Lab(1)
  const before = lab.holder
  const at = lab.act({ do: 'clockStep', node: before, ms: 3_600_000 })
  lab.run(5000)
  expect(lab.holder).toBe(before)
  expect(lab.near.gap(at)).toBeLessThan(300)
})

test('another host has the address: nobody answers beside it, and one takes it when it is gone', () => {
  const lab = new Lab(1)
  lab.act({ do: 'remove', address })
  lab.run(1000)
  lab.act({ do: 'foreign', address })
  lab.act({ do: 'add', address })
  lab.run(10_000)
  expect(lab.holder).toBe('')
  lab.act({ do: 'foreignGone', address })
  lab.run(12_000)
  expect(lab.world.holders(address)).toHaveLength(1)
})

test('another host begins to use a held address: the holder keeps it', () => {
  const lab = new Lab(1)
  const before = lab.holder
  const at = lab.act({ do: 'foreign', address })
  lab.run(15_000)
  expect(lab.holder).toBe(before)
  expect(lab.near.gap(at)).toBe(0)
})

test('two nodes with one hardware address: it is told, and each address has one holder all the same', () => {
  const addresses = Array.from({ length: 8 }, (_, index) => `10.0.1.${50 + index}`)
  const world = new World({ seed: 1, nodes: 4, addresses, sharedMac: true })
  const checker = new Checker(world)
  world.run(8000)
  expect(checker.violation).toBeUndefined()
  expect(world.timeline.lines(0).join('\n')).toContain('sharedMac')
  for (const one of addresses) expect(world.holders(one)).toHaveLength(1)
})

test('a thousand addresses are taken over and each is announced within 2.5 s', () => {
  const addresses = Array.from({ length: 1000 }, (_, index) => `10.0.${2 + (index >> 8)}.${index & 255}`)
  const world = new World({ seed: 1, nodes: 2, addresses })
  const checker = new Checker(world)
  world.run(8000)
  const announced = new Map<string, number>()
  world.act({ do: 'crash', node: 'node-a' })
  const lost = addresses.filter((one) => world.holders(one).length === 0)
  const crashed = world.time.now
  world.clients[0].onClaim = (one) => {
    if (!announced.has(one)) announced.set(one, world.time.now - crashed)
  }
  world.run(6000)
  expect(checker.violation).toBeUndefined()
  expect(lost.length).toBeGreaterThan(300)
  for (const one of addresses) expect(world.holders(one).map(({ node }) => node)).toEqual(['node-b'])
  expect(Math.max(...lost.map((one) => announced.get(one) ?? Infinity))).toBeLessThan(300 + 2500)
})

test('seventy nodes watch each other on a ring: a failure reaches those who did not see it by the API', () => {
  // Fewer packets: it is about who watches whom.
  const liveness = { multiplier: 3, interval: 300 }
  const world = new World({ seed: 1, nodes: 70, addresses: [address, '2001:db8::52'], liveness })
  const checker = new Checker(world)
  world.run(4000)
  const before = world.holders(address)[0].node
  world.act({ do: 'crash', node: before })
  world.run(1600)
  expect(checker.violation).toBeUndefined()
  expect(world.holders(address)).toHaveLength(1)
  expect(world.holders(address)[0].node).not.toBe(before)
})
