import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup } from '../../../test/netns.ts'
import { lookForEscapes } from './escapes.ts'
import { buildNetwork, type Network } from './network.ts'

/** A few seconds of what `escapes-main.ts` does for as long as one likes. */

let network: Network

beforeAll(async () => {
  network = await buildNetwork('escapes', [])
  return () => network.close()
})

afterAll(cleanup)

test('no connection escapes translation while elements, numbers of endpoints and the program are replaced', async () => {
  const figures = await lookForEscapes({
    network,
    services: 200,
    seconds: 5,
    guard: true,
    upgradeEvery: 1200,
    concurrency: 4,
    seed: Math.floor(Math.random() * 2 ** 31),
  })
  const { seconds, connections, transactions, upgrades, slow, caught } = figures
  console.log(
    `${connections} connections in ${seconds.toFixed(1)} s, ${transactions} transactions, ${upgrades} programs, ${slow} slow, ${caught} caught`,
  )
  expect(figures).toMatchObject({ failures: [], failed: 0, left: 0, pinned: [] })
  expect(upgrades).toBeGreaterThan(0)
  expect(connections).toBeGreaterThan(500)
}, 60_000)
