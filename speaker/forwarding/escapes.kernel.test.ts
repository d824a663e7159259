import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { cleanup, must, run, until, type Netns } from '../../test/netns.ts'
import { service, slice } from './fixtures.ts'
import type { Forwarder } from './forwarder.ts'
import type { KernelDataplane } from './nft/kernel-dataplane.ts'
import { a, b, base, buildLab, c, kinds, labNode, targets, type Lab } from './packet-lab.ts'

/** What slips through translation is caught, counted, and comes through when it is sent again. */

let lab: Lab
let node: Netns
let agents: Lab['agents']
let forwarder: Forwarder
let plane: KernelDataplane

beforeAll(async () => {
  lab = await buildLab('esc')
  ;({ node, agents } = lab)
})

beforeEach(async () => {
  await must(node, 'nft', ['flush', 'ruleset'])
  await run(node, 'conntrack', ['-F'])
  forwarder = await lab.start()
  plane = lab.plane()
  return async () => {
    plane.close()
    await forwarder.stop()
  }
})

afterAll(cleanup)

const set = async (made: Service, ...slices: EndpointSlice[]): Promise<void> => {
  forwarder.setService(`ns/${made.name}`, made, slices)
  await forwarder.sync()
  expect(forwarder.view().lastError).toBeUndefined()
}
const escapes = async () => (await plane.counters()).escapes

/** As if the rules of translation were missed; gives what puts them back. */
const withoutTranslation = async (family: 'ip' | 'ip6'): Promise<() => Promise<void>> => {
  await must(node, 'nft', [
    `flush chain ${family} fairlead nat-prerouting; flush chain ${family} fairlead nat-output`,
  ])
  return async () => {
    const add = (chain: string) => `add rule ${family} fairlead ${chain} jump services`
    await must(node, 'nft', [`${add('nat-prerouting')}; ${add('nat-output')}`])
  }
}

const both = {
  ...base,
  clusterIPs: ['10.96.0.1', 'fd00:96::1'],
  externalIPs: ['198.51.100.1', 'fd00:198::1'],
  ingress: [{ ip: '203.0.113.1' }, { ip: 'fd00:203::1' }],
}
const bothSlices = [
  slice('s', [a], targets),
  slice('s', [{ address: 'fd00:1:1::2', node: 'node-1' }], targets),
]

test.each([
  ['ip', 'load balancer address', 'client', '203.0.113.1', 80, 'a 10.1.1.1'],
  ['ip', 'ClusterIP', 'b', '10.96.0.1', 80, 'a 10.1.2.2'],
  ['ip', 'NodePort', 'client', '192.168.0.1', 30_080, 'a 10.1.1.1'],
  ['ip', 'ClusterIP from the node', 'node', '10.96.0.1', 80, 'a 10.1.1.1'],
  ['ip6', 'external address', 'client', 'fd00:198::1', 80, 'a fd00:1:1::1'],
  ['ip6', 'NodePort', 'client', 'fd00:2::1', 30_080, 'a fd00:1:1::1'],
] as const)(
  '%s, %s: the packet is dropped and the next one is forwarded',
  async (family, _, from, to, port, answer) => {
    await set(service('s', both), ...bothSlices)
    const restore = await withoutTranslation(family)
    const result = agents[from].ask('tcp', to, port)
    await until('it is counted', async () => (await escapes()) > 0)
    await restore()
    expect(await result).toEqual([answer])
  },
)

test('what is dropped, refused or answered for another reason is not counted', async () => {
  await set(service('s', { ...both, external: 'Local' }), slice('s', [c], targets))
  await agents.client.ask('tcp', '203.0.113.1', 80, 1, 100)
  await agents.client.ask('udp', '192.168.0.1', 30_080, 1, 100)
  await set(service('s', both))
  await agents.client.ask('tcp', '203.0.113.1', 80)
  await agents.b.ask('tcp', '10.96.0.1', 81)
  await agents.client.ask('tcp', '192.168.0.1', 22)
  await set(service('s', { ...both, affinity: 60 }), ...bothSlices)
  await agents.client.ask('tcp', '203.0.113.1', 80, 5)
  await agents.client.ask('udp', 'fd00:203::1', 80, 5)
  expect(await escapes()).toBe(0)
})

test.each([undefined, 60])(
  'an endpoint at the very address of its frontend is reached (affinity %s)',
  async (affinity) => {
    const text = {
      externalIPs: ['10.1.1.2'],
      ports: [{ name: 'tcp', port: 8080 }],
      external: 'Local' as const,
    }
    const made = service('s', { ...text, ...(affinity === undefined ? {} : { affinity }) })
    await set(made, slice('s', [a], targets))
    expect(await kinds(agents.client.ask('tcp', '10.1.1.2', 8080, 5))).toEqual(['a 192.168.0.9'])
    expect(await escapes()).toBe(0)
  },
)

test('a connection that is older than the Service goes on where it went', async () => {
  // One way only, so that each of its packets is a first one.
  await must(
    node,
    'nft',
    ['-f', '-'],
    'table ip silent { chain c { type filter hook forward priority 0; ip saddr 10.1.1.2 udp sport 8080 drop; }; }',
  )
  const listening =
    'counter seen { }; chain d { type filter hook forward priority 10; ip daddr 10.1.1.2 udp dport 8080 counter name seen; }'
  await must(node, 'nft', ['-f', '-'], `table ip silent { ${listening}; }`)
  const seen = async () =>
    Number(/packets (\d+)/.exec(await must(node, 'nft', ['list', 'counter', 'ip', 'silent', 'seen']))?.[1])
  const send =
    'const s = require("node:dgram").createSocket("udp4"); s.bind(5555, () => s.send("?", 8080, "10.1.1.2", () => s.close()))'
  const once = () => must(lab.client, process.execPath, ['-e', send])
  await once()
  expect(await seen()).toBe(1)
  const text = { externalIPs: ['10.1.1.2'], ports: [{ name: 'udp', port: 8080, protocol: 'UDP' as const }] }
  await set(service('s', text), slice('s', [b], targets))
  await once()
  expect(await seen()).toBe(2)
  expect(await escapes()).toBe(0)
})

test('while elements, numbers of endpoints and the program itself are replaced every connection gets through', async () => {
  const sets = [[a], [a, b], [a, b, c], [b, c]]
  const many = Array.from({ length: 20 }, (_, index) =>
    service(`s${index}`, {
      clusterIPs: [`10.96.1.${index}`],
      ingress: [{ ip: `203.0.113.${index}` }],
      ports: [{ name: 'tcp', port: 80 }],
      ...(index % 2 === 0 ? {} : { affinity: 60 }),
    }),
  )
  const fill = (one: Forwarder, round: number) => {
    for (const made of many)
      one.setService(`ns/${made.name}`, made, [slice(made.name, sets[round % 4], targets)])
  }
  fill(forwarder, 0)
  await forwarder.sync()
  const results: Promise<readonly string[]>[] = []
  for (let round = 1; round <= 12; round++) {
    for (let index = 0; index < many.length; index++) {
      results.push(agents.client.ask('tcp', `203.0.113.${index}`, 80, 2, 10_000))
    }
    if (round % 3 !== 0) {
      fill(forwarder, round)
      await forwarder.sync()
      continue
    }
    await forwarder.stop()
    await must(node, 'nft', ['-f', '-'], 'flush set ip fairlead program\n')
    forwarder = lab.open()
    forwarder.start()
    forwarder.setNode(labNode)
    fill(forwarder, round)
    forwarder.allListed()
    await forwarder.sync()
    expect(forwarder.view().lastError).toBeUndefined()
  }
  expect(await kinds(Promise.all(results).then((all) => all.flat()))).toEqual([
    'a 10.1.1.1',
    'b 10.1.2.1',
    'c 10.1.3.1',
  ])
  // Nothing that conntrack keeps goes to a virtual address untranslated.
  const entries = await must(node, 'conntrack', ['-L', '-p', 'tcp', '--dport', '80'])
  expect(entries.split('\n').filter((line) => /src=203\.0\.113/.test(line))).toEqual([])
})
