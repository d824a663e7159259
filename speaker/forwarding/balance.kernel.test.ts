import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { cleanup, must, run } from '../../test/netns.ts'
import { service, slice } from './fixtures.ts'
import type { Forwarder } from './forwarder.ts'
import { a, b, base, buildLab, c, labNode, targets, type Lab } from './packet-lab.ts'
import { trace } from './trace.ts'

/** `fairlead.io/balance` with real packets. */

let lab: Lab
let forwarder: Forwarder

beforeAll(async () => {
  lab = await buildLab('bal')
})

beforeEach(async () => {
  await must(lab.node, 'nft', ['flush', 'ruleset'])
  await run(lab.node, 'conntrack', ['-F'])
  forwarder = await lab.start()
  return () => forwarder.stop()
})

afterAll(cleanup)

const set = async (made: Service, ...slices: EndpointSlice[]): Promise<void> => {
  forwarder.setService(`ns/${made.name}`, made, slices)
  await forwarder.sync()
  expect(forwarder.view().lastError).toBeUndefined()
}

const balanced = (balance: string, more: object = {}) =>
  service('s', { ...base, ...more, annotations: { 'fairlead.io/balance': balance } })
const who = (answers: readonly string[]) => answers.map((answer) => answer.split(' ')[0])
const sixFrontends = { clusterIPs: ['fd00:96::1'], externalIPs: [], ingress: [{ ip: 'fd00:203::1' }] }
const sixEndpoints = [1, 2, 3].map((index) => ({ address: `fd00:1:${index}::2`, node: 'node-1' }))

test('round-robin: every endpoint equally often, exactly', async () => {
  await set(balanced('round-robin'), slice('s', [a, b, c], targets))
  for (const protocol of ['tcp', 'udp'] as const) {
    const answers = who(await lab.agents.client.ask(protocol, '203.0.113.1', 80, 30)).sort()
    expect(answers.join('')).toBe('a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10))
  }
  await set(balanced('round-robin'), slice('s', [a, c], targets))
  const two = who(await lab.agents.client.ask('tcp', '203.0.113.1', 80, 10)).sort()
  expect(two.join('')).toBe('aaaaaccccc')
})

describe('source-hash', () => {
  /** What the program says of a client that is not of this node. */
  const expected = (source: string, destination: string) => {
    const packet = { source, destination, protocol: 'TCP', port: 80 } as const
    return trace(forwarder.elements(), packet, (one) => labNode.localAddresses.includes(one)).endpoints.map(
      ({ endpoint }) => endpoint,
    )
  }

  test('a client gets one endpoint, the one that the trace names; others get others', async () => {
    const addresses = Array.from({ length: 24 }, (_, index) => `192.168.0.${100 + index}`)
    const lines = addresses.map((address) => `addr add ${address}/24 dev eth0`)
    await must(lab.client, 'ip', ['-batch', '-'], lines.join('\n'))
    await set(balanced('source-hash'), slice('s', [a, b, c], targets))
    const names: Record<string, string> = { '10.1.1.2:8080': 'a', '10.1.2.2:8080': 'b', '10.1.3.2:8080': 'c' }
    const answers: string[] = []
    for (const address of addresses) {
      const route = (what: string) =>
        must(lab.client, 'ip', ['route', what, '203.0.113.1', 'via', '192.168.0.1', 'src', address])
      await route('add')
      const got = new Set(who(await lab.agents.client.ask('tcp', '203.0.113.1', 80, 3)))
      await route('del')
      const traced = expected(address, '203.0.113.1')
      expect([...got], address).toEqual(traced.map((endpoint) => names[endpoint]))
      answers.push(...got)
    }
    expect(new Set(answers)).toEqual(new Set(['a', 'b', 'c']))
  })

  test('IPv6, by TCP and UDP, together with session affinity', async () => {
    const names: Record<string, string> = {
      '[fd00:1:1::2]:8080': 'a',
      '[fd00:1:2::2]:8080': 'b',
      '[fd00:1:3::2]:8080': 'c',
    }
    for (const affinity of [undefined, 60]) {
      const more = affinity === undefined ? sixFrontends : { ...sixFrontends, affinity }
      await set(balanced('source-hash', more), slice('s', sixEndpoints, targets))
      for (const [agent, source] of [
        ['client', 'fd00:2::9'],
        ['blocked', 'fd00:3::9'],
      ] as const) {
        const [endpoint] = expected(source, 'fd00:203::1')
        for (const protocol of ['tcp', 'udp'] as const) {
          const got = who(await lab.agents[agent].ask(protocol, 'fd00:203::1', 80, 4))
          expect([...new Set(got)], `${agent} ${protocol}`).toEqual([names[endpoint]])
        }
      }
    }
  })
})

test('every way of balancing can be printed, read again and adopted', async () => {
  await set(balanced('source-hash'), slice('s', [a, b, c], targets))
  const other = {
    clusterIPs: ['10.96.0.2'],
    affinity: 60,
    annotations: { 'fairlead.io/balance': 'round-robin' },
  }
  await set(service('other', other), slice('other', [a, b]))
  const listing = await must(lab.node, 'nft', ['list', 'ruleset'])
  await must(lab.node, 'nft', ['-f', '-'], `flush ruleset\n${listing}`)
  expect(await must(lab.node, 'nft', ['list', 'ruleset'])).toBe(listing)
  await forwarder.stop()
  const socket = inNetworkNamespace(lab.node.path, openNetfilterSocket)
  const before = await socket.generation()
  forwarder = lab.open()
  forwarder.start()
  forwarder.setNode(labNode)
  forwarder.setService('ns/s', balanced('source-hash'), [slice('s', [c, a, b], targets)])
  forwarder.setService('ns/other', service('other', other), [slice('other', [b, a])])
  forwarder.allListed()
  await forwarder.sync()
  expect(await socket.generation()).toBe(before)
  socket.close()
})
