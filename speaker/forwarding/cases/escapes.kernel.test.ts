import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup, must } from '../../../test/netns.ts'
import { lookForEscapes } from './escapes.ts'
import { buildNetwork, type Network } from './network.ts'

/** A few seconds of what `escapes-main.ts` does for as long as one likes. */

let network: Network

beforeAll(async () => {
  network = await buildNetwork('escapes', [])
  return () => network.close()
})

afterAll(cleanup)

const common = () => ({
  network,
  services: 200,
  guard: true,
  concurrency: 4,
  seed: Math.floor(Math.random() * 2 ** 31),
})

test('no connection escapes translation while elements, numbers of endpoints and the program are replaced', async () => {
  const figures = await lookForEscapes({ ...common(), seconds: 5, upgradeEvery: 1200 })
  const { seconds, connections, operations, transactions, upgrades, slow, caught } = figures
  console.log(
    `${connections} connections in ${seconds.toFixed(1)} s, ${operations} operations in ${transactions} transactions, ${upgrades} programs, ${slow} slow, ${caught} caught`,
  )
  expect(figures).toMatchObject({ failures: [], failed: 0, left: 0, pinned: [] })
  expect(upgrades).toBeGreaterThan(0)
  expect(connections).toBeGreaterThan(100)
}, 60_000)

test('an escape would be noticed: a program that is taken away and put back', async () => {
  const figures = await lookForEscapes({
    ...common(),
    seconds: 1,
    upgradeEvery: 400,
    careless: true,
    limit: 1500,
  })
  await must(network.node, 'nft', ['delete', 'table', 'inet', 'tracked'])
  expect(figures.left).toBeGreaterThan(0)
  expect(figures.pinned.length).toBeGreaterThan(0)
  expect(figures.failed).toBeGreaterThan(0)
}, 60_000)
