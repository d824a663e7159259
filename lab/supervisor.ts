import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Family } from '#inet/address.ts'
import { startApi, type LabApi } from './api-access.ts'
import { startCluster, type Cluster } from './cluster/cluster.ts'
import { serveControl } from './control.ts'
import { serveDashboard } from './dashboard.ts'
import { LabError, messageOf } from './errors.ts'
import { injectFault, type FaultTargets } from './faults.ts'
import { labInfo } from './info.ts'
import { readLines, writeLine } from './json-lines.ts'
import { EchoHost } from './kubelet/echo-host.ts'
import type { ManagedProcess } from './managed-process.ts'
import { FDS, type LauncherMessage, type SupervisorArguments, type SupervisorMessage } from './messages.ts'
import { nodeHosts, type NodeHost } from './network/addressing.ts'
import { buildNetwork, namespacePath } from './network/build.ts'
import { Links } from './network/links.ts'
import { findPlace } from './places.ts'
import { controllerNames } from './options.ts'
import { controllerProcess, readiness, speakerProcess } from './product.ts'
import { startRouter } from './router/router.ts'
import { adminSocket, removeDirectory, writeState, type ProcessId } from './state-directory.ts'

/**
 * Process number 1 of the lab's namespaces. Everything else in them is its child; when it ends, however it ends,
 * the kernel ends them all and takes namespaces, interfaces, mounts and nft tables away.
 */

const READY_LIMIT_MS = 120_000

interface Products {
  /** replicas by name */
  readonly controllers: ReadonlyMap<string, ManagedProcess>
  readonly speakers: ReadonlyMap<string, ManagedProcess>
}

async function run(args: SupervisorArguments, outside: ProcessId): Promise<void> {
  const { options, files } = args
  const begun = performance.now()
  const nodes = nodeHosts(options.nodes, options.families)
  await buildNetwork(nodes, options.families)
  const api = await startApi(args)
  const links = new Links()
  const cluster = await populate(args, api, nodes)
  const products = startProducts(args, api, nodes)
  startRouter(options.router, {
    enter: ['nsenter', `--net=${namespacePath('router')}`],
    etc: files.etc,
    logs: files.logs,
  })
  serveDashboard(FDS.dashboard, adminSocket(files, 'controller'))
  const targets: FaultTargets = {
    nodes: cluster.nodes,
    links,
    speakers: products.speakers,
    controllers: products.controllers,
    podsOf: (node) => cluster.pods.nodeChanged(node),
    outage: (on) => api.outage(on),
  }
  const info = labInfo(args, nodes)
  await serveControl(files.control, {
    info: () => Promise.resolve(info),
    place: ({ place }) => Promise.resolve(findPlace(place, nodes, cluster.pods, api.insideKubeconfig)),
    fault: async ({ kind, node }) => ({ done: await injectFault(targets, kind, node) }),
    down: () => {
      // After the answer has left.
      setTimeout(() => end(args), 50)
      return Promise.resolve({})
    },
  })
  await untilReady(args, products)
  writeState(files, {
    name: options.name,
    owner: outside,
    phase: 'up',
    supervisor: outside,
    userNamespace: args.userNamespace,
  })
  tell({ kind: 'up', info, ms: Math.round(performance.now() - begun) })
}

async function populate(
  args: SupervisorArguments,
  api: LabApi,
  nodes: readonly NodeHost[],
): Promise<Cluster> {
  const families: readonly Family[] = args.options.families
  const echo = new EchoHost(join(args.files.logs, 'pods.log'))
  echo.start()
  const { local, removePod, bindPod } = api
  return startCluster({ api: local, nodes, families, echo, removePod, bindPod })
}

function startProducts(args: SupervisorArguments, api: LabApi, nodes: readonly NodeHost[]): Products {
  const { options, files } = args
  const access = api.kubeconfigFor('controller')
  const controllers = new Map(
    controllerNames(options.controllers).map((name) => [name, controllerProcess(files, access, name)]),
  )
  const speakerConfig = api.kubeconfigFor('speaker')
  const speakers = new Map(
    nodes.map((node) => [node.name, speakerProcess(files, speakerConfig, node, options)]),
  )
  for (const controller of controllers.values()) controller.start()
  if (options.speakers) for (const speaker of speakers.values()) speaker.start()
  return { controllers, speakers }
}

/** @throws LabError FL_LAB_TIMEOUT with the first process that is not ready, and why */
async function untilReady(args: SupervisorArguments, products: Products): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS
  const waiting = [
    ...products.controllers.keys(),
    ...[...products.speakers].filter(([, process]) => process.wanted).map(([name]) => name),
  ]
  for (const name of waiting) {
    for (;;) {
      const reason = await readiness(adminSocket(args.files, name))
      if (reason === '') break
      if (performance.now() > deadline) {
        const isController = products.controllers.has(name)
        const what = isController ? `the ${name}` : `the speaker of ${name}`
        const log = join(args.files.logs, isController ? `${name}.log` : `speaker-${name}.log`)
        throw new LabError(
          'FL_LAB_TIMEOUT',
          `${what} is not ready after ${READY_LIMIT_MS / 1000} s: ${reason}; its last words: ${lastLine(log)}`,
        )
      }
      await delay(50)
    }
  }
}

/** The log goes with the lab, so its end is told. */
function lastLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim().split('\n').at(-1)?.slice(0, 400) ?? ''
  } catch {
    return 'none'
  }
}

/** Ends the lab: the kernel does the rest. */
function end(args: SupervisorArguments): never {
  removeDirectory(args.files)
  process.exit(0)
}

const launcher = new Socket({ fd: FDS.launcher })
let detached = false
const tell = (message: SupervisorMessage): void => writeLine(launcher, message)

function main(): void {
  const args = JSON.parse(process.argv[2]) as SupervisorArguments
  launcher.on('error', () => undefined)
  launcher.on('close', () => {
    if (!detached) end(args)
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => end(args))
  readLines(launcher, (value) => {
    const message = value as LauncherMessage
    if (message.kind === 'detach') detached = true
    else {
      run(args, message.outside).catch((error: unknown) => {
        console.error(error)
        tell({ kind: 'failed', message: messageOf(error) })
      })
    }
  })
}

main()
