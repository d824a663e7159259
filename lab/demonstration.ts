import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '#kube/connect.ts'
import { resources } from '#kube/resources.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { projectService } from '#kube/objects/service.ts'
import { labResources, type Pod, isPodReady } from './cluster/objects.ts'
import { readManifest } from './cluster/seed.ts'
import { LabError } from './errors.ts'
import { captureInLab } from './exec.ts'
import type { LabInfo } from './info.ts'
import type { EchoAnswer } from './kubelet/echo-messages.ts'
import { findProgram, labPath } from './programs.ts'

const REQUESTS = 30
const STEP_LIMIT_MS = 60_000
const SERVICE = { namespace: 'default', name: 'nginx' }

type Print = (line: string) => void

/**
 * Shows, step by step and each with its evidence, that an address given to a Service is reached from outside the
 * cluster, by layer 2 and by BGP.
 *
 * @param begun when the command was given, in milliseconds of performance.now()
 * @returns the address
 * @throws LabError FL_LAB_TIMEOUT naming the step that did not happen
 */
export async function demonstrate(info: LabInfo, print: Print, begun: number): Promise<string> {
  const api = await connect({ kubeconfig: info.kubeconfig, userAgent: 'fairlead-lab' })
  try {
    await apply(api, info, 'layer2.yaml', print)
    await apply(api, info, 'nginx.yaml', print)
    const address = await showAddress(api, print)
    await showPods(api, print)
    await showHolder(info, address, print)
    await showRequests(info, address, print)
    print(
      `   from the command to the last of these answers: ${((performance.now() - begun) / 1000).toFixed(1)} s`,
    )
    if (info.router.kind !== 'none') {
      await apply(api, info, 'bgp.yaml', print)
      await showRoute(info, address, print)
    }
    return address
  } finally {
    api.close()
  }
}

const manifestPath = (file: string): string => fileURLToPath(new URL(`manifests/${file}`, import.meta.url))

/** With kubectl when it is there, since that is what people do. */
async function apply(api: KubeApi, info: LabInfo, file: string, print: Print): Promise<void> {
  print('')
  print(`== Applying MetalLB's manifests: lab/manifests/${file}`)
  const path = manifestPath(file)
  const kubectl = findProgram('kubectl')
  if (kubectl !== undefined) {
    const output = await run(kubectl, info, ['apply', '-f', path])
    for (const line of output.trim().split('\n')) print(`   ${line}`)
    return
  }
  for (const object of readManifest(readFileSync(path, 'utf8'))) {
    await applyObject(api, object)
    print(`   ${object.kind} ${object.metadata.name} applied`)
  }
}

async function applyObject(api: KubeApi, object: KubeObject): Promise<void> {
  const resource = Object.values(labResources).find((one) => one.kind === object.kind)
  if (resource === undefined) throw new LabError('FL_LAB_COMMAND', `no resource of kind ${object.kind}`)
  const { name, namespace = 'default' } = object.metadata
  const key = resource.namespaced ? { namespace, name } : { name }
  await api.patch(resource, key, object, { type: 'apply', fieldManager: 'fairlead-lab', force: true })
}

function run(program: string, info: LabInfo, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: labPath(), KUBECONFIG: info.kubeconfig }
  return new Promise((resolve, reject) => {
    execFile(program, args, { env }, (error, output, complaint) => {
      if (error === null) resolve(output)
      else
        reject(
          new LabError('FL_LAB_COMMAND', `kubectl ${args.join(' ')}: ${complaint.trim() || error.message}`),
        )
    })
  })
}

/**
 * Asks again until there is an answer.
 * @throws LabError FL_LAB_TIMEOUT with `what`, and the last error if there was one
 */
async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const begun = performance.now()
  let problem = ''
  while (performance.now() - begun < STEP_LIMIT_MS) {
    try {
      const found = await ask()
      if (found !== undefined) return found
    } catch (error) {
      problem = error instanceof Error ? ` (${error.message})` : ''
    }
    await delay(50)
  }
  throw new LabError('FL_LAB_TIMEOUT', `after ${STEP_LIMIT_MS / 1000} s still waiting for ${what}${problem}`)
}

async function showAddress(api: KubeApi, print: Print): Promise<string> {
  const begun = performance.now()
  const address = await until('the controller to give Service nginx an address', async () => {
    const service = projectService(await api.get(resources.services, SERVICE))
    return service.ingress[0]?.ip
  })
  print('')
  print(
    `== The controller gave Service nginx the address ${address} (${Math.round(performance.now() - begun)} ms)`,
  )
  return address
}

async function showPods(api: KubeApi, print: Print): Promise<void> {
  const pods = await until('the pods of nginx to be ready', async () => {
    const { items } = await api.list(labResources.pods, { namespace: 'default', labelSelector: 'app=nginx' })
    return items.length >= 3 && (items as Pod[]).every(isPodReady) ? (items as Pod[]) : undefined
  })
  print(`   ${pods.length} pods are ready:`)
  for (const pod of pods) print(`   ${pod.metadata.name}  ${pod.status?.podIP}  on ${pod.spec.nodeName}`)
}

async function showHolder(info: LabInfo, address: string, print: Print): Promise<void> {
  const mac = await until(`an ARP answer for ${address}`, async () => {
    // The first packet makes the kernel ask; whether the packet itself is answered does not matter here.
    await captureInLab(info.name, 'client', ['node', requestsPath, `http://${address}/`, '1'])
    const entries = await captureInLab(info.name, 'client', ['ip', 'neigh', 'show', address])
    return /lladdr (\S+)/.exec(entries)?.[1]
  })
  const node = info.nodes.find((one) => one.mac === mac)
  print('')
  print(`== Layer 2: the client asked by ARP who has ${address}`)
  print(`   ${mac} answered, which is ${node?.name ?? 'nobody we know'}`)
}

const requestsPath = fileURLToPath(new URL('requests-main.ts', import.meta.url))

async function showRequests(info: LabInfo, address: string, print: Print): Promise<void> {
  const url = `http://${address}/`
  const answers = await until(`answers from ${url}`, async () => {
    const output = await captureInLab(info.name, 'client', ['node', requestsPath, url, String(REQUESTS)])
    const lines = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as EchoAnswer & { error?: string })
    const failed = lines.find((line) => line.error !== undefined)
    if (failed !== undefined) throw new LabError('FL_LAB_COMMAND', failed.error ?? '')
    return lines
  })
  const counts = new Map<string, number>()
  for (const { pod, node } of answers) {
    const line = `${pod} on ${node}`
    counts.set(line, (counts.get(line) ?? 0) + 1)
  }
  print('')
  print(`== ${REQUESTS} requests from the client (${info.client.addresses[0]}) to ${url}, all answered:`)
  for (const [line, count] of [...counts].sort()) print(`   ${String(count).padStart(3)}  ${line}`)
}

/** The router's own words for its routes to an address. */
const ROUTE_COMMANDS = {
  bird: (address: string) => ['birdc', 'show', 'route', `${address}/32`],
  frr: (address: string) => ['vtysh', '-c', `show bgp ipv4 unicast ${address}/32`],
  gobgp: (address: string) => ['gobgp', 'global', 'rib', `${address}/32`],
} as const

async function showRoute(info: LabInfo, address: string, print: Print): Promise<void> {
  const { kind } = info.router
  if (kind === 'none') return
  const command = ROUTE_COMMANDS[kind](address)
  const routes = await until(`a route to ${address} over each node on the router`, async () => {
    const output = await captureInLab(info.name, 'router', command)
    return info.nodes.every((node) => output.includes(`${node.addresses[0]} `)) ? output : undefined
  })
  print('')
  print(`== BGP: the router has one way to ${address} over each node`)
  print(`   ${command.join(' ')}`)
  for (const line of routes.trimEnd().split('\n')) print(`   ${line}`)
}

/** What a person can do next. @param address of the Service that was shown, '' when there is none yet */
export function printNext(info: LabInfo, address: string, print: Print): void {
  const name = info.name === 'default' ? '' : ` --name ${info.name}`
  print('')
  print('== The lab stays up. In another terminal:')
  print(`   export KUBECONFIG=${info.kubeconfig}`)
  if (address === '') print('   kubectl apply -f lab/manifests/')
  print('   kubectl get services,pods -o wide')
  print(`   npm run -s lab -- exec${name} client -- curl http://${address || '192.168.1.100'}/`)
  if (info.router.kind === 'bird') print(`   npm run -s lab -- exec${name} router -- birdc show protocols`)
  print(`   npm run -s lab -- fault${name} crash-node node1`)
  print(`   dashboard: ${info.dashboard}`)
  print(`   logs: ${info.logs}`)
  print('   Ctrl-C here takes everything down.')
}
