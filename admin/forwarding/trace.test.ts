import { afterEach, beforeEach, expect, test } from 'vitest'
import { service, slice } from '#speaker/forwarding/fixtures.ts'
import { TestForwarder } from './test-forwarder.ts'
import { parseTraceQuery } from './trace-query.ts'
import { traceDocument } from './trace.ts'

const client = '203.0.113.2'
const pod = '10.180.0.2'
let world: TestForwarder

beforeEach(() => {
  world = new TestForwarder()
  const here = { address: '10.180.0.9', node: 'node-1' }
  const there = { address: '10.180.1.9', node: 'node-2' }
  world.put(
    service('web', { ingress: [{ ip: '1.2.3.4' }], ports: [{ port: 80, nodePort: 30080 }] }),
    slice('web', [here, there]),
  )
  world.put(
    service('local', {
      clusterIPs: ['172.30.0.42'],
      ingress: [{ ip: '5.6.7.8' }],
      ports: [{ port: 80 }],
      external: 'Local',
      internal: 'Local',
    }),
    slice('local', [there]),
  )
  world.put(
    service('empty', {
      clusterIPs: ['172.30.0.43'],
      ports: [{ port: 80, nodePort: 30081 }],
      type: 'NodePort',
    }),
  )
  world.put(
    service('ranged', {
      clusterIPs: ['172.30.0.44'],
      ingress: [{ ip: '9.10.11.12' }],
      ranges: ['203.0.113.0/25'],
    }),
    slice('ranged', [here]),
  )
  world.put(service('six', { clusterIPs: ['fd00:172:30::41'] }), slice('six', ['fd00:10:0:180::9']))
})

afterEach(() => world.forwarder.stop())

const ask = (from: string, to: string, protocol = 'tcp') =>
  traceDocument(parseTraceQuery({ from, to, protocol }), world.forwarder.view(), world.services)

test('forwarded: the Service, its endpoints, and what they see', async () => {
  await world.start()
  expect(ask(client, '1.2.3.4:80')).toMatchObject({
    from: client,
    to: '1.2.3.4:80/tcp',
    verdict: 'forward',
    reason: 'it goes to one of 2 endpoints',
    service: 'ns/web',
    frontend: 'LoadBalancer 1.2.3.4:80/tcp',
    endpoints: [
      { endpoint: '10.180.0.9:80', masquerade: true },
      { endpoint: '10.180.1.9:80', masquerade: true },
    ],
    note: '',
  })
  const masquerading = ask(client, '1.2.3.4:80').steps.filter(({ chain }) => chain === 'masquerading')
  expect(masquerading).toHaveLength(1)
})

test.each([
  [pod, '172.30.0.41:80', 'tcp', 'forward', 'ns/web', 'it goes to one of 2 endpoints'],
  [client, '192.168.0.2:30080', 'tcp', 'forward', 'ns/web', 'it goes to one of 2 endpoints'],
  ['fd00:10:0:180::2', '[fd00:172:30::41]:80', 'tcp', 'forward', 'ns/six', 'it goes to the one endpoint'],
  [client, '172.30.0.41', 'icmp', 'answer', 'ns/web', 'this node answers the ping itself'],
  [
    client,
    '5.6.7.8:80',
    'tcp',
    'drop',
    'ns/local',
    'externalTrafficPolicy is Local and ns/local has no usable endpoint on this node, only on others',
  ],
  [
    pod,
    '172.30.0.42:80',
    'tcp',
    'drop',
    'ns/local',
    'internalTrafficPolicy is Local and ns/local has no usable endpoint on this node, only on others',
  ],
  [pod, '172.30.0.43:80', 'tcp', 'reject', 'ns/empty', 'ns/empty has no usable endpoint on any node'],
  [client, '192.168.0.2:30081', 'tcp', 'reject', 'ns/empty', 'ns/empty has no usable endpoint on any node'],
  [
    '203.0.113.130',
    '9.10.11.12:80',
    'tcp',
    'drop',
    'ns/ranged',
    'loadBalancerSourceRanges of ns/ranged do not admit 203.0.113.130',
  ],
  [
    pod,
    '172.30.0.41:81',
    'tcp',
    'reject',
    'ns/web',
    '172.30.0.41 is a ClusterIP of ns/web, which has no port 81/tcp',
  ],
  [
    pod,
    '172.30.0.41:80',
    'udp',
    'reject',
    'ns/web',
    '172.30.0.41 is a ClusterIP of ns/web, which has no port 80/udp',
  ],
  [
    pod,
    '172.30.0.50:80',
    'tcp',
    'drop',
    '',
    '172.30.0.50 lies in a range of ClusterIPs, and no Service has it',
  ],
  [client, '1.2.3.4:81', 'tcp', 'untouched', 'ns/web', 'ns/web has this address, but not port 81/tcp'],
  [
    client,
    '192.168.1.2:30080',
    'tcp',
    'untouched',
    'ns/web',
    'NodePorts are not accepted at 192.168.1.2 (--nodeport-addresses)',
  ],
  [pod, '8.8.8.8:53', 'udp', 'untouched', '', 'no Service has this address and port'],
])('%s to %s/%s: %s', async (from, to, protocol, verdict, service, reason) => {
  await world.start()
  expect(ask(from, to, protocol)).toMatchObject({ verdict, service, reason })
})

test('NodePorts at localhost, where the proxy is on and where it is not', async () => {
  const reasons = async (localhostNodePorts: boolean) => {
    world = new TestForwarder({ localhostNodePorts })
    const ports = [{ port: 80, nodePort: 30080 }] as const
    world.put(
      service('web', { type: 'NodePort', ports: [...ports, { ...ports[0], protocol: 'UDP' }] }),
      slice('web', ['10.180.1.9']),
    )
    world.put(
      service('six', {
        type: 'NodePort',
        clusterIPs: ['fd00:172:30::41'],
        ports: [{ port: 80, nodePort: 30082 }],
      }),
      slice('six', ['fd00:10:0:180::9']),
    )
    world.put(
      service('none', {
        type: 'NodePort',
        clusterIPs: ['172.30.0.43'],
        ports: [{ port: 80, nodePort: 30081 }],
      }),
    )
    await world.start()
    const asked = [
      ask('127.0.0.1', '127.0.0.1:30080'),
      ask('::1', '[::1]:30082'),
      ask('127.0.0.1', '127.0.0.1:30080', 'udp'),
      ask('127.0.0.1', '127.0.0.1:30081'),
      ask('127.0.0.1', '127.0.0.2:30080'),
    ]
    await world.forwarder.stop()
    return asked.map(({ reason }) => reason)
  }
  const proxy =
    'the proxy in this speaker takes it (--nodeport-addresses localhost) and connects to an endpoint on any node'
  expect(await reasons(true)).toEqual([
    proxy,
    proxy,
    'at localhost only TCP NodePorts are accepted (--nodeport-addresses)',
    'ns/none has no usable endpoint on any node, so its NodePort is not open at localhost',
    'NodePorts are not accepted at 127.0.0.2 (--nodeport-addresses)',
  ])
  expect((await reasons(false))[0]).toBe('NodePorts are not accepted at 127.0.0.1 (--nodeport-addresses)')
})

test('an address is known however the Service writes it', async () => {
  world.put(service('written', { clusterIPs: ['fd00:172:30::51'], externalIPs: ['FD00:1:0:0:0:0:0:7'] }))
  await world.start()
  expect(ask('fd00:10:0:180::2', '[fd00:1::7]:81').service).toBe('ns/written')
})

test('before anything is programmed it is unknown, with the last error', async () => {
  world.forwarder.start()
  expect(ask(client, '1.2.3.4:80')).toMatchObject({ verdict: 'unknown', reason: 'nothing is programmed yet' })
  world.plane.failure = new Error('no nft here')
  await world.start()
  expect(ask(client, '1.2.3.4:80').reason).toBe('nothing is programmed yet: Error: no nft here')
})

test('a change that cannot be programmed makes the answer old, and it says so', async () => {
  await world.start()
  world.plane.failure = new Error('no memory')
  world.put(service('more', { clusterIPs: ['172.30.0.60'] }), slice('more', ['10.180.0.3']))
  await world.clock.advance(1)
  expect(ask(pod, '172.30.0.60:80')).toMatchObject({
    reason: 'ns/more wants it, and the kernel does not have it yet',
    note: 'the kernel is behind the plan: Error: no memory',
  })
})

test('a client that keeps its endpoint', async () => {
  world.put(
    service('sticky', { clusterIPs: ['172.30.0.61'], affinity: 60 }),
    slice('sticky', ['10.180.0.3', '10.180.0.4']),
  )
  await world.start()
  expect(ask(pod, '172.30.0.61:80').reason).toBe(
    'it goes to one of 2 endpoints, and a client keeps its own for 60 s',
  )
})

test('where pods are told by the interface, the interface decides, and is asked for', async () => {
  world = new TestForwarder({ detector: { by: 'interface-prefix', prefix: 'veth' } })
  world.put(service('web'), slice('web', ['10.180.1.9']))
  await world.start()
  const by = (name?: string) => {
    const query = { from: pod, to: '172.30.0.41:80', ...(name === undefined ? {} : { interface: name }) }
    const { endpoints, note } = traceDocument(parseTraceQuery(query), world.forwarder.view(), world.services)
    return [endpoints.map(({ masquerade }) => masquerade), note]
  }
  expect(by('veth7')).toEqual([[false], ''])
  expect(by('eth0')).toEqual([[true], ''])
  expect(by()).toEqual([[true], 'pods are told from others by the interface, and none was given'])
})

test('where another proxy forwards, nothing is known', async () => {
  world = new TestForwarder({ mode: 'off' })
  await world.start()
  expect(ask(client, '1.2.3.4:80')).toMatchObject({
    verdict: 'unknown',
    reason: 'this node does not forward: forwarding is off',
  })
})
