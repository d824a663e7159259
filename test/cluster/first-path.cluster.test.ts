import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestLab, until } from './test-lab.ts'

/** From MetalLB's manifests to a pod's answer: one address by ARP, the same by BGP, both through our forwarding. */

const lab = new TestLab('path')
const VIP = '192.168.1.100'
const manifest = (name: string) =>
  readFileSync(new URL(`../../lab/manifests/${name}.yaml`, import.meta.url), 'utf8')

const service = (name: string, spec: string, annotations = '') => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, annotations: { ${annotations} } }
spec: { selector: { app: nginx }, ports: [{ port: 80 }], ${spec} }
`

const jsonpath = async (resource: string, path: string) =>
  (await lab.kubectl(`get ${resource} -o jsonpath={${path}}`)).stdout

const addressOf = (name: string) =>
  until(`an address for ${name}`, async () => {
    const address = await jsonpath(`service/${name}`, '.status.loadBalancer.ingress[0].ip')
    return address === '' ? undefined : address
  })

const condition = (name: string, type: string) =>
  jsonpath(`service/${name}`, `.status.conditions[?(@.type=="fairlead.io/${type}")].reason`)

/** The echo servers' answers to so many requests from a place, one connection each; '' for a request that failed. */
async function ask(place: string, url: string, count = 1): Promise<Record<string, string>[]> {
  const loop = `for i in $(seq ${count}); do curl -sg -m 2 ${url} || echo '{}'; echo; done`
  const lines = (await lab.output(place, 'sh', '-c', loop)).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, string>)
}

const nodesOf = (answers: readonly Record<string, string>[]) =>
  [...new Set(answers.map(({ node }) => node))].sort()

/** MAC addresses of whoever answers ARP for an address, by the node they belong to. */
async function answerers(address: string): Promise<string[]> {
  const { stdout } = await lab.exec('client', 'arping', '-c', '3', '-w', '2', '-i', 'eth0', address)
  const macs = new Set([...stdout.matchAll(/from ([0-9a-f:]{17})/g)].map(([, mac]) => mac))
  return [...macs].map((mac) => lab.info.nodes.find((node) => node.mac === mac)?.name ?? mac)
}

const routesTo = async (prefix: string) => (await lab.exec('router', 'birdc', 'show', 'route', prefix)).stdout

beforeAll(async () => {
  expect(await lab.up()).toMatchObject({ code: 0, stderr: '' })
  for (const name of ['layer2', 'nginx']) await lab.apply(manifest(name))
  await lab.kubectl('wait --for=condition=Available deployment/nginx --timeout=60s')
  await addressOf('nginx')
})

afterAll(() => lab.down())

describe('layer 2', () => {
  test('the Service has the first address of the pool and says who announces it', async () => {
    expect(await addressOf('nginx')).toBe(VIP)
    await until('it is announced', async () =>
      (await condition('nginx', 'Announced')) === 'Announced' ? true : undefined,
    )
    expect(await condition('nginx', 'AddressAssigned')).toBe('Assigned')
    expect(await jsonpath('service/nginx', '.status.loadBalancer.ingress[0].ipMode')).toBe('VIP')
    const { stdout } = await lab.kubectl('describe service nginx')
    expect(stdout).toContain(`Assigned IP ["${VIP}"]`)
    expect(stdout).toMatch(/announcing from node "node\d" with protocol "layer2"/)
  })

  test('exactly one node answers, the one in ServiceL2Status', async () => {
    const node = await until('a ServiceL2Status', async () => {
      const found = await jsonpath('servicel2statuses -n metallb-system', '.items[*].status.node')
      return found === '' ? undefined : found
    })
    expect(await answerers(VIP)).toEqual([node])
  })

  test('a client’s requests reach pods on all nodes', async () => {
    const answers = await ask('client', `http://${VIP}/path`, 40)
    expect(nodesOf(answers)).toEqual(['node1', 'node2', 'node3'])
    expect(answers.every(({ path, protocol }) => path === '/path' && protocol === 'TCP')).toBe(true)
  })

  test('the address answers ping', async () => {
    expect((await lab.exec('client', 'ping', '-c1', '-W1', VIP)).code).toBe(0)
  })
})

describe('forwarding', () => {
  test('ClusterIP from pods and nodes, NodePort on every node, a pod to itself', async () => {
    const clusterIP = await jsonpath('service/nginx', '.spec.clusterIP')
    const nodePort = await jsonpath('service/nginx', '.spec.ports[0].nodePort')
    const pod = await jsonpath('pods -l app=nginx', '.items[0].metadata.name')
    const fromPod = await ask(`pod/default/${pod}`, `http://${clusterIP}/`, 30)
    expect(nodesOf(fromPod)).toEqual(['node1', 'node2', 'node3'])
    expect(nodesOf(await ask('node/node2', `http://${clusterIP}/`, 30))).toEqual(['node1', 'node2', 'node3'])
    for (const { addresses } of lab.info.nodes) {
      expect((await ask('client', `http://${addresses[0]}:${nodePort}/`))[0].namespace).toBe('default')
    }
  })

  test('UDP', async () => {
    await lab.apply(`
apiVersion: v1
kind: Pod
metadata: { name: udp, labels: { app: udp } }
spec: { containers: [{ name: udp, image: any, ports: [{ containerPort: 5353, protocol: UDP }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: udp }
spec: { type: LoadBalancer, selector: { app: udp }, ports: [{ port: 53, targetPort: 5353, protocol: UDP }] }
`)
    const address = await addressOf('udp')
    const send = `
      const socket = require('dgram').createSocket('udp4')
      socket.on('message', (text) => { console.log(String(text)); process.exit(0) })
      socket.send('hello', 53, '${address}')
      setTimeout(() => process.exit(1), 1000)`
    const answer = await until('an answer over UDP', async () => {
      const { code, stdout } = await lab.exec('client', process.execPath, '-e', send)
      return code === 0 ? (JSON.parse(stdout) as Record<string, string>) : undefined
    })
    expect(answer).toMatchObject({ pod: 'udp', protocol: 'UDP' })
  })

  test('externalTrafficPolicy Local keeps the client’s address', async () => {
    await lab.apply(service('local', 'type: LoadBalancer, externalTrafficPolicy: Local'))
    const address = await addressOf('local')
    const [answer] = await until('an answer', async () => {
      const answers = await ask('client', `http://${address}/`)
      return answers[0].client === undefined ? undefined : answers
    })
    expect(answer.client).toMatch(/^192\.168\.1\.5:/)
    expect(await answerers(address)).toEqual([answer.node])
  })

  test('a Service without endpoints refuses at once', async () => {
    await lab.apply(`
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { type: NodePort, selector: { app: nobody }, ports: [{ port: 80 }] }
`)
    const clusterIP = await jsonpath('service/empty', '.spec.clusterIP')
    const refused = await until('a refusal', async () => {
      const outcome = await lab.exec('node/node1', 'curl', '-s', '-m', '2', `http://${clusterIP}/`)
      return outcome.code === 28 ? undefined : outcome
    })
    expect(refused.code).toBe(7)
  })

  test('the program is printable, ten more Services change none of it, and there is no iptables rule', async () => {
    const program = () => lab.output('node/node1', 'nft', '--stateless', '--terse', 'list', 'ruleset')
    const before = await program()
    expect(before).toContain('table ip fairlead')
    const names = Array.from({ length: 10 }, (_, index) => `more${index}`)
    await lab.apply(names.map((name) => service(name, 'type: LoadBalancer')).join('---\n'))
    for (const name of names) await addressOf(name)
    const last = await addressOf('more9')
    await until('the last one answers', async () =>
      (await ask('client', `http://${last}/`))[0].pod ? true : undefined,
    )
    expect(await program()).toBe(before)
    expect((await lab.output('node/node1', 'iptables-save')).trim()).toBe('')
    await lab.kubectl(`delete service ${names.join(' ')}`)
  })
})

describe('BGP', () => {
  test('the router has one way to the address over each node, and uses it', async () => {
    await lab.apply(manifest('bgp'))
    const routes = await until('three routes', async () => {
      const text = await routesTo(`${VIP}/32`)
      return (text.match(/via /g) ?? []).length === 3 ? text : undefined
    })
    for (const { addresses } of lab.info.nodes) expect(routes).toContain(`via ${addresses[0]} on eth0`)
    expect((await ask('router', `http://${VIP}/`))[0].pod).toMatch(/^nginx-/)
    const states = await jsonpath('speakerstatuses', '.items[*].status.sessions[*].state')
    expect(states).toBe('Established Established Established')
  })

  test('losing the last endpoint withdraws the route, a new one brings it back', async () => {
    await lab.kubectl('scale deployment/nginx --replicas=0')
    await until('the route is withdrawn', async () =>
      (await routesTo(`${VIP}/32`)).includes('via ') ? undefined : true,
    )
    await lab.kubectl('scale deployment/nginx --replicas=3')
    await until('the route is back', async () =>
      (await routesTo(`${VIP}/32`)).includes('via ') ? true : undefined,
    )
    await lab.kubectl('wait --for=condition=Available deployment/nginx --timeout=60s')
  })

  test('a peer that is not there is reported in words, and disturbs nobody', async () => {
    await lab.apply(`
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: { name: nobody, namespace: metallb-system }
spec: { myASN: 64513, peerASN: 64999, peerAddress: 192.168.1.5 }
`)
    const error = await until('an error', async () => {
      const text = await jsonpath('speakerstatus/node1', '.status.sessions[?(@.peer=="nobody")].lastError')
      return text === '' ? undefined : text
    })
    expect(error).toContain('refused the connection')
    expect(await routesTo(`${VIP}/32`)).toContain('via ')
  })
})

describe('bad input', () => {
  test.each([
    [
      '["10.0.0.300-10.0.0.310"]',
      'spec.addresses[0]: invalid CIDR "10.0.0.300-10.0.0.310" in pool "bad": invalid IP range',
    ],
    ['["192.168.1.140-192.168.1.160"]', 'overlaps with already defined CIDR'],
    ['["10.0.0.1-fd00::1"]', 'spec.addresses[0]'],
  ])('a pool of %s says so in kubectl describe, and the others stay', async (addresses, words) => {
    await lab.apply(`
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: bad, namespace: metallb-system }
spec: { addresses: ${addresses} }
`)
    await until(`an event with ${words}`, async () => {
      const { stdout } = await lab.kubectl('describe ipaddresspool bad -n metallb-system')
      return stdout.includes(words) ? true : undefined
    })
    expect((await ask('client', `http://${VIP}/`))[0].pod).toMatch(/^nginx-/)
    await lab.kubectl('delete ipaddresspool bad -n metallb-system')
  })

  test('an unknown field is refused by the API server', async () => {
    const { code, stderr } = await lab.kubectl(
      'apply -f -',
      `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: bad, namespace: metallb-system }
spec: { addresses: ["10.0.0.0/24"], adresses: [] }
`,
    )
    expect(code).toBe(1)
    expect(stderr).toContain('unknown field "spec.adresses"')
  })

  test('an address outside every pool: explain says which pools there are', async () => {
    await lab.apply(service('outside', 'type: LoadBalancer', 'metallb.io/loadBalancerIPs: 9.9.9.9'))
    await until('a reason', async () =>
      (await condition('outside', 'AddressAssigned')) === 'RequestedAddressNotInPool' ? true : undefined,
    )
    const { code, stdout } = await lab.fairlead(
      lab.info.controller.admin,
      'explain',
      'service',
      'default/outside',
    )
    expect(code).toBe(1)
    expect(stdout).toContain('9.9.9.9 is in no pool (production-pool 192.168.1.100-192.168.1.150)')
  })
})

describe('asking the processes', () => {
  test('fairlead status and explain', async () => {
    const status = await lab.fairlead(lab.info.nodes[0].admin, 'status')
    expect(status).toMatchObject({ code: 0, stderr: '' })
    expect(status.stdout).toContain('speaker on node1: in step with the API server')
    // With the rights that the chart gives it the controller can say all of it, too.
    const leading = await lab.fairlead(lab.info.controller.admin, 'status')
    expect(leading).toMatchObject({ code: 0, stderr: '' })
    expect(leading.stdout).toContain(': in step with the API server, leader')
    expect(leading.stdout).toContain('default/nginx')
    const explained = await lab.fairlead(lab.info.controller.admin, 'explain', 'service', 'default/nginx')
    expect(explained).toMatchObject({ code: 0, stderr: '' })
    expect(explained.stdout).toContain('default/nginx: every check passed')
  })

  test('metrics have MetalLB’s and kube-proxy’s names', async () => {
    const metrics = async (socket: string) =>
      lab.output('client', 'curl', '-s', '--unix-socket', socket, 'http://admin/metrics')
    const controller = await metrics(lab.info.controller.admin)
    expect(controller).toContain('metallb_allocator_addresses_total{pool="production-pool"} 51')
    expect(controller).toMatch(/metallb_allocator_addresses_in_use_total\{pool="production-pool"\} [1-9]/)
    const speakers = (await Promise.all(lab.info.nodes.map(({ admin }) => metrics(admin)))).join('')
    expect(speakers).toContain(`service="default/nginx",protocol="layer2"`)
    expect(speakers).toMatch(/metallb_layer2_requests_received\{ip="192\.168\.1\.100"\} [1-9]/)
    expect(speakers).toContain('metallb_bgp_session_up{peer="192.168.1.1:179",vrf="default"} 1')
    expect(speakers).toMatch(/kubeproxy_sync_proxy_rules_duration_seconds_count \d/)
  })
})

describe('faults', () => {
  test('a speaker that is stopped hands its address over', async () => {
    const [before] = await answerers(VIP)
    expect((await lab.command('fault', 'stop-speaker', before)).code).toBe(0)
    await until('another node answers', async () => {
      const found = await answerers(VIP)
      return found.length === 1 && found[0] !== before ? found[0] : undefined
    })
    expect((await ask('client', `http://${VIP}/`))[0].pod).toMatch(/^nginx-/)
    const [after] = await answerers(VIP)
    await lab.command('fault', 'start-speaker', before)
    await until('it is back', async () => {
      const conditions = `.items[?(@.metadata.name=="${before}")].status.conditions`
      const ready = await jsonpath('speakerstatuses', `${conditions}[?(@.type=="Ready")].status`)
      return ready === 'True' ? true : undefined
    })
    // Whoever has an address keeps it: one that comes back takes nothing (docs/decisions/0005).
    expect(await answerers(VIP)).toEqual([after])
    const holder = '.items[?(@.status.serviceName=="nginx")].status.node'
    expect(await jsonpath('servicel2statuses -n metallb-system', holder)).toBe(after)
  })

  test('a speaker that crashes goes on forwarding, and changes nothing when it is back', async () => {
    // Not the whole table: chains for numbers of endpoints that are not in use any more go at a start.
    const maps = ['frontends', 'endpoints', 'nodeports', 'nodeport-endpoints', 'external-cluster', 'pingable']
    const sorted = async () => {
      const json = await lab.output(
        'node/node2',
        'nft',
        '--json',
        '--stateless',
        'list',
        'table',
        'ip',
        'fairlead',
      )
      const { nftables } = JSON.parse(json) as {
        nftables: Record<string, { name: string; elem?: unknown[] } | undefined>[]
      }
      return nftables
        .flatMap(({ map, set }) => map ?? set ?? [])
        .filter(({ name }) => maps.includes(name))
        .flatMap(({ name, elem = [] }) => elem.map((one) => `${name} ${JSON.stringify(one)}`))
        .sort()
    }
    const nodePort = await jsonpath('service/nginx', '.spec.ports[0].nodePort')
    const before = await sorted()
    await lab.command('fault', 'crash-speaker', 'node2')
    const answers = await ask('client', `http://${lab.info.nodes[1].addresses[0]}:${nodePort}/`, 10)
    expect(answers.every(({ pod }) => pod?.startsWith('nginx-'))).toBe(true)
    await lab.command('fault', 'start-speaker', 'node2')
    await until('node2 is back', async () =>
      (await lab.fairlead(lab.info.nodes[1].admin, 'status')).stdout.includes('in step') ? true : undefined,
    )
    expect(before.length).toBeGreaterThan(10)
    expect(await sorted()).toEqual(before)
  })

  test('an API outage stops no request and moves no address', async () => {
    const [before] = await answerers(VIP)
    await lab.command('fault', 'api-outage')
    const answers = await ask('client', `http://${VIP}/`, 20)
    expect(answers.every(({ pod }) => pod?.startsWith('nginx-'))).toBe(true)
    expect(await answerers(VIP)).toEqual([before])
    await lab.command('fault', 'api-back')
    await lab.apply(service('afterwards', 'type: LoadBalancer'))
    expect(await addressOf('afterwards')).toMatch(/^192\.168\.1\./)
  })
})

test('the chart’s permissions were enough for all of it', () => {
  const logs = readdirSync(lab.info.logs).map((name) => readFileSync(join(lab.info.logs, name), 'utf8'))
  expect(logs.join('')).toContain('first lists complete')
  expect(
    logs
      .join('')
      .split('\n')
      .filter((line) => line.includes('FORBIDDEN')),
  ).toEqual([])
})
