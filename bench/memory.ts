/**
 * Resident memory of the two processes when they have nothing to do: run from the sources, as in the lab, and built,
 * as in an image. The API server is the lab's, each process alone with it; the speaker reaches it as in a Pod.
 *
 *     node bench/memory.ts
 *     node bench/memory.ts 5000
 *
 * The number is that of the most Services, 10,000 when none is given. What a speaker announces by layer 2 costs more
 * than what it only forwards, so the rows say which it is. Runs in namespaces of its own, as root.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from '#kube/connect.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { programPath } from '#lab/program.ts'
import { installProduct } from '../test/kubernetes/product.ts'
import { cleanup } from '../test/netns.ts'
import { Cluster } from './controller/cluster.ts'
import { Subject } from './controller/subject.ts'
import { startLabApi } from './forwarding/lab-api.ts'
import { inParallel, NAMESPACE, Objects, plainEndpoints, plainService } from './forwarding/objects.ts'
import { fairlead, Proxy } from './forwarding/proxies.ts'
import { Report, short } from './forwarding/report.ts'
import { createPlace, prepareHome, type Place } from './forwarding/topology.ts'
import { cpuMs, memoryMiB } from './forwarding/usage.ts'
import { inOwnNamespaces, runInOwnNamespaces } from './own-namespaces.ts'
import { givePodAccount } from './pod-account.ts'

const MOST = 10_000
const ANNOUNCED = [1, 1000]
/** Quiet is a process that uses less than a twentieth of a core for so long; by then it has also collected. */
const QUIET_S = 8
const LIMIT_S = 60

interface Program {
  readonly name: string
  readonly path: string
}

/** Measures and prints one table; leaves nothing behind. */
export async function main(args: readonly string[] = []): Promise<void> {
  if (!inOwnNamespaces) return runInOwnNamespaces(import.meta.url, args)
  const most = Number(args.find((one) => /^\d+$/.test(one)) ?? MOST)
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-bench-'))
  const report = new Report()
  try {
    const programs: Program[] = [
      { name: 'sources', path: programPath },
      { name: 'built', path: build(directory) },
    ]
    await prepareHome()
    for (const { name } of programs) report.set('yardstick: node that does nothing', name, await bareNode())
    for (const program of programs) await measureController(program, most, directory, report)
    await measureSpeakers(programs, most, directory, report)
    report.print('Resident memory, MiB, now (highest until then)')
  } finally {
    await cleanup()
    rmSync(directory, { recursive: true, force: true })
  }
}

function build(directory: string): string {
  const out = join(directory, 'dist')
  const tool = fileURLToPath(new URL('../tools/build.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [tool, out], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the build failed: ${stderr}`)
  return join(out, 'cli/main.js')
}

async function measureController(
  program: Program,
  most: number,
  directory: string,
  report: Report,
): Promise<void> {
  const { api, kubeconfig, namespace, stop } = await startApi(directory)
  const cluster = await Cluster.prepare(api, namespace)
  await cluster.createPool('pool', '10.64.0.0/16')
  const start = () => new Subject(directory, kubeconfig, namespace, program.path)
  const row = async (measure: string) => report.set(measure, program.name, await settled(subject.pid))
  // The first start leaves compiled sources behind, which the second uses.
  let subject = start()
  await subject.ready()
  await settled(subject.pid)
  await subject.stop()
  subject = start()
  try {
    await row('controller, no Services')
    const before = subject.cpu
    await cluster.growTo(most)
    await row(`controller, ${most} Services made`)
    const each = (subject.cpu - before) / most
    report.set('… CPU a Service, ms', program.name, short(each))
    await subject.stop()
    subject = start()
    await row(`controller, started with ${most} Services`)
  } finally {
    await subject.stop()
    cluster.close()
    await stop()
  }
}

async function measureSpeakers(
  programs: readonly Program[],
  most: number,
  directory: string,
  report: Report,
): Promise<void> {
  const { api, kubeconfig, namespace, stop } = await startApi(directory)
  const objects = new Objects(api)
  const place = await createPlace(1, 'node1')
  await objects.createNode(place.nodeName, place.nodeIP)
  await objects.createNamespace()
  await api.create(resources.l2Advertisements, { metadata: { name: 'all', namespace } })
  await api.create(resources.ipAddressPools, {
    metadata: { name: 'pool', namespace },
    spec: { addresses: ['10.64.0.0/16'] },
  } as KubeObject)
  const measure = async (what: string) => {
    for (const program of programs) {
      report.set(
        `speaker, ${what}`,
        program.name,
        await speaker(program, place, kubeconfig, namespace, directory),
      )
    }
  }
  try {
    // The first start leaves compiled sources behind.
    await speaker(programs[0], place, kubeconfig, namespace, directory)
    let made = 0
    for (const count of ANNOUNCED) {
      await announce(api, objects, made, count)
      made = count
      await measure(count === 1 ? '1 Service announced' : `${count} Services announced`)
    }
    await objects.deleteAll(Array.from({ length: made }, (_, n) => plainService(n)))
    await objects.createAll(
      Array.from({ length: most }, (_, n) => [plainService(n), plainEndpoints(n, 2)] as const),
    )
    await measure(`${most} Services forwarded, two endpoints each`)
  } finally {
    await stop()
  }
}

/** Starts one, waits until it is quiet, and takes it away with what it has programmed. */
async function speaker(
  program: Program,
  place: Place,
  kubeconfig: string,
  namespace: string,
  directory: string,
): Promise<string> {
  const spec = fairlead(kubeconfig, namespace, place, program.path)
  const command = spec.command.filter((argument) => !argument.startsWith('--kubeconfig'))
  const environment = { ...spec.environment, ...givePodAccount(kubeconfig, namespace) }
  const proxy = new Proxy({ ...spec, command, environment }, directory)
  proxy.start()
  try {
    return await settled(proxy.pid)
  } finally {
    await proxy.reset()
  }
}

/** Makes Services of type LoadBalancer that have their addresses and two endpoints each. */
async function announce(api: KubeApi, objects: Objects, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, at) => from + at)
  await objects.createAll(numbers.map((n) => [plainService(n), plainEndpoints(n, 2)] as const))
  await inParallel(numbers, async (n) => {
    const key = { namespace: NAMESPACE, name: plainService(n).name }
    await api.patch(resources.services, key, { spec: { type: 'LoadBalancer' } }, { type: 'merge' })
    const ingress = [{ ip: `10.64.${1 + (n >> 8)}.${n & 255}` }]
    const status = { loadBalancer: { ingress } }
    await api.patch(resources.services, key, { status }, { type: 'merge', subresource: 'status' })
  })
}

async function startApi(directory: string): Promise<{
  readonly api: KubeApi
  readonly kubeconfig: string
  readonly namespace: string
  stop(): Promise<void>
}> {
  const server = await startLabApi(directory)
  const kubeconfig = await server.kubeconfig('bench')
  const api = await connect({ userAgent: 'bench', kubeconfig, requestTimeoutMs: 60_000 })
  const { namespace } = await installProduct(api)
  return {
    api,
    kubeconfig,
    namespace,
    async stop() {
      await api.close()
      await server.stop()
    },
  }
}

/** What is resident when the process has become quiet. */
async function settled(pid: number): Promise<string> {
  for (let second = 0, quiet = 0, before = cpuMs(pid); second < LIMIT_S && quiet < QUIET_S; second++) {
    await delay(1000)
    const now = cpuMs(pid)
    quiet = now - before < 50 ? quiet + 1 : 0
    before = now
  }
  const { now, peak } = memoryMiB(pid)
  return `${short(now)} (${short(peak)})`
}

async function bareNode(): Promise<string> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' })
  await delay(1000)
  const { now, peak } = memoryMiB(child.pid as number)
  child.kill()
  return `${short(now)} (${short(peak)})`
}

if (import.meta.main) await main(process.argv.slice(2))
