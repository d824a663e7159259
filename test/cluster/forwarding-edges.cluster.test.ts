import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { both, families, ForwardingWorld, hostOf, portOf, type Addresses } from './forwarding-world.ts'
import { until } from './test-lab.ts'

/** Corners: long packets, ICMP errors, the same port twice, claims that meet, connections that outlive things. */

const world = new ForwardingWorld('fwd-edges')
const REFUSED = ['ECONNREFUSED']
const A_CLIENT = 'pod/default/asker'
let far: Addresses

beforeAll(async () => {
  await world.up()
  const ports = [
    { name: 'http', containerPort: 80 },
    { name: 'dns', containerPort: 53, protocol: 'UDP' as const },
  ]
  ;[far] = await world.pods({
    far: { node: 'node2', labels: { app: 'far', pair: 'yes' }, ports },
    near: { node: 'node1', labels: { app: 'near', pair: 'yes' }, ports },
    asker: { node: 'node3' },
  })
})

afterAll(() => world.down())

const farPorts = [
  { name: 'tcp', port: 80 },
  { name: 'udp', port: 53, protocol: 'UDP' },
]

describe('packets', () => {
  test('NodePort by way of another node: datagrams that fill a packet, and fragments', async () => {
    const { nodePort } = await world.service('long', {
      selector: { app: 'far' },
      type: 'NodePort',
      ports: farPorts,
    })
    await both(async (family) => {
      const node = world.address('node1')[family]
      const question = { to: node, port: nodePort('udp'), protocol: 'udp' } as const
      await world.expectSaw('client', question, [`far saw ${node}`])
      const full = family === 4 ? 1472 : 1452
      for (const octets of [full, full + 1, 8000]) {
        const found = await until(`an answer to ${octets} octets`, async () => {
          const answer = await world.askOnce('client', { ...question, octets, limit: 400 })
          return answer.pod === undefined ? undefined : answer
        })
        expect(found).toMatchObject({ pod: 'far', octets })
      }
    })
  })

  test('port unreachable comes back through a ClusterIP and a NodePort', async () => {
    const ports = [{ port: 53, protocol: 'UDP', targetPort: 9 }]
    const { clusterIP, nodePort } = await world.service('closed', {
      selector: { app: 'far' },
      type: 'NodePort',
      ports,
    })
    await both(async (family) => {
      const ask = { protocol: 'udp', count: 1 } as const
      await world.expectWho(A_CLIENT, { ...ask, to: clusterIP[family], port: 53 }, REFUSED)
      const node = world.address('node1')[family]
      await world.expectWho('client', { ...ask, to: node, port: nodePort() }, REFUSED)
    })
  })

  test('packet too big comes back through a NodePort, and the client sends smaller ones', async () => {
    const { nodePort } = await world.service('narrow', { selector: { app: 'far' }, type: 'NodePort' })
    const lines = await world.lab.output('node/node2', 'ip', '-o', 'route', 'get', far[4])
    const device = / dev (\S+)/.exec(lines)?.[1] ?? ''
    await both((family) =>
      world.expectWho('client', { to: world.address('node1')[family], port: nodePort() }, ['far']),
    )
    await world.lab.output('node/node2', 'ip', 'link', 'set', device, 'mtu', '1300')
    try {
      await both(async (family) => {
        const node = world.address('node1')[family]
        const question = { to: node, port: nodePort(), octets: 50_000, limit: 5000 }
        expect(await world.askOnce('client', question)).toMatchObject({ pod: 'far', octets: 50_000 })
        const route = await world.lab.output('client', 'ip', `-${family}`, 'route', 'get', node)
        expect(route).toContain('mtu 1300')
      })
    } finally {
      await world.lab.output('node/node2', 'ip', 'link', 'set', device, 'mtu', '1500')
      for (const family of families) {
        await world.lab.output('client', 'ip', `-${family}`, 'route', 'flush', 'cache')
      }
    }
  })

  test('a pod to itself via the NodePort of its own node and of another', async () => {
    const { nodePort } = await world.service('itself', { selector: { app: 'far' }, type: 'NodePort' })
    await both(async (family) => {
      for (const node of ['node2', 'node1']) {
        const to = world.address(node)[family]
        await world.expectSaw('pod/default/far', { to, port: nodePort() }, [`far saw ${to}`])
      }
    })
  })

  test('a client uses one source port towards two nodes that lead to one pod', async () => {
    const { nodePort } = await world.service('twice', { selector: { app: 'far' }, type: 'NodePort' })
    await both(async (family) => {
      const at = (node: string) => ({ to: world.address(node)[family], port: nodePort() })
      for (const node of ['node1', 'node2', 'node3']) await world.expectWho('client', at(node), ['far'])
      for (const round of [1, 2]) {
        for (const node of ['node1', 'node2', 'node3']) {
          const connection = `twice-${family}-${node}`
          const question = { ...at(node), connection, sourcePort: 40_000 + family }
          expect(await world.askOnce('client', question), `round ${round}`).toMatchObject({ pod: 'far' })
        }
      }
    })
  })

  test('one source port towards two addresses of a node that lead, unmasqueraded, to one pod', async () => {
    const external = { 4: '203.0.113.20', 6: '2001:db8:203::20' }
    const spec = { selector: { app: 'far' }, type: 'NodePort', externalTrafficPolicy: 'Local' }
    const { nodePort } = await world.service('clash', { ...spec, externalIPs: Object.values(external) })
    await both(async (family) => {
      const node = world.address('node2')[family]
      await world.lab.output('client', 'ip', `-${family}`, 'route', 'add', external[family], 'via', node)
      const client = world.address('client')[family]
      const ways = [
        { to: node, port: nodePort() },
        { to: external[family], port: 80 },
      ]
      for (const way of ways) await world.expectSaw('client', way, [`far saw ${client}`])
      const ports = new Set<number>()
      for (const [at, way] of ways.entries()) {
        const question = { ...way, connection: `clash-${family}-${at}`, sourcePort: 41_000 + family }
        const answer = await world.askOnce('client', question)
        expect(answer).toMatchObject({ pod: 'far' })
        expect(hostOf(answer.client ?? '')).toBe(client)
        ports.add(portOf(answer.client))
      }
      expect(ports.size, 'the pod sees two connections').toBe(2)
    })
  })
})

describe('claims', () => {
  test('two Services share an external address for a while', async () => {
    const external = { 4: '203.0.113.30', 6: '2001:db8:203::30' }
    const claim = { externalIPs: Object.values(external) }
    const at = (who: readonly string[]) =>
      both((family) => world.expectWho(A_CLIENT, { to: external[family], port: 80 }, who))
    // Creation is told in seconds: of two in one second, the first by name counts as the older.
    await world.service('claim-1', { selector: { app: 'near' }, ...claim })
    await at(['near'])
    const late = await world.service('claim-2', { selector: { app: 'far' }, ...claim })
    await both((family) => world.expectWho(A_CLIENT, { to: late.clusterIP[family], port: 80 }, ['far']))
    await at(['near'])
    await world.change('claim-1', { externalIPs: null })
    await at(['far'])
    await world.change('claim-1', claim)
    await world.deleteServices('claim-2')
    await at(['near'])
  })

  test('an external address with two Services on different ports', async () => {
    const external = { 4: '203.0.113.40', 6: '2001:db8:203::40' }
    const claim = { externalIPs: Object.values(external) }
    await world.service('port-near', { selector: { app: 'near' }, ...claim, ports: [{ port: 80 }] })
    const ports = [{ port: 81, targetPort: 80 }]
    await world.service('port-far', { selector: { app: 'far' }, ...claim, ports })
    await both(async (family) => {
      await world.expectWho(A_CLIENT, { to: external[family], port: 80 }, ['near'])
      await world.expectWho(A_CLIENT, { to: external[family], port: 81 }, ['far'])
    })
  })
})

describe('connections that stay', () => {
  test('a connection survives the deletion of its Service', async () => {
    const { clusterIP, nodePort } = await world.service('mortal', {
      selector: { pair: 'yes' },
      type: 'NodePort',
    })
    const ways = families.flatMap((family) => [
      { place: A_CLIENT, to: clusterIP[family], port: 80 },
      { place: 'client', to: world.address('node1')[family], port: nodePort() },
    ])
    for (const { place, ...way } of ways) await world.expectWho(place, way, ['far', 'near'])
    const ask = ({ place, ...way }: (typeof ways)[number]) =>
      world.askOnce(place, { ...way, connection: `mortal-${way.to}` })
    const before = await Promise.all(ways.map(ask))
    expect(before.map(({ error }) => error)).toEqual(ways.map(() => undefined))
    await world.deleteServices('mortal')
    await both(async (family) => {
      await world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, ['timeout'])
      await world.expectWho('client', { to: world.address('node1')[family], port: nodePort() }, REFUSED)
    })
    const after = await Promise.all(ways.map(ask))
    expect(after.map(({ pod, client, error }) => ({ pod, client, error }))).toEqual(
      before.map(({ pod, client, error }) => ({ pod, client, error })),
    )
  })

  test('a connection survives the restart of the speaker, and a change of other endpoints', async () => {
    const { clusterIP } = await world.service('steady', { selector: { pair: 'yes' } })
    const ask = (family: 4 | 6) =>
      world.askOnce(A_CLIENT, { to: clusterIP[family], port: 80, connection: `steady-${family}` })
    await both((family) => world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, ['far', 'near']))
    const before = await Promise.all(families.map(ask))
    await world.lab.command('fault', 'stop-speaker', 'node3')
    await world.pod('third', { node: 'node3', labels: { pair: 'yes' } })
    expect(await Promise.all(families.map(ask))).toEqual(before)
    await world.lab.command('fault', 'start-speaker', 'node3')
    await both((family) =>
      world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, ['far', 'near', 'third']),
    )
    expect(await Promise.all(families.map(ask))).toEqual(before)
  })
})
