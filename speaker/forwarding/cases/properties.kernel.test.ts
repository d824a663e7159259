import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanup, createNetns, must, type Netns } from '../../../test/netns.ts'
import { testConfig, testNode } from '../fixtures.ts'
import { history, lastOf, tell } from './changes.ts'
import { Churn, churnScene, clusterIPOf, loadBalancerIPOf } from './churn.ts'
import { configOf, nodeOf, six } from './cluster.ts'
import { openForwarder, openPlane } from './kernel.ts'
import { buildNetwork, type Network } from './network.ts'
import { normalForm } from './normal-form.ts'

afterAll(cleanup)

describe('any sequence of changes', () => {
  let ns: Netns
  let other: Netns
  beforeAll(async () => {
    ns = await createNetns('prop-one')
    other = await createNetns('prop-other')
  })

  const elementsOf = async (where: Netns): Promise<string[]> => {
    const plane = openPlane(where, testConfig)
    const elements = await plane.adopt()
    plane.close()
    return normalForm(elements)
  }

  test('ends in the kernel in the same elements as one load of the last state', async () => {
    await fc.assert(
      fc.asyncProperty(history(8), async (steps) => {
        await Promise.all([ns, other].map((one) => must(one, 'nft', ['flush', 'ruleset'])))
        const forwarder = openForwarder(openPlane(ns, testConfig), testConfig, testNode)
        forwarder.allListed()
        for (const step of steps) {
          for (const change of step) tell(forwarder, change)
          await forwarder.sync()
          expect(forwarder.view().lastError).toBeUndefined()
        }
        await forwarder.stop()
        const fresh = openForwarder(openPlane(other, testConfig), testConfig, testNode)
        for (const change of lastOf(steps.flat())) tell(fresh, change)
        fresh.allListed()
        await fresh.sync()
        expect(fresh.view().lastError).toBeUndefined()
        await fresh.stop()
        expect(await elementsOf(ns)).toEqual(await elementsOf(other))
      }),
      { numRuns: 24 },
    )
  }, 120_000)
})

describe('a client that connects all the time', () => {
  const CHANGES = 1000
  const SERVICES = 10
  let network: Network
  beforeAll(async () => {
    network = await buildNetwork('prop', [])
    await network.arrange(churnScene)
    return () => network.close()
  })

  test(`meets no failure in ${CHANGES} changes of Services that have an endpoint that stays`, async () => {
    const config = configOf(churnScene)
    const churn = new Churn(SERVICES, 'everything', Math.floor(Math.random() * 2 ** 31))
    const forwarder = openForwarder(openPlane(network.node, config), config, nodeOf(churnScene))
    const tellAll = ({ key, service, slices }: ReturnType<Churn['next']>) =>
      forwarder.setService(key, service, slices)
    churn.initial().forEach(tellAll)
    forwarder.allListed()
    await forwarder.sync()
    const targets = (addressOf: (index: number) => string) =>
      Array.from({ length: SERVICES }, (_, index) => addressOf(index))
        .flatMap((address) => [address, six(address)])
        .map((host) => ({ host, port: 80 }))
    const loop = { concurrency: 4, limit: 5000, slow: 900, expect: ['here ', 'there '] }
    const { outside, pods } = network.agents
    await outside.loop({ ...loop, targets: targets(loadBalancerIPOf) })
    await pods.loop({ ...loop, targets: targets(clusterIPOf) })
    for (let change = 0; change < CHANGES; change++) {
      tellAll(churn.next())
      await forwarder.sync()
      expect(forwarder.view().lastError).toBeUndefined()
    }
    const reports = await Promise.all([outside.stop(), pods.stop()])
    await forwarder.stop()
    const connections = reports.reduce((sum, report) => sum + report.connections, 0)
    console.log(
      `${CHANGES} changes, ${connections} connections, ${reports.map(({ slow }) => slow).join(' + ')} slow`,
    )
    expect(reports.flatMap(({ failures }) => failures)).toEqual([])
    expect(connections).toBeGreaterThan(CHANGES)
  }, 120_000)
})
