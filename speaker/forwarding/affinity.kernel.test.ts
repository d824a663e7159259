import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { cleanup, must, run, until, type Netns } from '../../test/netns.ts'
import { service, slice } from './fixtures.ts'
import type { Forwarder } from './forwarder.ts'
import { a, b, base, buildLab, c, kinds, labNode, targets, type Lab } from './packet-lab.ts'

/** sessionAffinity ClientIP with real packets. */

let lab: Lab
let node: Netns
let agents: Lab['agents']
let forwarder: Forwarder

beforeAll(async () => {
  lab = await buildLab('aff')
  ;({ node, agents } = lab)
})

beforeEach(async () => {
  await must(node, 'nft', ['flush', 'ruleset'])
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

const sticky = { ...base, affinity: 10_800 }
const six = {
  ...sticky,
  clusterIPs: ['fd00:96::1'],
  externalIPs: [],
  ingress: [{ ip: 'fd00:203::1' }],
}
const sixEndpoints = [1, 2, 3].map((index) => ({ address: `fd00:1:${index}::2`, node: 'node-1' }))

/** The first word of an answer: who gave it. */
const who = async (results: Promise<readonly string[]>): Promise<string[]> => [
  ...new Set((await results).map((result) => result.split(' ')[0])),
]
const all = (...some: Promise<readonly string[]>[]): Promise<readonly string[]> =>
  Promise.all(some).then((lists) => lists.flat())

/** What the kernel has learned of IPv4 clients: `8000:2000 . 192.168.0.9 : 8000:2001` without times. */
const learned = async (): Promise<string[]> => {
  const { nftables } = JSON.parse(
    await must(node, 'nft', ['-j', 'list', 'map', 'ip', 'fairlead', 'affinity']),
  ) as {
    nftables: { map?: { elem?: [{ elem: { val: { concat: string[] }; timeout: number } }, string][] } }[]
  }
  return nftables.flatMap(({ map }) =>
    (map?.elem ?? []).map(([{ elem }, member]) => `${elem.val.concat.join(' ')} ${elem.timeout} ${member}`),
  )
}

describe.each(['tcp', 'udp'] as const)('%s', (protocol) => {
  test('a client comes back to its endpoint, by whichever address of the Service', async () => {
    await set(service('s', sticky), slice('s', [a, b, c], targets))
    const answers = all(
      agents.client.ask(protocol, '203.0.113.1', 80, 10),
      agents.client.ask(protocol, '198.51.100.1', 80, 10),
      agents.client.ask(protocol, '192.168.0.1', 30_080, 10),
      agents.client.ask(protocol, '10.96.0.1', 80, 10),
    )
    expect(await who(answers)).toHaveLength(1)
    // Each of these has a choice of three; that all agree by chance is no reason to fail, that one differs is.
    for (const other of [agents.blocked, agents.node, agents.a, agents.b, agents.c]) {
      expect(await who(other.ask(protocol, '203.0.113.1', 80, 10))).toHaveLength(1)
    }
  })

  test('IPv6', async () => {
    await set(service('s', six), slice('s', sixEndpoints, targets))
    const answers = all(
      agents.client.ask(protocol, 'fd00:203::1', 80, 20),
      agents.client.ask(protocol, 'fd00:2::1', 30_080, 20),
    )
    expect(await who(answers)).toHaveLength(1)
  })

  test('with its endpoint it goes to another one and stays there; an endpoint that comes back does not call it back', async () => {
    await set(service('s', sticky), slice('s', [a, b], targets))
    const [first] = await who(agents.client.ask(protocol, '203.0.113.1', 80))
    const [mine, others] = first === 'a' ? [a, b] : [b, a]
    await set(service('s', sticky), slice('s', [others], targets))
    expect(await who(agents.client.ask(protocol, '203.0.113.1', 80, 10))).not.toContain(first)
    await set(service('s', sticky), slice('s', [mine, others], targets))
    expect(await who(agents.client.ask(protocol, '203.0.113.1', 80, 20))).toEqual([first === 'a' ? 'b' : 'a'])
  })

  test('externalTrafficPolicy Local: outside and inside have endpoints of their own choice', async () => {
    await set(service('s', { ...sticky, external: 'Local' }), slice('s', [a, b, c], targets))
    const outside = await kinds(agents.client.ask(protocol, '203.0.113.1', 80, 20))
    expect(outside).toHaveLength(1)
    expect(outside[0]).toMatch(/^[ab] 192\.168\.0\.9$/)
    expect(await kinds(agents.client.ask(protocol, '192.168.0.1', 30_080, 20))).toEqual(outside)
    expect(await who(agents.a.ask(protocol, '203.0.113.1', 80, 20))).toHaveLength(1)
  })
})

test('connections that begin at the same moment agree', async () => {
  // Each round is a client that is not known: lists are numbered anew.
  for (let round = 0; round < 10; round++) {
    await set(service('s', base), slice('s', [a, b, c], targets))
    await set(service('s', sticky), slice('s', [a, b, c], targets))
    expect(await who(agents.client.ask('tcp', '203.0.113.1', 80, 12))).toHaveLength(1)
  }
})

test('every Service has its own time, and a client that stays away begins anew', async () => {
  const ports = [{ name: 'tcp', port: 80 }]
  const short = service('short', { clusterIPs: ['10.96.0.2'], ports, affinity: 1 })
  await set(service('s', sticky), slice('s', [a], targets))
  await set(short, slice('short', [a], targets))
  await until('both are remembered, each for its time', async () => {
    await all(agents.client.ask('tcp', '10.96.0.1', 80), agents.client.ask('tcp', '10.96.0.2', 80))
    const times = (await learned()).map((line) => line.split(' ')[2])
    return times.sort().join() === '1,10800'
  })
  await until('the short one is forgotten', async () => (await learned()).length === 1)
  expect(await learned()).toEqual([expect.stringContaining(' 10800 ')])
  await set(short, slice('short', [b], targets))
  expect(await who(agents.client.ask('tcp', '10.96.0.2', 80, 5))).toEqual(['b'])
})

test('what is learned does not count as a change, and does not survive where it is not wanted', async () => {
  await set(service('s', sticky), slice('s', [a, b, c], targets))
  const [mine] = await who(agents.client.ask('tcp', '203.0.113.1', 80))
  await set(service('s', base), slice('s', [a, b, c], targets))
  const many = await who(agents.client.ask('tcp', '203.0.113.1', 80, 60))
  // That 60 connections miss one of three has a probability of 1e-10.
  expect(many.sort()).toEqual(['a', 'b', 'c'])
  expect(many).toContain(mine)
})

const restarted = async (more: readonly Service[] = []): Promise<Forwarder> => {
  const second = lab.open()
  second.start()
  second.setNode(labNode)
  second.setService('ns/s', service('s', sticky), [slice('s', [c, b, a], targets)])
  for (const made of more)
    second.setService(`ns/${made.name}`, made, [slice(made.name, sixEndpoints, targets)])
  second.allListed()
  await second.sync()
  expect(second.view().lastError).toBeUndefined()
  return second
}

test('a restart changes no element, and clients keep their endpoints', async () => {
  await set(service('other', { clusterIPs: ['10.96.0.9'], affinity: 5 }), slice('other', [a]))
  await set(service('s', sticky), slice('s', [b, c], targets))
  await set(service('s', sticky), slice('s', [a, b, c], targets))
  await set(service('other'))
  forwarder.setService('ns/other', undefined, [])
  await forwarder.sync()
  const [mine] = await who(agents.client.ask('tcp', '203.0.113.1', 80))
  await forwarder.stop()
  const socket = inNetworkNamespace(node.path, openNetfilterSocket)
  const before = await socket.generation()
  const first = await restarted()
  // The rules for the Service that is gone went, all at once.
  expect(await socket.generation()).toBe(before + 1)
  await first.stop()
  const second = await restarted()
  expect(await socket.generation()).toBe(before + 1)
  socket.close()
  expect(await who(agents.client.ask('tcp', '203.0.113.1', 80, 20))).toEqual([mine])
  await second.stop()
})

test('another program in its place: clients keep their endpoints, under whatever numbers', async () => {
  for (const index of [2, 3, 4]) {
    await set(
      service(`s${index}`, { clusterIPs: [`10.96.0.${index}`], affinity: 10_800 }),
      slice(`s${index}`, [a]),
    )
  }
  const sixth = service('six', { ...six, ports: [{ name: 'tcp', port: 80 }] })
  await set(service('s', sticky), slice('s', [a, b, c], targets))
  await set(sixth, slice('six', sixEndpoints, targets))
  const answers: string[] = []
  const places = [agents.client, agents.blocked, agents.node, agents.a, agents.b, agents.c]
  const to = (host: string) => Promise.all(places.map((place) => who(place.ask('tcp', host, 80, 5))))
  const ask = async () => [...(await to('203.0.113.1')), ...(await to('fd00:203::1'))]
  answers.push(...(await ask()).flat())
  expect(answers).toHaveLength(2 * places.length)
  const before = await learned()
  await forwarder.stop()
  for (const family of ['ip', 'ip6']) {
    const other = `flush set ${family} fairlead program\nadd element ${family} fairlead program { 1 }\n`
    await must(node, 'nft', ['-f', '-'], other)
  }
  const second = await restarted([sixth])
  const after = await learned()
  expect(after).toHaveLength(before.length)
  // Three Services less: the list has another number now.
  expect(after).not.toEqual(before)
  expect((await ask()).flat()).toEqual(answers)
  await second.stop()
})

test('the rule set with what the kernel learned can be printed and read again, in the oldest nft', async () => {
  await set(service('s', sticky), slice('s', [a, b, c], targets))
  await set(service('six', six), slice('six', sixEndpoints, targets))
  await agents.client.ask('tcp', '203.0.113.1', 80)
  await agents.client.ask('tcp', 'fd00:203::1', 80)
  const listing = await must(node, 'nft', ['list', 'ruleset'])
  await must(node, 'nft', ['-f', '-'], `flush ruleset\n${listing}`)
  const times = (text: string) => text.replace(/expires \S+/g, '')
  expect(times(await must(node, 'nft', ['list', 'ruleset']))).toBe(times(listing))
})

test('the number that a packet carried in its priority is gone when the packet leaves', async () => {
  const probe = (family: string) => `table ${family} probe {
    counter before { }
    counter behind { }
    chain before { type filter hook postrouting priority 50; meta priority >= 8000:0 counter name before; }
    chain behind { type filter hook postrouting priority 150; meta priority >= 8000:0 counter name behind; }
  }
`
  await must(node, 'nft', ['-f', '-'], probe('ip') + probe('ip6'))
  const packets = async (name: string) => {
    const listing = await must(node, 'nft', ['list', 'counters'])
    const found = [...listing.matchAll(new RegExp(`counter ${name} {\\s+packets (\\d+)`, 'g'))]
    return found.map(([, count]) => Number(count)).sort()
  }
  await set(service('s', sticky), slice('s', [a], targets))
  await set(
    service('six', { ...six, ports: [{ name: 'tcp', port: 80 }] }),
    slice('six', sixEndpoints, targets),
  )
  await agents.node.ask('tcp', '10.96.0.1', 80)
  await agents.b.ask('tcp', 'fd00:96::1', 80)
  expect(await packets('before')).toEqual([1, 1])
  expect(await packets('behind')).toEqual([0, 0])
})

test('endpoints come and go under load: a client is answered every time, by one that stays whenever it can', async () => {
  await set(service('s', sticky), slice('s', [a, b, c], targets))
  const results: Promise<readonly string[]>[] = []
  const sets = [[a, b], [b, c], [c], [c, a, b], [a], [a, b, c]]
  for (let round = 0; round < 30; round++) {
    results.push(agents.client.ask('tcp', '203.0.113.1', 80, 10))
    await set(service('s', sticky), slice('s', sets[round % sets.length], targets))
  }
  for (const answer of await who(all(...results))) expect(['a', 'b', 'c']).toContain(answer)
  expect(await who(agents.client.ask('tcp', '203.0.113.1', 80, 20))).toHaveLength(1)
})
