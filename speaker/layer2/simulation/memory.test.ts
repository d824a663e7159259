import { expect, test } from 'vitest'
import { Checker } from './checker.ts'
import { foreignClaim, question } from './frames.ts'
import { Random } from './random.ts'
import { tableSizes } from './tables.ts'
import { World } from './world.ts'

test('tables are counted through private fields', () => {
  class Box {
    readonly #map = new Map([[1, new Set([1, 2, 3])]])
    readonly list = [this.#map, this.#map]
  }
  expect(tableSizes(new Box())).toBeGreaterThanOrEqual(1 + 3 + 2)
})

test('what comes and goes leaves nothing behind', () => {
  const world = new World({ seed: 1, nodes: 3, addresses: ['10.0.1.50', '2001:db8::52'] })
  const checker = new Checker(world)
  const random = new Random(1)
  const sizes = (): number[] => world.machines.map(({ process }) => tableSizes(process?.edge.core ?? {}))
  const rounds = (count: number, first: number): void => {
    for (let round = first; round < first + count; round++) {
      const address = round % 2 === 0 ? `10.0.2.${round % 250}` : `2001:db8::${round}`
      world.act({ do: 'add', address })
      world.run(random.integer(200, 1500))
      if (round % 5 === 0) world.act({ do: 'split', far: ['node-c'] })
      if (round % 5 === 1) world.act({ do: 'heal' })
      world.run(random.integer(200, 1500))
      world.act({ do: 'remove', address })
      world.run(300)
    }
    world.act({ do: 'heal' })
    world.run(10_000)
  }
  rounds(5, 0)
  const before = sizes()
  rounds(40, 10)
  const stranger = { name: 'stranger', mac: 0x02ff00000000, listensTo: () => false, receive: () => {} }
  world.network.attach(stranger)
  for (let number = 0; number < 1000; number++) {
    const from = { mac: stranger.mac + number, address4: '10.0.11.1', address6: `fe80::d:${number}` }
    world.network.send(stranger, foreignClaim('10.0.1.50', from))
    world.network.send(stranger, question(`10.0.12.${number & 255}`, from))
  }
  world.run(10_000)
  expect(checker.violation).toBeUndefined()
  for (const [index, size] of sizes().entries()) expect(size).toBeLessThan(before[index] + 50)
})
