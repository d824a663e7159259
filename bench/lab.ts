/**
 * What a person waits for, measured in the lab: from the command to the first request, from `kubectl apply` of a
 * Service to the first answer at a client; and what the processes weigh. Each against a yardstick of the same run.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { printTable } from './table.ts'

const name = `bench-${process.pid}`
const labMain = fileURLToPath(new URL('../lab/main.ts', import.meta.url))
const poller = fileURLToPath(new URL('./first-request.ts', import.meta.url))
const STARTS = 3
const SERVICES = 30

/** Measures and prints; takes its labs down again. */
export async function main(): Promise<void> {
  const up: number[] = []
  const first: number[] = []
  const bare: number[] = []
  try {
    for (let run = 0; run < STARTS; run++) {
      const bareStarted = performance.now()
      spawnSync(process.execPath, ['-e', '0'])
      bare.push((performance.now() - bareStarted) / 1000)
      const started = performance.now()
      lab(['up', '--detach', '--name', name])
      up.push((performance.now() - started) / 1000)
      const cluster = new Cluster()
      await cluster.prepare()
      cluster.apply(service('first', '192.168.1.100'))
      await cluster.answered('192.168.1.100')
      first.push((performance.now() - started) / 1000)
      if (run === STARTS - 1) await measureServices(cluster)
      cluster.close()
      if (run === STARTS - 1) measureMemory(cluster.kubeconfig)
      lab(['down', '--name', name])
    }
  } finally {
    spawnSync(process.execPath, [labMain, 'down', '--name', name])
  }
  printTable('The lab, from the command, packages present', [
    { name: 'node starts and ends (yardstick)', unit: 's', samples: bare },
    { name: 'lab up: 3 nodes, controller and speakers ready', unit: 's', samples: up },
    { name: 'first answer through a Service', unit: 's', samples: first },
  ])
}

async function measureServices(cluster: Cluster): Promise<void> {
  const applied: number[] = []
  const answered: number[] = []
  for (let index = 0; index < SERVICES; index++) {
    const address = `192.168.1.${101 + index}`
    const reply = cluster.answered(address)
    const started = Date.now()
    cluster.apply(service(`s${index}`, address))
    applied.push(Date.now() - started)
    answered.push((await reply) - started)
  }
  printTable('A LoadBalancer Service, from the start of kubectl', [
    { name: 'kubectl apply has returned (yardstick)', unit: 'ms', samples: applied },
    { name: 'a client on the LAN has its first answer', unit: 'ms', samples: answered },
  ])
}

function measureMemory(kubeconfig: string): void {
  const bare = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' })
  spawnSync('sleep', ['1'])
  const rows = [
    { name: 'node that does nothing (yardstick)', unit: 'MB', samples: [rss(bare.pid as number)] },
  ]
  for (const role of ['controller', 'speaker']) {
    const samples = processesOf(role, kubeconfig).map(rss)
    rows.push({ name: `${role}, ${SERVICES + 1} Services`, unit: 'MB', samples })
  }
  bare.kill()
  printTable('Resident memory, idle', rows)
}

/** Process ids of `fairlead ROLE` in the lab of this kubeconfig. */
function processesOf(role: string, kubeconfig: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')
      const ours = words.some((word) => /cli\/main\.[jt]s$/.test(word)) && words.includes(role)
      return ours &&
        words[0].endsWith('node') &&
        words.some((word) => word.startsWith(kubeconfig.replace(/\/[^/]*$/, '')))
        ? [Number(entry)]
        : []
    } catch {
      return []
    }
  })
}

const rss = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

function lab(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [labMain, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`lab ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** kubectl from outside, and a client inside that waits for answers. */
class Cluster {
  readonly kubeconfig = (JSON.parse(lab(['info', '--name', name])) as { kubeconfig: string }).kubeconfig
  readonly #client = spawn(
    process.execPath,
    [labMain, 'exec', '--name', name, 'client', '--', process.execPath, poller],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  readonly #lines = createInterface({ input: this.#client.stdout })

  /** A pool, its advertisement and pods, ready before anything is measured. */
  async prepare(): Promise<void> {
    this.apply(manifests)
    this.#kubectl(['wait', '--for=condition=Available', 'deployment/web', '--timeout=30s'])
  }

  apply(manifest: string): void {
    this.#kubectl(['apply', '-f', '-'], manifest)
  }

  /** Epoch milliseconds of the client's first answer from port 80 of this address. */
  async answered(address: string): Promise<number> {
    this.#client.stdin.write(`${address} 80\n`)
    const [line] = (await once(this.#lines, 'line')) as [string]
    return Number(line)
  }

  close(): void {
    this.#client.stdin.end()
  }

  #kubectl(args: readonly string[], input = ''): void {
    const all = ['--kubeconfig', this.kubeconfig, ...args]
    const { status, stderr } = spawnSync('kubectl', all, { input, encoding: 'utf8' })
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
  }
}

const service = (name: string, address: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, annotations: { metallb.io/loadBalancerIPs: ${address} } }
spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 80, targetPort: 80 }] }
`

const manifests = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: production-pool, namespace: metallb-system }
spec: { addresses: [192.168.1.100-192.168.1.150] }
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: { name: l2-advertisement, namespace: metallb-system }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx, ports: [{ containerPort: 80 }] }] }
`
