import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labResources } from '#lab/cluster/objects.ts'
import { both, eventually, families, ForwardingWorld, type Addresses } from './forwarding-world.ts'
import { until } from './test-lab.ts'

/**
 * Services as such: who answers at a ClusterIP, a NodePort, a load balancer address, an external address, and when
 * that changes. Names of tests that Kubernetes' own end-to-end suite has are kept.
 */

const world = new ForwardingWorld('fwd-basics')
const REFUSED = ['ECONNREFUSED']
const A_CLIENT = 'pod/default/three'
let one: Addresses
let two: Addresses
let three: Addresses

const web = { selector: { zoo: 'web' } }
const dual = { ipFamilyPolicy: 'RequireDualStack' }

beforeAll(async () => {
  await world.up()
  const ports = [
    { name: 'http', containerPort: 80 },
    { name: 'more', containerPort: 8080 },
    { name: 'dns', containerPort: 53, protocol: 'UDP' as const },
    { name: 'dns-tcp', containerPort: 53 },
  ]
  const labels = { zoo: 'web' }
  ;[one, two, three] = await world.pods({
    one: { node: 'node1', labels, ports },
    two: { node: 'node2', labels, ports },
    three: { node: 'node3' },
  })
})

afterAll(() => world.down())

describe('endpoints', () => {
  test('serve a basic endpoint from pods; rejected when no endpoints exist', async () => {
    const { clusterIP } = await world.service('basic', {})
    const answers = (...pods: string[]) =>
      both(async (family) => {
        const question = { to: clusterIP[family], port: 80 }
        for (const from of [A_CLIENT, 'node/node1']) await world.expectWho(from, question, pods)
      })
    const labels = { app: 'basic' }
    await answers(...REFUSED)
    await world.pod('basic-1', { node: 'node1', labels })
    await answers('basic-1')
    await world.pod('basic-2', { node: 'node2', labels })
    await answers('basic-1', 'basic-2')
    await world.deletePods('basic-1')
    await answers('basic-2')
    await world.deletePods('basic-2')
    await answers(...REFUSED)
  })

  test('serve multiport endpoints from pods', async () => {
    const ports = [
      { name: 'a', port: 80, targetPort: 'http' },
      { name: 'b', port: 81, targetPort: 8080 },
    ]
    const { clusterIP } = await world.service('multiport', { ...web, ports })
    await both(async (family) => {
      for (const port of [80, 81]) {
        await world.expectWho(A_CLIENT, { to: clusterIP[family], port }, ['one', 'two'])
      }
      await world.expectWho(A_CLIENT, { to: clusterIP[family], port: 82 }, REFUSED)
    })
  })

  test('serve endpoints on same port and different protocols', async () => {
    const ports = [
      { name: 'udp', port: 53, protocol: 'UDP', targetPort: 'dns' },
      { name: 'tcp', port: 53, protocol: 'TCP', targetPort: 'dns-tcp' },
    ]
    const { clusterIP } = await world.service('protocols', { ...web, ports })
    const ask = (protocol: 'tcp' | 'udp', pods: string[]) =>
      both((family) => world.expectWho(A_CLIENT, { to: clusterIP[family], port: 53, protocol }, pods))
    await ask('tcp', ['one', 'two'])
    await ask('udp', ['one', 'two'])
    await world.change('protocols', { ports: [ports[1]] })
    // The kernel answers few datagrams a second with an ICMP error: one question, again and again.
    await both((family) => {
      const question = { to: clusterIP[family], port: 53, protocol: 'udp', count: 1 } as const
      return world.expectWho(A_CLIENT, question, REFUSED)
    })
    await ask('tcp', ['one', 'two'])
  })

  test('named target ports resolve differently from endpoint to endpoint', async () => {
    const labels = { app: 'named' }
    await world.pods({
      'named-1': { node: 'node1', labels, ports: [{ name: 'web', containerPort: 8081 }] },
      'named-2': { node: 'node2', labels, ports: [{ name: 'web', containerPort: 8082 }] },
    })
    const { clusterIP } = await world.service('named', { ports: [{ port: 80, targetPort: 'web' }] })
    await both((family) => {
      return world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, ['named-1', 'named-2'])
    })
  })

  test('multiple endpoint addresses in multiple slices, with several ports, of a Service without selector', async () => {
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 90 },
    ]
    const { clusterIP } = await world.service('slices', { selector: undefined, ports })
    for (const family of families) {
      for (const pod of [one, two]) {
        await world.slice('slices', `slices-${family}-${pod === one ? 1 : 2}`, {
          addressType: family === 4 ? 'IPv4' : 'IPv6',
          ports: [
            { name: 'a', port: 80 },
            { name: 'b', port: 8080 },
          ],
          endpoints: [{ addresses: [pod[family]], conditions: { ready: true } }],
        })
      }
    }
    await both(async (family) => {
      for (const port of [80, 90]) {
        await world.expectWho(A_CLIENT, { to: clusterIP[family], port }, ['one', 'two'])
      }
    })
  })

  test('two Services with the same selector', async () => {
    const services = [await world.service('same-1', web), await world.service('same-2', web)]
    for (const { clusterIP } of services) {
      await both((family) => world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, ['one', 'two']))
    }
  })

  test('endpoints for unready pods come and go', async () => {
    await world.pod('ready-1', { node: 'node1', labels: { app: 'readiness' }, ready: false })
    const { clusterIP } = await world.service('readiness', {})
    const answers = (who: string[]) =>
      both((family) => world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, who))
    await answers(REFUSED)
    await world.label('ready-1', { 'lab.fairlead.io/ready': null })
    await answers(['ready-1'])
    await world.label('ready-1', { 'lab.fairlead.io/ready': 'false' })
    await answers(REFUSED)
  })

  test('rejected for evicted pods', async () => {
    await world.pod('evicted', { node: 'node1', labels: { app: 'evicted' } })
    const { clusterIP } = await world.service('evicted', {})
    const answers = (who: string[]) =>
      both((family) => world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, who))
    await answers(['evicted'])
    const status = { phase: 'Failed', reason: 'Evicted' }
    const key = { namespace: 'default', name: 'evicted' }
    await world.api.patch(labResources.pods, key, { status }, { type: 'merge', subresource: 'status' })
    await answers(REFUSED)
  })
})

describe('frontends', () => {
  test('preserve source pod IP for traffic through a ClusterIP', async () => {
    const { clusterIP } = await world.service('source', web)
    await both((family) =>
      world.expectSaw(A_CLIENT, { to: clusterIP[family], port: 80 }, [
        `one saw ${three[family]}`,
        `two saw ${three[family]}`,
      ]),
    )
  })

  test('pods hairpin to themselves through a Service', async () => {
    await world.pod('alone', { node: 'node1', labels: { app: 'hairpin' } })
    const { clusterIP } = await world.service('hairpin', {})
    await both((family) =>
      world.expectSaw('pod/default/alone', { to: clusterIP[family], port: 80 }, [
        `alone saw ${world.address('node1')[family]}`,
      ]),
    )
  })

  test('create a functioning NodePort Service', async () => {
    const { clusterIP, nodePort } = await world.service('nodeport', { ...web, type: 'NodePort' })
    await both(async (family) => {
      for (const node of ['node1', 'node2', 'node3']) {
        const address = world.address(node)[family]
        const seen = [`one saw ${address}`, `two saw ${address}`]
        await world.expectSaw('client', { to: address, port: nodePort() }, seen)
      }
      await world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, ['one', 'two'])
      const elsewhere = { to: world.address('node2')[family], port: nodePort() }
      for (const from of [A_CLIENT, 'node/node1', 'node/node2']) {
        await world.expectWho(from, elsewhere, ['one', 'two'])
      }
    })
  })

  test('NodePorts of the same number and different protocols', async () => {
    const ports = [
      { name: 'udp', port: 53, protocol: 'UDP', targetPort: 'dns', nodePort: 30_053 },
      { name: 'tcp', port: 53, protocol: 'TCP', targetPort: 'dns-tcp', nodePort: 30_053 },
    ]
    await world.service('nodeports', { ...web, type: 'NodePort', ports })
    await both(async (family) => {
      for (const protocol of ['tcp', 'udp'] as const) {
        const question = { to: world.address('node3')[family], port: 30_053, protocol }
        await world.expectWho('client', question, ['one', 'two'])
      }
    })
  })

  test('NodePorts: collisions and numbers out of range are refused, a deletion releases', async () => {
    const ports = [{ port: 80, nodePort: 30_080 }]
    await world.service('taken', { ...web, type: 'NodePort', ports })
    const again = () => world.service('taker', { ...web, type: 'NodePort', ports })
    await expect(again()).rejects.toThrow('provided port is already allocated')
    const outside = world.service('far', { ...web, type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })
    await expect(outside).rejects.toThrow('not in the valid range')
    await both((family) => {
      return world.expectWho('client', { to: world.address('node1')[family], port: 30_080 }, ['one', 'two'])
    })
    await world.deleteServices('taken')
    await both((family) => {
      return world.expectWho('client', { to: world.address('node1')[family], port: 30_080 }, REFUSED)
    })
    await again()
    await both((family) => {
      return world.expectWho('client', { to: world.address('node1')[family], port: 30_080 }, ['one', 'two'])
    })
  })

  test('LoadBalancer: its address from client, node and pod', async () => {
    await world.service('balanced', { ...web, type: 'LoadBalancer' })
    const vip = await world.vip('balanced')
    await both(async (family) => {
      for (const from of ['client', 'router', 'node/node1', 'node/node3', A_CLIENT]) {
        await world.expectWho(from, { to: vip[family], port: 80 }, ['one', 'two'])
      }
    })
  })

  test('LoadBalancer without node ports: the address works', async () => {
    const spec = { ...web, type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }
    const { nodePort } = await world.service('portless', spec)
    expect(nodePort()).toBe(0)
    const vip = await world.vip('portless')
    await both((family) => world.expectWho('client', { to: vip[family], port: 80 }, ['one', 'two']))
  })

  test('LoadBalancer address of ipMode Proxy is nobody’s here', async () => {
    const { clusterIP } = await world.service('proxied', {
      ...web,
      type: 'LoadBalancer',
      loadBalancerClass: 'example.com/somebody',
    })
    const external = { 4: '198.51.100.7', 6: '2001:db8:1::7' }
    const ingress = (ipMode: string) => Object.values(external).map((ip) => ({ ip, ipMode }))
    const set = (ipMode: string) =>
      world.api.patch(
        labResources.services,
        { namespace: 'default', name: 'proxied' },
        { status: { loadBalancer: { ingress: ingress(ipMode) } } },
        { type: 'merge', subresource: 'status' },
      )
    const answered = (from: string, to: Addresses) => async () => {
      const found = await Promise.all(
        families.map((family) => world.askOnce(from, { to: to[family], port: 80, limit: 300 })),
      )
      return found.map(({ pod }) => pod !== undefined)
    }
    await set('VIP')
    await eventually(answered(A_CLIENT, external), [true, true], 'a pod to the address of ipMode VIP')
    await set('Proxy')
    await eventually(answered(A_CLIENT, external), [false, false], 'a pod to the address of ipMode Proxy')
    await eventually(answered(A_CLIENT, clusterIP), [true, true], 'a pod to the ClusterIP')
  })

  test('connect to a Service via ExternalIP that is not assigned to a node', async () => {
    const external = { 4: '203.0.113.10', 6: '2001:db8:203::10' }
    await world.service('external', { ...web, externalIPs: Object.values(external) })
    for (const family of families) {
      const route = [`${external[family]}/${family === 4 ? 32 : 128}`, 'via', world.address('node3')[family]]
      await world.lab.output('client', 'ip', `-${family}`, 'route', 'add', ...route)
    }
    await both(async (family) => {
      const node3 = world.address('node3')[family]
      const question = { to: external[family], port: 80 }
      await world.expectSaw('client', question, [`one saw ${node3}`, `two saw ${node3}`])
      for (const from of [A_CLIENT, 'node/node1']) await world.expectWho(from, question, ['one', 'two'])
    })
  })

  test('large requests', async () => {
    const { clusterIP, nodePort } = await world.service('large', { ...web, type: 'NodePort' })
    const path = `/${'x'.repeat(8000)}`
    await both(async (family) => {
      const targets = [
        [A_CLIENT, { to: clusterIP[family], port: 80 }],
        ['client', { to: world.address('node3')[family], port: nodePort() }],
      ] as const
      for (const [from, target] of targets) {
        await world.expectWho(from, target, ['one', 'two'])
        const answer = await world.askOnce(from, { ...target, path, octets: 200_000 })
        expect(answer).toMatchObject({ path, octets: 200_000 })
      }
    })
  })
})

describe('changes', () => {
  test('of type: ExternalName, ClusterIP, NodePort, LoadBalancer and all the way back', async () => {
    await world.service('mutable', { ...web, type: 'ExternalName', externalName: 'example.com' })
    const { clusterIP } = await world.change('mutable', { type: 'ClusterIP', externalName: null, ...dual })
    const atCluster = (who: string[]) =>
      both((family) => world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, who))
    await atCluster(['one', 'two'])

    const port = (await world.change('mutable', { type: 'NodePort' })).nodePort()
    const atNode = (who: string[]) =>
      both((family) => world.expectWho('client', { to: world.address('node3')[family], port }, who))
    await atNode(['one', 'two'])

    await world.change('mutable', { type: 'LoadBalancer' })
    const vip = await world.vip('mutable')
    const atVip = (family: 4 | 6) => ({ to: vip[family], port: 80, limit: 400 })
    await both((family) => world.expectWho('client', atVip(family), ['one', 'two']))
    await atNode(['one', 'two'])

    await world.change('mutable', { type: 'NodePort' })
    await both((family) =>
      until('nobody answers at the address', async () => {
        const answers = await world.ask('client', atVip(family))
        return answers.every(({ pod }) => pod === undefined) ? true : undefined
      }),
    )
    await atNode(['one', 'two'])

    await world.change('mutable', { type: 'ClusterIP' })
    await atNode(REFUSED)
    await atCluster(['one', 'two'])

    await world.change('mutable', { type: 'ExternalName', externalName: 'example.com' })
    await both((family) =>
      eventually(
        () => world.who(A_CLIENT, { to: clusterIP[family], port: 80 }),
        ['timeout'],
        'an address that no Service has',
      ),
    )
  })

  test('of ports: a NodePort and a port are moved', async () => {
    const before = await world.service('moved', { ...web, type: 'NodePort', ports: [{ port: 80 }] })
    const after = await world.change('moved', { ports: [{ port: 81, targetPort: 80, nodePort: 30_181 }] })
    await both(async (family) => {
      const node = world.address('node1')[family]
      const to = before.clusterIP[family]
      await world.expectWho('client', { to: node, port: after.nodePort() }, ['one', 'two'])
      await world.expectWho('client', { to: node, port: before.nodePort() }, REFUSED)
      await world.expectWho(A_CLIENT, { to, port: 81 }, ['one', 'two'])
      await world.expectWho(A_CLIENT, { to, port: 80 }, REFUSED)
    })
  })

  test.each([
    ['service.kubernetes.io/service-proxy-name', 'somebody'],
    ['service.kubernetes.io/headless', ''],
  ])('the label %s hides a Service and shows it again', async (label, value) => {
    const name = `label-${value || 'headless'}`
    const { clusterIP } = await world.service(name, web)
    const answers = (who: string[]) =>
      both((family) => world.expectWho(A_CLIENT, { to: clusterIP[family], port: 80 }, who))
    await answers(['one', 'two'])
    await world.labelService(name, { [label]: value })
    await answers(['timeout'])
    await world.labelService(name, { [label]: null })
    await answers(['one', 'two'])
    await world.deleteServices(name)
    const born = await world.service(name, web, { labels: { [label]: value } })
    await both((family) => world.expectWho(A_CLIENT, { to: born.clusterIP[family], port: 80 }, ['timeout']))
    await world.labelService(name, { [label]: null })
    await both((family) =>
      world.expectWho(A_CLIENT, { to: born.clusterIP[family], port: 80 }, ['one', 'two']),
    )
  })

  test('up and down Services, and one that is created again', async () => {
    const [first, second] = [await world.service('up-1', web), await world.service('up-2', web)]
    const at = (to: Addresses, who: string[]) =>
      both((family) => world.expectWho(A_CLIENT, { to: to[family], port: 80 }, who))
    await at(first.clusterIP, ['one', 'two'])
    await at(second.clusterIP, ['one', 'two'])
    await world.deleteServices('up-1')
    await at(first.clusterIP, ['timeout'])
    await at(second.clusterIP, ['one', 'two'])
    const third = await world.service('up-3', web)
    await at(third.clusterIP, ['one', 'two'])
    const again = await world.service('up-1', {
      ...web,
      clusterIP: first.clusterIP[4],
      clusterIPs: Object.values(first.clusterIP),
    })
    await at(again.clusterIP, ['one', 'two'])
  })
})

describe('restarts', () => {
  test('Services work after restarting the proxy, also those that changed meanwhile', async () => {
    const stays = await world.service('stays', { ...web, type: 'NodePort' })
    const goes = await world.service('goes', web)
    const at = (from: string, to: Addresses, port: number, who: string[]) =>
      both((family) => world.expectWho(from, { to: to[family], port }, who))
    await at('node/node3', goes.clusterIP, 80, ['one', 'two'])
    await world.lab.command('fault', 'stop-speaker', 'node3')
    await at('client', world.address('node3'), stays.nodePort(), ['one', 'two'])
    await world.deleteServices('goes')
    const comes = await world.service('comes', web)
    await world.lab.command('fault', 'start-speaker', 'node3')
    await at(A_CLIENT, comes.clusterIP, 80, ['one', 'two'])
    await at(A_CLIENT, goes.clusterIP, 80, ['timeout'])
    await at('client', world.address('node3'), stays.nodePort(), ['one', 'two'])
  })

  test('Services work after restarting the API server, and in between', async () => {
    const { clusterIP } = await world.service('outage', web)
    const at = (to: Addresses) =>
      both((family) => world.expectWho(A_CLIENT, { to: to[family], port: 80 }, ['one', 'two']))
    await at(clusterIP)
    await world.lab.command('fault', 'api-outage')
    await at(clusterIP)
    await world.lab.command('fault', 'api-back')
    const after = await until('a write', () => world.service('after-outage', web))
    await at(after.clusterIP)
    await at(clusterIP)
  })
})
