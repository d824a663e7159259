import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Family } from '#inet/address.ts'
import { cleanup, must, run } from '../../../test/netns.ts'
import type { Forwarder } from '../forwarder.ts'
import type { Target } from './agent-messages.ts'
import { configOf, nodeOf, objectsOf, six } from './cluster.ts'
import { openForwarder, openPlane } from './kernel.ts'
import { buildNetwork, type Network } from './network.ts'
import {
  away,
  EXTERNAL,
  flow,
  here,
  LB1,
  NODE,
  NODE_OTHER,
  one,
  OUTSIDE,
  POD,
  type EndpointText,
  type Scene,
  type SceneService,
} from './scene.ts'

/** Behaviour over time, which one scene does not show: what Calico's eBPF data plane is tested with, among others. */

const endpoints: readonly EndpointText[] = [here('10.180.0.1'), away('10.180.2.1')]
const [ours] = endpoints
const config = { nodePortAddresses: ['192.168.0.0/16'] }
const sceneOf = (...services: SceneService[]): Scene => ({
  group: '+',
  title: '',
  services,
  config,
  flows: [],
})
const everything = sceneOf(one('svc1', {}, endpoints))

let network: Network
let forwarder: Forwarder

beforeAll(async () => {
  // What is not a Service's address is answered behind the default route, at once.
  const elsewhere = [LB1, EXTERNAL].map((address) => flow(0, '', OUTSIDE, `${address}:80`, 'untouched'))
  network = await buildNetwork('matrix', [{ ...everything, flows: elsewhere }])
  await network.arrange(everything)
  return () => network.close()
})

afterAll(cleanup)

beforeEach(async () => {
  await must(network.node, 'nft', ['flush', 'ruleset'])
  await run(network.node, 'conntrack', ['-F'])
  const ofScene = configOf(everything)
  forwarder = openForwarder(openPlane(network.node, ofScene), ofScene, nodeOf(everything))
  forwarder.allListed()
  await forwarder.sync()
  return () => forwarder.stop()
})

async function set(...services: SceneService[]): Promise<void> {
  for (const { service, slices } of objectsOf(sceneOf(...services))) {
    forwarder.setService(`ns/${service.name}`, service, slices)
  }
  await forwarder.sync()
  expect(forwarder.view().lastError).toBeUndefined()
}

async function remove(name: string): Promise<void> {
  forwarder.setService(`ns/${name}`, undefined, [])
  await forwarder.sync()
}

/** A target by its IPv4 text, from outside unless said otherwise. */
const to = (family: Family, address: string, port: number, more: Partial<Target> = {}): Target => {
  const inFamily = (text: string) => (family === 4 ? text : six(text))
  return { protocol: 'TCP', host: inFamily(address), port, from: inFamily(OUTSIDE), ...more }
}
describe.each([4, 6] as const)('IPv%i', (family) => {
  const ask = (target: Target, count = 1) => network.agents.outside.ask(target, count, 1000)
  const reached = expect.stringMatching(/^(here|there) /)

  test('a Service changes its type, there and back', async () => {
    const reachable = async () => {
      const clusterIP = await network.agents.pods.ask(
        to(family, '172.30.0.41', 80, { from: family === 4 ? POD : six(POD) }),
        1,
        300,
      )
      const others = [to(family, NODE, 3001), to(family, EXTERNAL, 80), to(family, LB1, 80)]
      const answers = [clusterIP[0], ...(await Promise.all(others.map((target) => ask(target)))).flat()]
      return answers.map((answer) => (/^(here|there) /.test(answer) ? 'yes' : 'no')).join(' ')
    }
    const ports = [{ port: 80, nodePort: 3001 }]
    const stages: readonly (readonly [Parameters<typeof one>[1], string])[] = [
      [{ ports: [{ port: 80 }] }, 'yes no no no'],
      [{ type: 'NodePort', ports }, 'yes yes no no'],
      [{ ports, ingress: [{ ip: LB1 }] }, 'yes yes no yes'],
      [{ ports, ingress: [{ ip: LB1 }], externalIPs: [EXTERNAL] }, 'yes yes yes yes'],
    ]
    // A NodePort that is none reaches the node itself, whose agent answers there: not `here` and not `there`.
    for (const [made, expected] of [...stages, ...stages.slice(0, -1).toReversed()]) {
      await set(one('svc1', made, endpoints))
      expect(await reachable(), JSON.stringify(made)).toBe(expected)
      await run(network.node, 'conntrack', ['-F'])
    }
    await set(one('svc1', { type: 'ExternalName', ports }, endpoints))
    expect(await reachable()).toBe('no no no no')
  })

  test('two Services share an external address for a while', async () => {
    const older = one(
      'older',
      { created: '2026-01-01T00:00:00Z', externalIPs: [EXTERNAL] },
      endpoints.slice(0, 1),
    )
    const newer = one(
      'newer',
      { created: '2026-02-01T00:00:00Z', clusterIPs: ['172.30.0.42'], externalIPs: [EXTERNAL] },
      endpoints.slice(1),
    )
    const who = async () => [
      ...new Set((await ask(to(family, EXTERNAL, 80), 10)).map((answer) => answer.split(' ')[0])),
    ]
    await set(newer)
    expect(await who()).toEqual(['there'])
    await set(older)
    expect(await who()).toEqual(['here'])
    await remove('older')
    expect(await who()).toEqual(['there'])
  })

  test('one source port to two addresses of the node that lead to one endpoint', async () => {
    await set(
      one('svc1', { type: 'NodePort', external: 'Local', ports: [{ port: 80, nodePort: 3001 }] }, [ours]),
    )
    const localPort = 40_000 + family
    const results = await Promise.all(
      [NODE, NODE_OTHER].map((address) => ask(to(family, address, 3001, { localPort }))),
    )
    expect(results.flat()).toEqual([reached, reached])
  })

  test('a connection outlives its Service', async () => {
    await set(one('svc1', { ingress: [{ ip: LB1 }] }, [ours]))
    expect(await network.agents.outside.hold(to(family, LB1, 80))).toEqual(reached)
    await remove('svc1')
    expect(await ask(to(family, LB1, 80))).toEqual([expect.stringMatching(/^beyond /)])
    expect(new Set(await network.agents.outside.talk())).toEqual(new Set(['echo']))
  })

  test('a connection outlives a change of every policy', async () => {
    await set(one('svc1', { ingress: [{ ip: LB1 }] }, endpoints))
    for (let count = 0; count < 6; count++) await network.agents.outside.hold(to(family, LB1, 80))
    await set(
      one('svc1', { ingress: [{ ip: LB1 }], external: 'Local', internal: 'Local', affinity: 10 }, [ours]),
    )
    expect(new Set(await network.agents.outside.talk())).toEqual(new Set(['echo']))
  })

  test('datagrams in fragments, both ways', async () => {
    await set(one('svc1', { type: 'NodePort', ports: [{ port: 80, nodePort: 3001 }] }, endpoints))
    for (const size of [1472, 4000]) {
      const results = await ask(to(family, NODE, 3001, { protocol: 'UDP', size }), 8)
      expect(results).toEqual(Array.from({ length: 8 }, () => reached))
    }
  })

  test('an endpoint that does not listen is heard through the NodePort', async () => {
    const closed = {
      name: 'svc1',
      text: { type: 'NodePort' as const, ports: [{ port: 80, nodePort: 3001 }] },
      slices: [{ endpoints: [ours], ports: [{ port: 81 }] }],
    }
    await set(closed)
    for (const protocol of ['TCP', 'UDP'] as const) {
      expect(await ask(to(family, NODE, 3001, { protocol })), protocol).toEqual(['ECONNREFUSED'])
    }
  })

  test('a packet that is too big is told to the sender, through translation', async () => {
    await set(one('svc1', { ingress: [{ ip: LB1 }] }, [ours]))
    const mtu = async (value: number) => {
      await must(network.node, 'ip', ['link', 'set', 'to-here', 'mtu', String(value)])
      await must(network.here, 'ip', ['link', 'set', 'eth0', 'mtu', String(value)])
    }
    await mtu(1300)
    try {
      const big = to(family, LB1, 80, { protocol: 'UDP', size: 1400 })
      // The first one is lost and says how much may be sent; the kernel of the client heeds it from then on.
      await network.agents.outside.ask(big, 1, 300)
      const route = await must(network.outside, 'ip', ['route', 'get', big.host])
      expect(route).toContain('mtu 1300')
      expect(await ask(big)).toEqual([reached])
    } finally {
      await mtu(1500)
      await must(network.outside, 'ip', ['route', 'flush', 'cache'])
    }
  })
})
