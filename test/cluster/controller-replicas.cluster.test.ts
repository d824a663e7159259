import { rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import type { KubeClient } from '#kube/client.ts'
import { systemClock } from '#kube/clock.ts'
import { connect } from '#kube/connect.ts'
import { projectService } from '#kube/objects/service.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'
import { TestLab } from './test-lab.ts'

/** Two controllers, of which the leader is killed, frozen and thawed while Services come and go. */

const SERVICES = 500
const PACE_MS = 60
const NAMESPACE = 'churn'
const lab = new TestLab('replicas')
let api: KubeClient

/** What somebody who watches all the time sees of the addresses. */
class Witness {
  /** every address that a Service ever had */
  readonly had = new Map<string, Set<string>>()
  /** addresses that two Services had at the same time */
  readonly doubles: string[] = []
  readonly #owners = new Map<string, string>()
  readonly reflector: Reflector<string[]>

  constructor() {
    this.reflector = new Reflector({
      api,
      clock: systemClock,
      resource: resources.services,
      select: { namespace: NAMESPACE },
      project: (object) => projectService(object).ingress.map(({ ip }) => ip ?? ''),
    })
    this.reflector.onChange(({ key, previous = [], current = [] }) => {
      for (const address of previous) if (this.#owners.get(address) === key) this.#owners.delete(address)
      for (const address of current) {
        const owner = this.#owners.get(address)
        if (owner !== undefined) this.doubles.push(`${address}: ${owner} and ${key}`)
        this.#owners.set(address, key)
        this.had.set(key, (this.had.get(key) ?? new Set()).add(address))
      }
    })
  }
}

beforeAll(async () => {
  const up = await lab.up('--controllers', '2', '--no-speakers', '--nodes', '1', '--router', 'none')
  expect(up).toMatchObject({ code: 0, stderr: '' })
  api = await connect({ kubeconfig: lab.info.kubeconfig, userAgent: 'test' })
  await api.create(resources.namespaces, { metadata: { name: NAMESPACE } })
  await api.create(resources.ipAddressPools, {
    metadata: { name: 'p', namespace: lab.info.namespace },
    spec: { addresses: ['10.50.0.0/22'] },
  } as KubeObject)
})

afterAll(async () => {
  await api?.close()
  await lab.down()
})

const key = (index: number) => ({ namespace: NAMESPACE, name: `s${index}` })

const create = (index: number) =>
  api.create(resources.services, {
    metadata: key(index),
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], allocateLoadBalancerNodePorts: false },
  } as KubeObject)

/** Creates all, and deletes every third again after a while. */
async function churn(): Promise<void> {
  for (let index = 0; index < SERVICES; index++) {
    await create(index)
    if (index % 3 === 2) await api.delete(resources.services, key(index - 2))
    await new Promise((resolve) => setTimeout(resolve, PACE_MS))
  }
}

interface Lease extends KubeObject {
  spec?: { holderIdentity?: string }
}

async function leader(): Promise<string> {
  const lease = { namespace: lab.info.namespace, name: 'fairlead-controller' }
  return ((await api.get(resources.leases, lease)) as Lease).spec?.holderIdentity ?? ''
}

/** A Lease runs out after 15 seconds. */
async function another(than: string): Promise<string> {
  for (const begun = performance.now(); performance.now() - begun < 60_000;) {
    const holder = await leader()
    if (holder !== '' && holder !== than) return holder
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${than} still leads`)
}

async function fault(kind: string, replica: string): Promise<void> {
  expect(await lab.command('fault', kind, replica)).toMatchObject({ code: 0 })
}

/** Events by the name of the Service that they are about. */
async function eventCounts(): Promise<Map<string, number>> {
  const { items } = await api.list(resources.events, { namespace: NAMESPACE })
  const told = new Map<string, number>()
  for (const { involvedObject } of items as (KubeObject & { involvedObject: { name: string } })[])
    told.set(involvedObject.name, (told.get(involvedObject.name) ?? 0) + 1)
  return told
}

it('no address is given twice, none is lost, and the events of each Service are few', async () => {
  const witness = new Witness()
  witness.reflector.start()
  await witness.reflector.whenSynced()
  const done = churn()
  const first = await another('')
  await fault('crash-controller', first)
  const second = await another(first)
  await fault('start-controller', first)
  await fault('freeze-controller', second)
  expect(await another(second)).toBe(first)
  await fault('thaw-controller', second)
  await done
  const { store } = witness.reflector
  await expect
    .poll(() => [...store.values()].filter((addresses) => addresses.length === 0).length, { timeout: 60_000 })
    .toBe(0)
  expect(store.size).toBe(SERVICES - Math.floor(SERVICES / 3))
  expect(witness.doubles).toEqual([])
  expect([...witness.had].filter(([, addresses]) => addresses.size > 1)).toEqual([])
  // Events are written behind the addresses. What a leader had still to say when it was killed or froze stays unsaid.
  let told = new Map<string, number>()
  const untold = async () => {
    told = await eventCounts()
    return [...store.keys()].filter((name) => !told.has(name.slice(NAMESPACE.length + 1))).length
  }
  await expect.poll(untold, { timeout: 60_000 }).toBeLessThanOrEqual(store.size / 20)
  expect(Math.max(...told.values())).toBeLessThanOrEqual(5)
  witness.reflector.stop()
}, 300_000)

it('simulate says what a change would do, and its exit code that somebody would move', async () => {
  const file = `kind: IPAddressPool
metadata: { name: p, namespace: ${lab.info.namespace} }
spec: { addresses: [10.50.0.0/22, 10.60.0.0/24] }
---
kind: Deployment
metadata: { name: other }
`
  const simulate = async (text: string, ...more: string[]) => {
    const path = `/tmp/${lab.name}-simulate.yaml`
    writeFileSync(path, text)
    try {
      return await lab.fairlead(await leaderSocket(), 'simulate', '-f', path, ...more)
    } finally {
      rmSync(path)
    }
  }
  const wider = await simulate(file)
  expect(wider.stdout.split('\n')).toEqual([
    '0 Services move, 0 lose an address, 0 gain one, 334 unchanged.',
    'ignored: Deployment/other: this kind decides nothing about addresses',
    '',
  ])
  expect(wider.code).toBe(0)
  const gone = await simulate('', '--delete', 'ipaddresspool/p', '--json')
  expect(gone.code).toBe(3)
  expect(JSON.parse(gone.stdout)).toMatchObject({
    unchanged: 0,
    loses: expect.objectContaining({ length: 334 }),
  })
  const moved = await simulate(file.replace('10.50.0.0/22', '10.50.0.0/24'))
  expect(moved.code).toBe(3)
  expect(moved.stdout).toMatch(/^SERVICE +EFFECT +FROM +TO +WHY\n/)
  expect(moved.stdout).toMatch(
    /\nchurn\/s\d+ +moves +10\.50\.\d+\.\d+ \(p\) +10\.\S+ \(p\) +10\.50\.\d+\.\d+ is in no pool any more\n/,
  )
})

async function leaderSocket(): Promise<string> {
  const name = await leader()
  return lab.info.controllers.find((one) => one.name === name)?.admin as string
}
