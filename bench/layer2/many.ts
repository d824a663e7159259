import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { getDocument } from '#cli/admin-client.ts'
import type { Sighting } from '#cli/l2-sightings.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { connect } from '#kube/connect.ts'
import { resources } from '#kube/resources.ts'
import { LabProbe } from '#lab/probes/probe.ts'
import { inParallel } from '../forwarding/objects.ts'
import { memoryMiB } from '../forwarding/usage.ts'
import type { Options } from './options.ts'
import { medianAndWorst } from './report.ts'
import { World } from './world.ts'

const POOL = '10.200.0.0/19'
const HOLDER = 'node1'
const HEIR = 'node2'
/** Each takes half a minute. */
const MOST_RUNS = 5
const SETTLE_MS = 5000
const LIMIT_MS = 180_000

/** Memory of a speaker with one Service and with many, and what becomes of many addresses when their holder dies. */
export async function measureMany({ services, runs, keep }: Options): Promise<void> {
  const world = await World.start('', '4')
  const directory = keep === '' ? mkdtempSync(join(tmpdir(), 'fairlead-l2-')) : keep
  mkdirSync(directory, { recursive: true })
  const api = await connect({ kubeconfig: world.lab.info.kubeconfig, userAgent: 'bench' })
  try {
    await world.lab.apply(`${manifests}---${advertisement([HOLDER])}`)
    await world.lab.kubectl('wait --for=condition=Available deployment/web --timeout=60s')
    await create(api, 0, 1)
    await held(world, HOLDER, 1)
    const one = await memory(world)
    const began = performance.now()
    await create(api, 1, services)
    await held(world, HOLDER, services)
    console.log(
      `\n${services} Services made and all held after ${((performance.now() - began) / 1000).toFixed(1)} s`,
    )
    const all = await memory(world)
    console.log(`memory of a speaker, MiB: ${one} with 1 Service, ${all} with ${services}`)
    await world.lab.apply(advertisement([HOLDER, HEIR]))
    await delay(SETTLE_MS)
    await held(world, HOLDER, services)
    console.log(`a second candidate came: all ${services} addresses stay where they are`)
    const results: TakeOver[] = []
    for (let run = 0; run < Math.min(runs, MOST_RUNS); run++) {
      const nodes = run % 2 === 0 ? [HOLDER, HEIR] : [HEIR, HOLDER]
      results.push(await takeOver(world, nodes, services, join(directory, `many-${run + 1}`)))
    }
    report(results, services)
  } finally {
    api.close()
    if (keep === '') rmSync(directory, { recursive: true })
    await world.down()
  }
}

interface TakeOver {
  /** milliseconds from the kill to the first announcement of the first and of the last address */
  readonly first: number
  readonly last: number
  readonly announced: number
  /** addresses that the holder had, and so lost; fewer than all when a node took some back without a reason */
  readonly held: number
  /** addresses that the heir alone answers for afterwards */
  readonly answered: number
}

async function takeOver(
  world: World,
  [holder, heir]: readonly string[],
  services: number,
  path: string,
): Promise<TakeOver> {
  const { name } = world.lab
  const probe = (what: string, addresses: readonly string[]) =>
    LabProbe.start(name, { from: 'client', addresses, everyMs: 2000, file: `${path}-${what}.pcap` })
  const lost = await heldBy(world, holder)
  const listening = await probe('announcements', [])
  const killed = Date.now()
  await world.fault('crash-speaker', holder)
  await held(world, heir, services)
  await delay(SETTLE_MS)
  const mac = world.lab.info.nodes.find((node) => node.name === heir)?.mac ?? ''
  const announcements = firstOfEach(
    (await listening.stop()).filter((one) => one.at >= killed && one.mac === mac),
  )
  const addresses = await assigned(world)
  const asking = await probe('answers', addresses)
  await delay(SETTLE_MS)
  const answers = (await asking.stop()).filter(({ what }) => what === 'answer')
  const answered = addresses.filter((address) => {
    const macs = new Set(answers.flatMap((one) => (one.address === address ? [one.mac] : [])))
    return macs.size === 1 && macs.has(mac)
  })
  await world.fault('start-speaker', holder)
  await world.ready()
  await delay(SETTLE_MS)
  const times = lost.flatMap((address) => announcements.get(address) ?? []).map((at) => at - killed)
  return {
    first: Math.min(...times),
    last: Math.max(...times),
    announced: times.length,
    held: lost.length,
    answered: answered.length,
  }
}

function firstOfEach(sightings: readonly Sighting[]): Map<string, number> {
  const first = new Map<string, number>()
  for (const { what, address, at } of sightings) {
    if (what === 'announcement' && !first.has(address)) first.set(address, at)
  }
  return first
}

function report(results: readonly TakeOver[], services: number): void {
  const of = (pick: (result: TakeOver) => number) => medianAndWorst(results.map(pick))
  const range = (pick: (result: TakeOver) => number) => results.map(pick).join(', ')
  console.log(
    `take-over of ${services} addresses, median / worst of ${results.length}: first announced ${of(({ first }) => first)} after the kill, ` +
      `from the first to the last ${of(({ first, last }) => last - first)} (aim: 2.5 s); run by run the holder had ` +
      `${range(({ held }) => held)}, announced were ${range(({ announced }) => announced)}, ` +
      `answered for by the successor alone ${range(({ answered }) => answered)}`,
  )
}

/** Waits until the node answers for so many addresses. */
async function held(world: World, node: string, count: number): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  for (;;) {
    const { length: now } = await heldBy(world, node)
    if (now === count) return
    if (performance.now() > deadline) throw new Error(`${node} holds ${now} addresses and not ${count}`)
    await delay(100)
  }
}

async function heldBy(world: World, node: string): Promise<readonly string[]> {
  const admin = world.lab.info.nodes.find(({ name }) => name === node)?.admin ?? ''
  const { heldAddresses } = await getDocument({ admin, json: true }, '/api/v1/status')
  return heldAddresses as readonly string[]
}

/** MiB of each speaker, highest last, when all is quiet. */
async function memory(world: World): Promise<string> {
  await delay(SETTLE_MS)
  const sizes = world.lab.info.nodes.map(({ admin }) => memoryMiB(speakerWith(admin)).now)
  return sizes
    .sort((a, b) => a - b)
    .map((size) => size.toFixed(0))
    .join(', ')
}

/** Number of the process with this admin socket. */
function speakerWith(admin: string): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')
      if (words[0].endsWith('node') && words.includes('speaker') && words.includes(admin))
        return Number(entry)
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error(`no speaker has ${admin}`)
}

async function assigned(world: World): Promise<string[]> {
  const path = 'jsonpath={.items[*].status.loadBalancer.ingress[*].ip}'
  const { stdout } = await world.lab.kubectl(`get services -o ${path}`)
  return stdout.split(' ').filter((one) => one !== '')
}

const create = (api: KubeApi, from: number, to: number): Promise<void> =>
  inParallel(
    Array.from({ length: to - from }, (_, index) => `s${from + index}`),
    async (name) => {
      const spec = { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }] }
      const service: KubeObject & { spec: unknown } = { metadata: { name, namespace: 'default' }, spec }
      await api.create(resources.services, service)
    },
  )

const advertisement = (nodes: readonly string[]): string => `
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: { name: bench, namespace: metallb-system }
spec:
  nodeSelectors:
${nodes.map((node) => `    - matchLabels: { kubernetes.io/hostname: ${node} }`).join('\n')}
`

const manifests = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: bench, namespace: metallb-system }
spec: { addresses: [${POOL}] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx, ports: [{ containerPort: 80 }] }] }
`
