import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Question } from '#lab/requests/messages.ts'
import { both, eventually, families, ForwardingWorld, type Addresses } from './forwarding-world.ts'
import { CLI, until } from './test-lab.ts'

/** What follows the rules: stale UDP entries of conntrack, health check servers, NodePorts on loopback. */

const world = new ForwardingWorld('fwd-followers')
const REFUSED = ['ECONNREFUSED']
const ASKER = 'pod/default/asker'
const NODES = ['node1', 'node2', 'node3']
const dns = [{ name: 'dns', containerPort: 53, protocol: 'UDP' as const }]
const udp = [{ port: 53, protocol: 'UDP' }]

beforeAll(async () => {
  await world.up('--speaker-options', '--nodeport-addresses primary,localhost')
  await world.pods({
    asker: { node: 'node3' },
    web1: { node: 'node1', labels: { app: 'web' }, ports: [{ containerPort: 80 }, ...dns] },
    web2: { node: 'node2', labels: { app: 'web' }, ports: [{ containerPort: 80 }, ...dns] },
  })
})

afterAll(() => world.down())

/** A client that sends from one port all the while: it is conntrack's entry that decides where that goes. */
let lastPort = 42_000
const steady = (question: Question): Question => ({
  ...question,
  protocol: 'udp',
  sourcePort: lastPort++,
  limit: 200,
})

const answeredBy = (from: string, question: Question, pod: string) =>
  until(`${pod} answers ${from} at ${question.to} ${question.port}`, async () =>
    (await world.askOnce(from, question)).pod === pod ? true : undefined,
  )

const unanswered = (from: string, question: Question) =>
  until(`nobody answers ${from} at ${question.to} ${question.port}`, async () =>
    (await world.askOnce(from, question)).error === undefined ? undefined : true,
  )

/** Asks from a new port each time, until nobody answers. */
const gone = (from: string, question: Question) =>
  until(`${question.to} ${question.port} is gone for ${from}`, async () =>
    (await world.askOnce(from, steady(question))).error === undefined ? undefined : true,
  )

describe('UDP', () => {
  test('continues when the server pod cycles, for ClusterIP, NodePort and load balancer address', async () => {
    const labels = { app: 'cycle' }
    await world.pod('cycle1', { node: 'node1', labels, ports: dns })
    const spec = { type: 'LoadBalancer', ports: udp }
    const { clusterIP, nodePort } = await world.service('cycle', spec)
    const vip = await world.vip('cycle')
    const ways = families.flatMap((family) => [
      { from: ASKER, question: steady({ to: clusterIP[family], port: 53 }) },
      { from: 'node/node3', question: steady({ to: clusterIP[family], port: 53 }) },
      { from: 'client', question: steady({ to: world.address('node3')[family], port: nodePort() }) },
      { from: 'client', question: steady({ to: vip[family], port: 53 }) },
    ])
    const all = (pod: string) =>
      Promise.all(ways.map(({ from, question }) => answeredBy(from, question, pod)))
    await all('cycle1')
    await world.pod('cycle2', { node: 'node2', labels, ports: dns })
    await world.deletePods('cycle1')
    await all('cycle2')
    // The other order: first the old one goes, and for a while there is none.
    await world.deletePods('cycle2')
    await Promise.all(ways.map(({ from, question }) => unanswered(from, question)))
    await world.pod('cycle3', { node: 'node1', labels, ports: dns })
    await all('cycle3')
  })

  test('arrives when an endpoint that was not ready becomes ready', async () => {
    const { clusterIP, nodePort } = await world.service('later', { type: 'NodePort', ports: udp })
    await world.pod('later1', { node: 'node1', labels: { app: 'later' }, ports: dns, ready: false })
    const ways = families.flatMap((family) => [
      { from: ASKER, question: steady({ to: clusterIP[family], port: 53 }) },
      { from: 'client', question: steady({ to: world.address('node3')[family], port: nodePort() }) },
    ])
    await Promise.all(ways.map(({ from, question }) => unanswered(from, question)))
    await world.label('later1', { 'lab.fairlead.io/ready': null })
    await Promise.all(ways.map(({ from, question }) => answeredBy(from, question, 'later1')))
  })

  test('a Service that is created again while its clients keep sending', async () => {
    const external = { 4: '203.0.113.50', 6: '2001:db8:203::50' }
    for (const family of families) {
      const node3 = world.address('node3')[family]
      await world.lab.output('client', 'ip', `-${family}`, 'route', 'replace', external[family], 'via', node3)
    }
    const spec = { selector: { app: 'web' }, type: 'NodePort', externalIPs: Object.values(external) }
    const first = await world.service('again', { ...spec, ports: udp })
    const port = first.nodePort()
    const ways = families.flatMap((family) => [
      { from: ASKER, question: steady({ to: first.clusterIP[family], port: 53 }) },
      { from: 'client', question: steady({ to: world.address('node3')[family], port }) },
      { from: 'client', question: steady({ to: external[family], port: 53 }) },
      { from: ASKER, question: steady({ to: external[family], port: 53 }) },
    ])
    const answered = () =>
      Promise.all(
        ways.map(({ from, question }) =>
          until(`an answer to ${from} from ${question.to}`, async () => {
            const { pod } = await world.askOnce(from, question)
            return pod === 'web1' || pod === 'web2' ? true : undefined
          }),
        ),
      )
    await answered()
    await world.deleteServices('again')
    // What flows goes on as long as its client sends, as TCP does. Others begin in the gap, when there is nothing.
    const late = ways.map(({ from, question }) => ({ from, question: steady(question) }))
    await Promise.all(ways.map(({ from, question }) => gone(from, question)))
    await Promise.all(late.map(({ from, question }) => unanswered(from, question)))
    ways.push(...late)
    const cluster = { clusterIP: first.clusterIP[4], clusterIPs: Object.values(first.clusterIP) }
    await world.service('again', { ...spec, ...cluster, ports: [{ ...udp[0], nodePort: port }] })
    await answered()
  })
})

describe('health checks', () => {
  const health = (port: number, node: string, family: 4 | 6, path = '/') => ({
    to: world.address(node)[family],
    port,
    path,
  })

  const expectWeight = (service: string, port: number, weights: readonly number[]) =>
    both(async (family) => {
      for (const [at, node] of NODES.entries()) {
        const wanted = {
          status: weights[at] > 0 ? 200 : 503,
          body: [
            '{',
            '\t"service": {',
            '\t\t"namespace": "default",',
            `\t\t"name": "${service}"`,
            '\t},',
            `\t"localEndpoints": ${weights[at]},`,
            '\t"serviceProxyHealthy": true',
            '}',
          ].join('\n'),
        }
        const ask = async () => {
          const { status, body } = await world.askOnce('client', health(port, node, family))
          return { status, body }
        }
        await eventually(ask, wanted, `the health check port on ${node}`)
      }
    })

  test('the health check port of a Service with externalTrafficPolicy Local counts endpoints', async () => {
    const spec = { selector: { app: 'web' }, type: 'LoadBalancer', externalTrafficPolicy: 'Local' }
    const { healthCheckNodePort } = await world.service('weighed', spec)
    await expectWeight('weighed', healthCheckNodePort, [1, 1, 0])
    await world.label('web1', { 'lab.fairlead.io/ready': 'false' })
    await expectWeight('weighed', healthCheckNodePort, [0, 1, 0])
    await world.label('web1', { 'lab.fairlead.io/ready': null })
    await expectWeight('weighed', healthCheckNodePort, [1, 1, 0])
  })

  test('fail health check node port if there are only terminating endpoints, which go on answering', async () => {
    const labels = { app: 'ending' }
    await world.pod('ending1', { node: 'node1', labels, termination: 100 })
    const { healthCheckNodePort, nodePort } = await world.service('ending', {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
    })
    await expectWeight('ending', healthCheckNodePort, [1, 0, 0])
    await world.deletePods('ending1')
    await expectWeight('ending', healthCheckNodePort, [0, 0, 0])
    await both((family) => {
      const question = { to: world.address('node1')[family], port: nodePort() }
      return world.expectWho('client', question, ['ending1'])
    })
  })

  test('NodePort and health check port are right when externalTrafficPolicy changes', async () => {
    const selector = { app: 'web' }
    const service = await world.service('changing', { selector, type: 'LoadBalancer' })
    expect(service.healthCheckNodePort).toBe(0)
    const change = (policy: string) => world.change('changing', { externalTrafficPolicy: policy })
    const first = await change('Local')
    await expectWeight('changing', first.healthCheckNodePort, [1, 1, 0])
    await change('Cluster')
    await both(async (family) => {
      await world.expectWho('client', health(first.healthCheckNodePort, 'node1', family), REFUSED)
      const question = { to: world.address('node3')[family], port: service.nodePort() }
      await world.expectWho('client', question, ['web1', 'web2'])
    })
    const second = await change('Local')
    await expectWeight('changing', second.healthCheckNodePort, [1, 1, 0])
    await world.deleteServices('changing')
    await both((family) =>
      world.expectWho('client', health(second.healthCheckNodePort, 'node1', family), REFUSED),
    )
  })

  test('the proxy says that it is well on port 10256', async () => {
    await both(async (family) => {
      for (const node of NODES) {
        const healthz = await world.askOnce('client', health(10_256, node, family, '/healthz'))
        expect(healthz.status).toBe(200)
        expect(JSON.parse(healthz.body ?? '')).toMatchObject({ nodeEligible: true })
        const livez = await world.askOnce('client', health(10_256, node, family, '/livez'))
        expect(livez.status).toBe(200)
        expect(livez.body).not.toContain('nodeEligible')
      }
    })
  })
})

describe('fairlead forwarding cleanup', () => {
  test('beside a running speaker says so, and the rules come back', async () => {
    const { clusterIP } = await world.service('cleaned', { selector: { app: 'web' } })
    const question = { to: clusterIP[4], port: 80 }
    await world.expectWho('node/node3', question, ['web1', 'web2'])
    const text = await world.lab.output('node/node3', process.execPath, CLI, 'forwarding', 'cleanup')
    expect(text).toContain('removed nftables table')
    expect(text).toMatch(/a speaker that forwards runs here \(process \d+\) and puts its rules back/)
    await world.expectWho('node/node3', question, ['web1', 'web2'])
  })
})

describe('NodePorts on loopback', () => {
  const LOOPBACK: Addresses = { 4: '127.0.0.1', 6: '::1' }

  test('answer over TCP on every node, come and go with the Service, and stay local', async () => {
    const spec = { selector: { app: 'web' }, type: 'NodePort' }
    const port = (await world.service('loopback', spec)).nodePort()
    await both(async (family) => {
      for (const node of NODES) {
        await world.expectWho(`node/${node}`, { to: LOOPBACK[family], port }, ['web1', 'web2'])
      }
      await world.expectWho(ASKER, { to: LOOPBACK[family], port }, REFUSED)
      await world.expectWho('client', { to: world.address('node1')[family], port }, ['web1', 'web2'])
      const large = { to: LOOPBACK[family], port, octets: 200_000 }
      expect(await world.askOnce('node/node3', large)).toMatchObject({ octets: 200_000 })
    })
    const routed = await world.lab.output('node/node1', 'sysctl', '-n', 'net.ipv4.conf.all.route_localnet')
    expect(routed.trim()).toBe('0')
    await world.change('loopback', { type: 'ClusterIP' })
    await both(async (family) => {
      for (const node of NODES) await world.expectWho(`node/${node}`, { to: LOOPBACK[family], port }, REFUSED)
    })
  })
})
