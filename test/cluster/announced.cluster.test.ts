import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestLab, until as untilLimit } from './test-lab.ts'

/** What the condition Announced says of addresses that nobody can reach, and that it says so only then. */

const lab = new TestLab('announced')
const LIMIT_MS = 60_000
/** A Lease runs out after 40 s, and is renewed every 10 s. */
const LEASE_LIMIT_MS = 150_000
const until = <T>(what: string, ask: () => Promise<T | undefined>, limit = LIMIT_MS) =>
  untilLimit(what, ask, limit)

const manifests = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: routed, namespace: metallb-system }
spec: { addresses: [203.0.113.0/24, "2001:db8:113::/64"] }
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: { name: routed, namespace: metallb-system }
spec: { ipAddressPools: [routed] }
---
apiVersion: v1
kind: Pod
metadata: { name: echo, labels: { app: echo } }
spec: { nodeName: node3, containers: [{ name: echo, image: any, ports: [{ containerPort: 80 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: local }
spec: { type: LoadBalancer, externalTrafficPolicy: Local, selector: { app: echo }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: dual }
spec: { type: LoadBalancer, ipFamilyPolicy: RequireDualStack, selector: { app: echo }, ports: [{ port: 80 }] }
`

const peer = (name: string, peerAddress: string, peerASN = 64512) => `
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: { name: ${name}, namespace: metallb-system }
spec: { myASN: 64513, peerASN: ${peerASN}, peerAddress: "${peerAddress}" }
`

async function announced(service: string): Promise<string> {
  const path = 'jsonpath={.status.conditions[?(@.type=="fairlead.io/Announced")]}'
  const { stdout } = await lab.kubectl(`get service ${service} -o ${path}`)
  const { status, reason, message } = JSON.parse(stdout || '{}') as Record<string, string | undefined>
  return `${status} ${reason}: ${message}`
}

const says = (service: string, words: RegExp, limit = LIMIT_MS) =>
  until(
    `${service} says ${words}`,
    async () => {
      const found = await announced(service)
      if (!words.test(found)) throw new Error(`it says ${found}`)
      return found
    },
    limit,
  )

beforeAll(async () => {
  expect(await lab.up()).toMatchObject({ code: 0, stderr: '' })
  await lab.apply(manifests)
})

afterAll(() => lab.down())

test('without a BGPPeer, and with one that does not exist', async () => {
  await says('dual', /^False NoMatchingPeer: /)
  await lab.apply(peer('r4', '192.168.1.1'))
  await says('local', /^True Announced: announced by node3 \(bgp\)$/)
  const to = (peers: string) =>
    lab.kubectl(`patch bgpadvertisement routed -n metallb-system --type merge -p {"spec":{"peers":${peers}}}`)
  await to('["nobody"]')
  await says('dual', /^False NoMatchingPeer: .*there is no BGPPeer nobody/)
  await to('null')
})

test('one of two families goes nowhere until a session has it', async () => {
  await says('dual', /^False NoPeerForFamily: announced by node1 \(bgp\).*; 2001:db8:113::[0-9a-f]*: /)
  await lab.apply(peer('r6', lab.info.router.addresses[1]))
  await says('dual', /^True Announced: announced by node1 \(bgp\), node2 \(bgp\), node3 \(bgp\)$/)
})

test('no endpoint, and every node kept from it', async () => {
  await lab.kubectl('label pod echo app=other --overwrite')
  await says('local', /^False NoEndpoints: /)
  await lab.kubectl('label pod echo app=echo --overwrite')
  await says('local', /^True /)
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers'
  await lab.kubectl(`label nodes --all ${label}=`)
  await says('local', /^False NoEligibleNode: .*exclude-from-external-load-balancers/)
  await lab.kubectl(`label nodes --all ${label}-`)
  await says('local', /^True /)
})

test('a node that is gone announces nothing, and does again when it is back', async () => {
  const ready = () =>
    lab.kubectl('get speakerstatus node3 -o jsonpath={.status.conditions[?(@.type=="Ready")].status}')
  await lab.command('fault', 'partition', 'node3')
  await says('local', /^False /, LEASE_LIMIT_MS)
  await says('dual', /^(?!.*node3 \(bgp\))/, LEASE_LIMIT_MS)
  expect((await ready()).stdout).toBe('Unknown')
  await lab.command('fault', 'heal', 'node3')
  await says('local', /^True Announced: announced by node3 \(bgp\)$/, LEASE_LIMIT_MS)
  await until('its speaker says again that it is ready', async () =>
    (await ready()).stdout === 'True' ? true : undefined,
  )
})

test('sessions that are down are named, with why', async () => {
  await lab.apply(peer('r4', '192.168.1.1', 64999))
  const found = await says('local', /^False NoSessionUp: /)
  expect(found).toMatch(/203\.0\.113\.\d+: no BGP session that can carry IPv4 is up: r4: .+ \(node3\)/)
  const { stdout } = await lab.fairlead(lab.info.nodes[0].admin, 'explain', 'service', 'default/local')
  expect(stdout).toContain('Is its address announced?')
  expect(stdout).toContain('NoSessionUp')
})
