import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { both, ForwardingWorld, families, type Addresses, type Reachable } from './forwarding-world.ts'
import { until } from './test-lab.ts'

/** Who is chosen among the endpoints of a Service, from where: policies, termination, readiness, topology, ranges. */

const world = new ForwardingWorld('fwd-policies')
const REFUSED = ['ECONNREFUSED']
const NOBODY = ['timeout']
const NODES = ['node1', 'node2', 'node3'] as const
const HOST_PORT = 8088

/** Pods that ask: `asker1` on node1, and so on; `host1` on the network of node1. */
const asker: Record<(typeof NODES)[number], Addresses> = {} as never
const from = (node: (typeof NODES)[number]) => `pod/default/asker${node.slice(4)}`

beforeAll(async () => {
  await world.up()
  const hosts = { hostNetwork: true, ports: [HOST_PORT], labels: { on: 'host' } }
  const [one, two, three] = await world.pods({
    asker1: { node: 'node1' },
    asker2: { node: 'node2' },
    asker3: { node: 'node3' },
    host1: { node: 'node1', ...hosts },
    host2: { node: 'node2', ...hosts, labels: {} },
    here1: { node: 'node1', labels: { app: 'here' } },
    pair1: { node: 'node1', labels: { app: 'pair' } },
    pair2: { node: 'node2', labels: { app: 'pair' } },
  })
  Object.assign(asker, { node1: one, node2: two, node3: three })
})

afterAll(() => world.down())

const atClusterIP = (service: Reachable, place: string, who: readonly string[]) =>
  both((family) => world.expectWho(place, { to: service.clusterIP[family], port: 80 }, who))

const atNodePort = (service: Reachable, place: string, node: string, who: readonly string[]) =>
  both((family) => world.expectWho(place, { to: world.address(node)[family], port: service.nodePort() }, who))

const sawAtNodePort = (
  service: Reachable,
  place: string,
  node: string,
  words: (family: 4 | 6) => readonly string[],
) =>
  both((family) => {
    const question = { to: world.address(node)[family], port: service.nodePort() }
    return world.expectSaw(place, question, words(family))
  })

describe('internalTrafficPolicy Local', () => {
  const local = { internalTrafficPolicy: 'Local' }

  test('pod to pod: only from the node that has one, and for hostNetwork pods and nodes alike', async () => {
    const service = await world.service('here', local)
    for (const place of [from('node1'), 'pod/default/host1', 'node/node1']) {
      await atClusterIP(service, place, ['here1'])
    }
    for (const place of [from('node2'), 'pod/default/host2', 'node/node2']) {
      await atClusterIP(service, place, NOBODY)
    }
  })

  test('pod and node to hostNetwork pod', async () => {
    const ports = [{ port: 80, targetPort: HOST_PORT }]
    const service = await world.service('hosted', { ...local, selector: { on: 'host' }, ports })
    for (const place of [from('node1'), 'pod/default/host1', 'node/node1']) {
      await atClusterIP(service, place, ['host1'])
    }
    for (const place of [from('node2'), 'pod/default/host2', 'node/node2']) {
      await atClusterIP(service, place, NOBODY)
    }
  })

  test('it does not touch NodePorts', async () => {
    const service = await world.service('internal', { ...local, selector: { app: 'here' }, type: 'NodePort' })
    for (const node of NODES) await atNodePort(service, 'client', node, ['here1'])
  })

  test('Cluster: hostNetwork pods are endpoints as any other', async () => {
    const ports = [{ port: 80, targetPort: HOST_PORT }]
    const service = await world.service('hosts', { selector: { on: 'host' }, ports })
    for (const place of [from('node1'), from('node2'), 'node/node1', 'node/node3']) {
      await atClusterIP(service, place, ['host1'])
    }
  })
})

describe('externalTrafficPolicy', () => {
  test('Cluster: every node answers for all, and is the source', async () => {
    const service = await world.service('cluster', { selector: { app: 'pair' }, type: 'NodePort' })
    for (const node of NODES) {
      await sawAtNodePort(service, 'client', node, (family) => {
        const source = world.address(node)[family]
        return [`pair1 saw ${source}`, `pair2 saw ${source}`]
      })
    }
  })

  test('Local for NodePort: local endpoints only, and they see the client', async () => {
    const spec = { selector: { app: 'here' }, type: 'NodePort', externalTrafficPolicy: 'Local' }
    const service = await world.service('local', spec)
    await sawAtNodePort(service, 'client', 'node1', (family) => [
      `here1 saw ${world.address('client')[family]}`,
    ])
    for (const node of ['node2', 'node3']) await atNodePort(service, 'client', node, NOBODY)
    // Another node is a client as any other.
    await atNodePort(service, 'node/node1', 'node2', NOBODY)
    await atNodePort(service, 'node/node2', 'node1', ['here1'])
    // A node itself reaches every endpoint, and is the source.
    await sawAtNodePort(service, 'node/node2', 'node2', (family) => [
      `here1 saw ${world.address('node2')[family]}`,
    ])
    await atClusterIP(service, from('node2'), ['here1'])
  })

  test('Local for LoadBalancer: the client is seen; pods reach every endpoint and are seen, too', async () => {
    const spec = { selector: { app: 'pair' }, type: 'LoadBalancer', externalTrafficPolicy: 'Local' }
    const service = await world.service('esipp', spec)
    expect(service.healthCheckNodePort).toBeGreaterThan(0)
    const vip = await world.vip('esipp')
    await both(async (family) => {
      const question = { to: vip[family], port: 80 }
      const client = world.address('client')[family]
      // Which node announces it decides which endpoint that is.
      const seen = await until('a pod’s answer', async () => {
        const words = await world.saw('client', question)
        return words.every((word) => word.startsWith('pair')) ? words : undefined
      })
      expect([[`pair1 saw ${client}`], [`pair2 saw ${client}`]]).toContainEqual(seen)
      for (const node of NODES) {
        const source = asker[node][family]
        await world.expectSaw(from(node), question, [`pair1 saw ${source}`, `pair2 saw ${source}`])
        const own = world.address(node)[family]
        await world.expectSaw(`node/${node}`, question, [`pair1 saw ${own}`, `pair2 saw ${own}`])
      }
    })
  })

  test('changes from Cluster to Local and back take effect', async () => {
    const spec = { selector: { app: 'here' }, type: 'NodePort' }
    const service = await world.service('switched', spec)
    await atNodePort(service, 'client', 'node2', ['here1'])
    await world.change('switched', { externalTrafficPolicy: 'Local' })
    await atNodePort(service, 'client', 'node2', NOBODY)
    await sawAtNodePort(service, 'client', 'node1', (family) => [
      `here1 saw ${world.address('client')[family]}`,
    ])
    await world.change('switched', { externalTrafficPolicy: 'Cluster' })
    await sawAtNodePort(service, 'client', 'node2', (family) => [
      `here1 saw ${world.address('node2')[family]}`,
    ])
  })

  test('a LoadBalancer without backends refuses at once, and one with backends elsewhere is silent', async () => {
    const selector = { app: 'ghost' }
    await world.service('ghost', { selector, type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
    const vip = await world.vip('ghost')
    // Nobody announces an address without endpoints: the client is told the way.
    for (const family of families) {
      const way = [`${vip[family]}/${family === 4 ? 32 : 128}`, 'via', world.address('node2')[family]]
      await world.lab.output('client', 'ip', `-${family}`, 'route', 'replace', ...way)
    }
    const ask = (who: readonly string[]) =>
      both((family) => world.expectWho('client', { to: vip[family], port: 80 }, who))
    await ask(REFUSED)
    await world.pod('ghost1', { node: 'node1', labels: selector })
    await ask(NOBODY)
    await world.pod('ghost2', { node: 'node2', labels: selector })
    await ask(['ghost2'])
  })
})

describe('terminating endpoints', () => {
  const selector = { app: 'slow' }
  const services: Record<string, Reachable> = {}

  beforeAll(async () => {
    const slow = { labels: selector, termination: 100 }
    await world.pods({ slow1: { node: 'node1', ...slow }, slow2: { node: 'node2', ...slow } })
    const kinds = {
      'slow-cluster': { type: 'NodePort' },
      'slow-local': { type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
    }
    for (const [name, spec] of Object.entries(kinds)) {
      services[name] = await world.service(name, { selector, ...spec })
      await atNodePort(
        services[name],
        'client',
        'node1',
        name === 'slow-local' ? ['slow1'] : ['slow1', 'slow2'],
      )
    }
  })

  test('get nothing new while others are ready', async () => {
    await world.deletePods('slow1')
    await atClusterIP(services['slow-cluster'], from('node1'), ['slow2'])
    for (const node of NODES) await atNodePort(services['slow-cluster'], 'client', node, ['slow2'])
  })

  test('fallback to local terminating endpoints with internal and externalTrafficPolicy Local', async () => {
    const local = services['slow-local']
    for (const place of [from('node1'), 'node/node1']) await atClusterIP(local, place, ['slow1'])
    await sawAtNodePort(local, 'client', 'node1', (family) => [
      `slow1 saw ${world.address('client')[family]}`,
    ])
    await atClusterIP(local, from('node2'), ['slow2'])
    await atNodePort(local, 'client', 'node2', ['slow2'])
    await atClusterIP(local, from('node3'), NOBODY)
    await atNodePort(local, 'client', 'node3', NOBODY)
    await atNodePort(local, 'node/node1', 'node3', NOBODY)
  })

  test('fallback to terminating endpoints with internal and externalTrafficPolicy Cluster', async () => {
    await world.deletePods('slow2')
    await atClusterIP(services['slow-cluster'], from('node3'), ['slow1', 'slow2'])
    for (const node of NODES) await atNodePort(services['slow-cluster'], 'client', node, ['slow1', 'slow2'])
  })

  test('that do not serve any more get nothing', async () => {
    await world.label('slow1', { 'lab.fairlead.io/ready': 'false' })
    await atClusterIP(services['slow-cluster'], from('node3'), ['slow2'])
    await atNodePort(services['slow-local'], 'client', 'node1', NOBODY)
    await world.label('slow2', { 'lab.fairlead.io/ready': 'false' })
    await atClusterIP(services['slow-cluster'], from('node3'), REFUSED)
    await atNodePort(services['slow-local'], 'client', 'node1', REFUSED)
  })

  test.each([
    [true, ['unready']],
    [false, REFUSED],
  ])('that are not ready with publishNotReadyAddresses %s: %s', async (publishNotReadyAddresses, who) => {
    const name = `published-${publishNotReadyAddresses}`
    await world.pod(`unready-${name}`, {
      node: 'node1',
      labels: { app: name },
      ready: false,
      termination: 100,
    })
    const service = await world.service(name, { type: 'NodePort', publishNotReadyAddresses })
    const wanted = who[0] === 'unready' ? [`unready-${name}`] : who
    for (const step of ['not ready', 'terminating and not ready']) {
      if (step !== 'not ready') await world.deletePods(`unready-${name}`)
      await atClusterIP(service, from('node2'), wanted)
      await atNodePort(service, 'client', 'node2', wanted)
    }
  })
})

describe('topology', () => {
  // node1 and node3 are in zone-a, node2 in zone-b.
  const [inA, inB] = [['near1'], ['near2']]
  const selector = { app: 'near' }

  beforeAll(() =>
    world.pods({
      near1: { node: 'node1', labels: selector },
      near2: { node: 'node2', labels: selector },
      near3: { node: 'node3', labels: { ...selector, third: 'yes' } },
    }),
  )

  test.each(['PreferClose', 'PreferSameZone'])(
    '%s: endpoints of the zone, with and without one on the node',
    async (way) => {
      await world.label('near3', { 'lab.fairlead.io/ready': 'false' })
      const service = await world.service(way.toLowerCase(), { selector, trafficDistribution: way })
      await atClusterIP(service, from('node1'), inA)
      await atClusterIP(service, from('node2'), inB)
      await atClusterIP(service, from('node3'), inA)
      await world.label('near3', { 'lab.fairlead.io/ready': null })
      await atClusterIP(service, from('node1'), ['near1', 'near3'])
      await atClusterIP(service, from('node3'), ['near1', 'near3'])
      await atClusterIP(service, from('node2'), inB)
      await world.label('near2', { 'lab.fairlead.io/ready': 'false' })
      await atClusterIP(service, from('node2'), ['near1', 'near3'])
      await world.label('near2', { 'lab.fairlead.io/ready': null })
    },
  )

  test('PreferSameNode: the endpoint of the node, or else those of the zone, or else all', async () => {
    const service = await world.service('prefersamenode', { selector, trafficDistribution: 'PreferSameNode' })
    await atClusterIP(service, from('node1'), ['near1'])
    await atClusterIP(service, from('node2'), ['near2'])
    await atClusterIP(service, from('node3'), ['near3'])
    await world.label('near3', { 'lab.fairlead.io/ready': 'false' })
    await atClusterIP(service, from('node3'), ['near1'])
    await world.label('near1', { 'lab.fairlead.io/ready': 'false' })
    await atClusterIP(service, from('node3'), ['near2'])
    for (const name of ['near1', 'near3']) await world.label(name, { 'lab.fairlead.io/ready': null })
    await atClusterIP(service, from('node3'), ['near3'])
  })

  test('it can be asked for later, and be given up', async () => {
    const service = await world.service('distribution', { selector })
    const everybody = ['near1', 'near2', 'near3']
    await atClusterIP(service, from('node1'), everybody)
    await world.change('distribution', { trafficDistribution: 'PreferSameNode' })
    await atClusterIP(service, from('node1'), ['near1'])
    await world.change('distribution', { trafficDistribution: null })
    await atClusterIP(service, from('node1'), everybody)
  })
})

describe('loadBalancerSourceRanges', () => {
  test('who is in them and who is not; NodePort and ClusterIP are not meant', async () => {
    const selector = { app: 'pair' }
    const service = await world.service('ranges', { selector, type: 'LoadBalancer' })
    const vip = await world.vip('ranges')
    const pair = ['pair1', 'pair2']
    const at = (place: string, who: readonly string[]) =>
      both((family) => world.expectWho(place, { to: vip[family], port: 80 }, who))
    const ranges = (...machines: string[]) =>
      world.change('ranges', {
        loadBalancerSourceRanges: machines.flatMap((machine) => {
          const { 4: v4, 6: v6 } = world.address(machine)
          return [` ${v4}/32`, `${v6}/128 `]
        }),
      })
    for (const place of ['client', 'router', from('node1'), 'node/node1']) await at(place, pair)
    await ranges('client')
    await at('client', pair)
    for (const place of ['router', from('node1'), 'node/node1']) await at(place, NOBODY)
    for (const node of NODES) await atNodePort(service, 'router', node, pair)
    await atClusterIP(service, from('node1'), pair)
    await ranges('router', 'node1')
    for (const place of ['router', 'node/node1']) await at(place, pair)
    for (const place of ['client', 'node/node2', from('node1')]) await at(place, NOBODY)
    await world.change('ranges', { loadBalancerSourceRanges: null })
    for (const place of ['client', 'router', from('node1'), 'node/node2']) await at(place, pair)
  })
})
