import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LabProbe } from '#lab/probes/probe.ts'
import { TestLab, until } from './test-lab.ts'

/** Machines outside the cluster that use a Service's address: the lab's router plays them, in both families. */

const lab = new TestLab('foreign')
const directory = mkdtempSync(join(tmpdir(), 'fairlead-foreign-'))
const TAKEN = ['192.168.1.120', 'fd00:192:168:1::120'] as const
const FREE = ['192.168.1.121', 'fd00:192:168:1::121'] as const
/** An address that was found in use is tried again after ten seconds. */
const LIMIT_MS = 40_000
let client: LabProbe

const service = (name: string, addresses: readonly string[]) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, annotations: { metallb.io/loadBalancerIPs: '${addresses.join(',')}' } }
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  selector: { app: echo }
  ports: [{ port: 80 }]
`

const manifests = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: foreign, namespace: metallb-system }
spec: { addresses: [192.168.1.100-192.168.1.150, 'fd00:192:168:1::100-fd00:192:168:1::150'] }
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: { name: foreign, namespace: metallb-system }
---
apiVersion: v1
kind: Pod
metadata: { name: echo, labels: { app: echo } }
spec: { containers: [{ name: echo, image: any, ports: [{ containerPort: 80 }] }] }
`

/** The router's own hardware address, so that it can be told from the nodes'. */
const ROUTER = '02:00:00:00:00:01'
const router = async (action: 'add' | 'del', addresses: readonly string[]) => {
  for (const address of addresses) {
    const bits = address.includes(':') ? ['/128', 'nodad'] : ['/32']
    await lab.output('router', 'ip', 'addr', action, `${address}${bits[0]}`, 'dev', 'eth0', ...bits.slice(1))
  }
}

/** Who answered in the last second: `router` or the names of nodes. */
const answerers = (address: string): string[] =>
  client
    .answerers(address, 1000)
    .map((mac) =>
      mac === ROUTER ? 'router' : (lab.info.nodes.find((node) => node.mac === mac)?.name ?? mac),
    )
    .sort()

const oneNodeEach = (addresses: readonly string[]) => (): boolean =>
  addresses.every((address) => {
    const found = answerers(address)
    return found.length === 1 && found[0].startsWith('node')
  })

const announced = async (name: string): Promise<{ reason: string; message: string }> => {
  const path = 'jsonpath={.status.conditions[?(@.type=="fairlead.io/Announced")]}'
  const { stdout } = await lab.kubectl(`get service ${name} -o ${path}`)
  return JSON.parse(stdout || '{}') as { reason: string; message: string }
}

beforeAll(async () => {
  const { code, stderr } = await lab.up()
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  await lab.apply(manifests)
  await lab.kubectl('wait --for=condition=Ready pod/echo --timeout=60s')
  const file = join(directory, 'client.pcap')
  client = await LabProbe.start(lab.name, {
    from: 'client',
    addresses: [...TAKEN, ...FREE],
    everyMs: 20,
    file,
  })
})

afterAll(async () => {
  await client?.end()
  await lab.down()
  rmSync(directory, { recursive: true })
})

test('an address that somebody else has is left alone until it is free', async () => {
  await router('add', TAKEN)
  await lab.apply(service('taken', TAKEN))
  const inUse = async () => {
    const condition = await announced('taken')
    return condition.reason === 'AddressInUseOnWire' ? condition : undefined
  }
  const { message } = await until('the Service says that its address is in use', inUse, LIMIT_MS)
  expect(message).toContain(ROUTER)
  expect(TAKEN.map(answerers)).toEqual([['router'], ['router']])
  await router('del', TAKEN)
  expect(await client.until(oneNodeEach(TAKEN), LIMIT_MS)).toBe(true)
})

test('an address in service that somebody else begins to use is defended, and said to be', async () => {
  await lab.apply(service('mine', FREE))
  expect(await client.until(oneNodeEach(FREE), LIMIT_MS)).toBe(true)
  const [[holder]] = FREE.map(answerers)
  await router('add', FREE)
  // As a machine does that has just been given the address.
  await lab.exec('router', 'arping', '-U', '-c', '2', '-i', 'eth0', '-S', FREE[0], FREE[0])
  const metrics = async (name: string): Promise<string> => {
    const admin = lab.info.nodes.find((node) => node.name === name)?.admin ?? ''
    return lab.output('client', 'curl', '-s', '--unix-socket', admin, 'http://admin/metrics')
  }
  const counted = new RegExp(`^fairlead_layer2_conflicts.*${FREE[0]}.* [1-9]`, 'm')
  const told = async () => (counted.test(await metrics(holder)) ? true : undefined)
  await until('the conflict is counted', told, LIMIT_MS)
  expect(answerers(FREE[0])).toContain(holder)
  await router('del', FREE)
  expect(await client.until(oneNodeEach(FREE), LIMIT_MS)).toBe(true)
  expect(answerers(FREE[0])).toEqual([holder])
})
