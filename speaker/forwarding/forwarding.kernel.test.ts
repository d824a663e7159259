import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { cleanup, must, run, type Netns } from '../../test/netns.ts'
import { service, slice } from './fixtures.ts'
import type { Forwarder } from './forwarder.ts'
import { a, b, base, buildLab, c, kinds, labNode, ports, targets, type Lab } from './packet-lab.ts'

/** Real packets through the real program. */

/** How long nothing must come for a packet to count as dropped. */
const SILENCE = 300

let lab: Lab
let node: Netns
let client: Netns
let pods: Lab['pods']
let agents: Lab['agents']
let forwarder: Forwarder

beforeAll(async () => {
  lab = await buildLab('fw')
  ;({ node, client, pods, agents } = lab)
})

beforeEach(async () => {
  await must(node, 'nft', ['flush', 'ruleset'])
  // A flow that conntrack remembers from the test before would go where it went then.
  await run(node, 'conntrack', ['-F'])
  forwarder = await lab.start()
  return () => forwarder.stop()
})

afterAll(cleanup)

const set = async (made: Service, ...slices: EndpointSlice[]): Promise<void> => {
  forwarder.setService(`ns/${made.name}`, made, slices)
  await forwarder.sync()
  expect(forwarder.view().lastError).toBeUndefined()
}

describe.each(['tcp', 'udp'] as const)('%s', (protocol) => {
  test('a pod reaches every endpoint of a ClusterIP with its own address', async () => {
    await set(service('s', base), slice('s', [a, b], targets))
    const results = await agents.c.ask(protocol, '10.96.0.1', 80, 60)
    expect(await kinds(Promise.resolve(results))).toEqual(['a 10.1.3.2', 'b 10.1.3.2'])
    // Of 60 fair choices between two, one gets fewer than 10 once in some ten million times.
    const first = results.filter((result) => result.startsWith('a')).length
    expect(Math.min(first, 60 - first)).toBeGreaterThanOrEqual(10)
  })

  test('an endpoint that gets itself sees the node', async () => {
    await set(service('s', base), slice('s', [a], targets))
    expect(await kinds(agents.a.ask(protocol, '10.96.0.1', 80, 3))).toEqual(['a 10.1.1.1'])
  })

  test('a client reaches NodePort, load balancer and external address, masqueraded', async () => {
    await set(service('s', base), slice('s', [a, b], targets))
    for (const [host, port] of [
      ['192.168.0.1', 30_080],
      ['203.0.113.1', 80],
      ['198.51.100.1', 80],
    ] as const) {
      expect(await kinds(agents.client.ask(protocol, host, port, 20)), host).toEqual([
        'a 10.1.1.1',
        'b 10.1.2.1',
      ])
    }
    expect(await kinds(agents.client.ask(protocol, '192.168.1.1', 30_080))).toEqual(['ECONNREFUSED'])
  })

  test('the node itself reaches all of them', async () => {
    await set(service('s', base), slice('s', [a], targets))
    for (const [host, port] of [
      ['10.96.0.1', 80],
      ['192.168.0.1', 30_080],
      ['203.0.113.1', 80],
    ] as const) {
      expect(await kinds(agents.node.ask(protocol, host, port, 3)), host).toEqual(['a 10.1.1.1'])
    }
  })

  test('externalTrafficPolicy Local: the client keeps its address and stays on this node', async () => {
    await set(service('s', { ...base, external: 'Local' }), slice('s', [a, c], targets))
    expect(await kinds(agents.client.ask(protocol, '203.0.113.1', 80, 20))).toEqual(['a 192.168.0.9'])
    expect(await kinds(agents.client.ask(protocol, '192.168.0.1', 30_080, 20))).toEqual(['a 192.168.0.9'])
    expect(await kinds(agents.b.ask(protocol, '203.0.113.1', 80, 30))).toEqual(['a 10.1.2.2', 'c 10.1.2.2'])
    await set(service('s', { ...base, external: 'Local' }), slice('s', [c], targets))
    expect(await kinds(agents.client.ask(protocol, '203.0.113.1', 80, 1, SILENCE))).toEqual(['timeout'])
    expect(await kinds(agents.b.ask(protocol, '203.0.113.1', 80))).toEqual(['c 10.1.2.2'])
  })

  test('without endpoints the answer is a refusal, at once', async () => {
    await set(service('s', base))
    // A refusal that the socket does not hear is heard when it tries again, a second later.
    for (const [agent, host, port] of [
      [agents.client, '203.0.113.1', 80],
      [agents.client, '192.168.0.1', 30_080],
      [agents.a, '10.96.0.1', 80],
      [agents.a, '10.96.0.1', 81],
      [agents.node, '10.96.0.1', 80],
    ] as const) {
      expect(await kinds(agent.ask(protocol, host, port, 1, 900)), host).toEqual(['ECONNREFUSED'])
    }
  })

  test('source ranges', async () => {
    await set(
      service('s', { ...base, ranges: ['192.168.0.0/24', '172.16.0.1/32'] }),
      slice('s', [a], targets),
    )
    expect(await kinds(agents.client.ask(protocol, '203.0.113.1', 80))).toEqual(['a 10.1.1.1'])
    expect(await kinds(agents.blocked.ask(protocol, '203.0.113.1', 80, 1, SILENCE))).toEqual(['timeout'])
    expect(await kinds(agents.b.ask(protocol, '203.0.113.1', 80, 1, SILENCE))).toEqual(['timeout'])
    expect(await kinds(agents.blocked.ask(protocol, '192.168.0.1', 30_080))).toEqual(['a 10.1.1.1'])
    await set(service('s', base), slice('s', [a], targets))
    expect(await kinds(agents.blocked.ask(protocol, '203.0.113.1', 80))).toEqual(['a 10.1.1.1'])
  })

  test('IPv6', async () => {
    const six = { ...base, clusterIPs: ['fd00:96::1'], externalIPs: [], ingress: [{ ip: 'fd00:203::1' }] }
    const endpoints = [
      { address: 'fd00:1:1::2', node: 'node-1' },
      { address: 'fd00:1:2::2', node: 'node-1' },
    ]
    await set(service('s', six), slice('s', endpoints, targets))
    expect(await kinds(agents.c.ask(protocol, 'fd00:96::1', 80, 20))).toEqual([
      'a fd00:1:3::2',
      'b fd00:1:3::2',
    ])
    expect(await kinds(agents.client.ask(protocol, 'fd00:203::1', 80, 20))).toEqual([
      'a fd00:1:1::1',
      'b fd00:1:2::1',
    ])
    expect(await kinds(agents.client.ask(protocol, 'fd00:2::1', 30_080, 20))).toEqual([
      'a fd00:1:1::1',
      'b fd00:1:2::1',
    ])
    expect(await kinds(agents.a.ask(protocol, 'fd00:96::1', 81))).toEqual(['ECONNREFUSED'])
    await set(service('s', { ...six, external: 'Local' }), slice('s', endpoints.slice(0, 1), targets))
    expect(await kinds(agents.client.ask(protocol, 'fd00:203::1', 80, 3))).toEqual(['a fd00:2::9'])
    await set(service('s', { ...six, ranges: ['fd00:2::/64'] }), slice('s', endpoints.slice(0, 1), targets))
    expect(await kinds(agents.client.ask(protocol, 'fd00:203::1', 80))).toEqual(['a fd00:1:1::1'])
    expect(await kinds(agents.blocked.ask(protocol, 'fd00:203::1', 80, 1, SILENCE))).toEqual(['timeout'])
  })
})

/** Percentage of echo requests without an answer. */
const lost = async (ns: Netns, host: string) => {
  const { stdout } = await run(ns, 'ping', ['-n', '-c', '2', '-i', '0.01', '-W', '1', host])
  return /(\d+)% packet loss/.exec(stdout)?.[1]
}

test('ping is answered for ClusterIPs and load balancer addresses, from everywhere', async () => {
  const both = {
    ...base,
    clusterIPs: ['10.96.0.1', 'fd00:96::1'],
    ingress: [{ ip: '203.0.113.1' }, { ip: 'fd00:203::1' }],
  }
  await set(service('s', both))
  for (const [where, ns] of [
    ['client', client],
    ['pod', pods.a],
    ['node', node],
  ] as const) {
    for (const host of ['10.96.0.1', '203.0.113.1', 'fd00:96::1', 'fd00:203::1']) {
      expect(await lost(ns, host), `${where} to ${host}`).toBe('0')
    }
  }
  expect(await lost(client, '203.0.113.2')).toBe('100')
})

test('Services are elements: ten more of them change no rule, and iptables has none at all', async () => {
  await set(service('s', base), slice('s', [a, b], targets))
  const rules = () => must(node, 'nft', ['-s', '-t', 'list', 'ruleset'])
  const before = await rules()
  for (let index = 2; index < 12; index++) {
    const made = {
      ...base,
      clusterIPs: [`10.96.0.${index}`],
      externalIPs: [`198.51.100.${index}`],
      ingress: [{ ip: `203.0.113.${index}` }],
    }
    await set(
      service(`s${index}`, { ...made, ports: ports.map((port) => ({ ...port, nodePort: 30_080 + index })) }),
      slice(`s${index}`, [a, b], targets),
    )
  }
  expect(await rules()).toBe(before)
  expect(await kinds(agents.client.ask('tcp', '203.0.113.11', 80, 20))).toEqual(['a 10.1.1.1', 'b 10.1.2.1'])
  expect(await must(node, 'iptables-save', [])).toBe('')
})

test('the slot that a packet carried in its priority is gone when the packet leaves', async () => {
  const probe = (family: string) => `table ${family} probe {
    counter before { }
    counter behind { }
    chain before { type filter hook postrouting priority 50; meta priority fa1e:0-fa1e:ffff counter name before; }
    chain behind { type filter hook postrouting priority 150; meta priority fa1e:0-fa1e:ffff counter name behind; }
  }
`
  await must(node, 'nft', ['-f', '-'], probe('ip') + probe('ip6'))
  const packets = async (name: string) => {
    const listing = await must(node, 'nft', ['list', 'counters'])
    const found = [...listing.matchAll(new RegExp(`counter ${name} {\\s+packets (\\d+)`, 'g'))]
    return found.map(([, count]) => Number(count)).sort()
  }
  const both = { ...base, clusterIPs: ['10.96.0.1', 'fd00:96::1'] }
  await set(service('s', both), slice('s', [a], targets), slice('s', ['fd00:1:1::2'], targets))
  await agents.node.ask('tcp', '10.96.0.1', 80)
  await agents.b.ask('tcp', 'fd00:96::1', 80)
  expect(await packets('before')).toEqual([1, 1])
  expect(await packets('behind')).toEqual([0, 0])
})

test('a restart changes not one element', async () => {
  await set(service('s', { ...base, ranges: ['192.168.0.0/24'] }), slice('s', [a, b, c], targets))
  await set(service('s', { ...base, ranges: ['192.168.0.0/24'] }), slice('s', [b, c], targets))
  await forwarder.stop()
  const socket = inNetworkNamespace(node.path, openNetfilterSocket)
  const before = await socket.generation()
  const second = lab.open()
  second.start()
  second.setNode(labNode)
  second.setService('ns/s', service('s', { ...base, ranges: ['192.168.0.0/24'] }), [
    slice('s', [c, b], targets),
  ])
  second.allListed()
  await second.sync()
  expect(second.view()).toMatchObject({ synced: true, generation: 0 })
  // The chain for three endpoints, which no frontend has any more, went; nothing else.
  expect(await socket.generation()).toBe(before + 1)
  expect(await must(node, 'nft', ['list', 'chains'])).not.toContain('spread-3')
  socket.close()
  await second.stop()
})

test('endpoints come and go under load and no connection notices', async () => {
  await set(service('s', base), slice('s', [a, b, c], targets))
  const results: Promise<readonly string[]>[] = []
  const sets = [[a, b], [b, c], [c], [c, a, b], [a], [a, b, c]]
  for (let round = 0; round < 30; round++) {
    results.push(agents.client.ask('tcp', '203.0.113.1', 80, 10))
    await set(service('s', base), slice('s', sets[round % sets.length], targets))
  }
  expect(await kinds(Promise.all(results).then((all) => all.flat()))).toEqual([
    'a 10.1.1.1',
    'b 10.1.2.1',
    'c 10.1.3.1',
  ])
})

test('cleaning up leaves nothing of ours', async () => {
  await set(service('s', base), slice('s', [a], targets))
  await forwarder.stop()
  const plane = lab.plane()
  expect(await plane.remove()).toHaveLength(2)
  plane.close()
  expect(await must(node, 'nft', ['list', 'ruleset'])).toBe('')
})
