/**
 * The controller as its own process against an API server, real where one can be had: what Services cost when they
 * are made, when it restarts, when a pool changes, when one goes, when nothing happens to them.
 *
 *     node bench/controller.ts 1000 5000
 *     node bench/controller.ts lab 1000
 *
 * Numbers are those of the Services; `lab`: with the lab's API server in any case. The column "MetalLB 0.16.2" was
 * measured on a machine of this kind against a real API server; it is a mark, not a yardstick: only figures of one run
 * compare.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '#kube/connect.ts'
import { installProduct } from '../test/kubernetes/product.ts'
import { Cluster } from './controller/cluster.ts'
import { decideInFullPool } from './controller/core.ts'
import { startServer } from './controller/server.ts'
import { Subject } from './controller/subject.ts'
import { Noise } from './forwarding/noise.ts'
import { percentiles, Report, short, spread } from './forwarding/report.ts'
import { monotonic } from './forwarding/monotonic.ts'
import { memoryMiB } from './forwarding/usage.ts'

const SIZES = [1000, 5000, 10_000]
const POOLS = 5
const POOL_SIZE = 200
const TIMES = 5
const DELETIONS = 20
const TOUCHES = 20

const ours = 'measured'
const mark = 'MetalLB 0.16.2'
const aim = 'aim'

/** Measures and prints; leaves nothing. */
export async function main(args: readonly string[] = []): Promise<void> {
  const sizes = args.filter((one) => /^\d+$/.test(one)).map(Number)
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-bench-'))
  const noise = new Noise()
  const report = new Report()
  noise.sample()
  const cores = decideInFullPool()
  const server = await startServer(directory, args.includes('lab'))
  try {
    const api = await connect({
      userAgent: 'bench',
      kubeconfig: await server.kubeconfig('bench', ['system:masters']),
      requestTimeoutMs: 60_000,
    })
    const { namespace, controller } = await installProduct(api)
    const cluster = await Cluster.prepare(api, namespace)
    for (let index = 0; index < POOLS; index++) await cluster.createPool(`p${index}`, ...poolOf(index))
    await cluster.createPool('rest', '10.64.0.0/16')
    const kubeconfig = await server.kubeconfig(controller.user, controller.groups)
    const start = () => new Subject(directory, kubeconfig, namespace)
    const run = new Run(report, cluster, start, noise)
    try {
      await run.all(sizes.length === 0 ? SIZES : sizes)
    } finally {
      await run.end()
      cluster.close()
      await api.close()
    }
    report.set('yardstick: the API server takes a Service', ours, percentiles(cluster.created, 'ms'))
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  report.set('decide for one more in a /16 with 65,000 used (core)', ours, percentiles(cores, 'µs'))
  report.set('decide for one more in a /16 with 65,000 used (core)', mark, 'scans')
  report.set('decide for one more in a /16 with 65,000 used (core)', aim, 'under 50 µs')
  report.set('yardstick: node that does nothing, RSS', ours, `${short(await emptyNode())} MiB`)
  noise.sample()
  report.set('noise: a fixed computation at different times', ours, spread(noise.samples, 'ms'))
  report.print(`The controller against ${server.kind}; median (min to max), or p50 / p99 (min to max)`)
}

/** The addresses of a small pool: it is full when the first thousand Services are there. */
const poolOf = (index: number, ...more: string[]): string[] => [
  `10.10.${index}.0-10.10.${index}.${POOL_SIZE - 1}`,
  ...more,
]

/** What MetalLB needs and what is aimed at, by the number of Services. */
const marks: Readonly<Record<number, readonly [cpu: string, memory: string]>> = {
  1000: ['2.5 ms', '68 MiB'],
  5000: ['6.8 ms', '113 MiB'],
  10_000: ['13.6 ms', '154 MiB'],
}

class Run {
  readonly #report: Report
  readonly #cluster: Cluster
  readonly #start: () => Subject
  readonly #noise: Noise
  #subject: Subject

  constructor(report: Report, cluster: Cluster, start: () => Subject, noise: Noise) {
    this.#report = report
    this.#cluster = cluster
    this.#start = start
    this.#noise = noise
    this.#subject = start()
  }

  async all(sizes: readonly number[]): Promise<void> {
    await this.#subject.ready()
    await this.#subject.quiet()
    this.#set('RSS, no Services', `${short(this.#subject.memory.now)} MiB`, '', '')
    for (const [index, size] of sizes.entries()) {
      await this.#grow(size, index === 0 ? 0 : sizes[index - 1])
      if (index === 0) await this.#touch()
      if (index === 0) await this.#editPool()
      // Of three sizes the middle one, of one that.
      if (index === Math.min(1, sizes.length - 1)) {
        await this.#delete(size)
        await this.#restart(size)
      }
      this.#noise.sample()
    }
  }

  async end(): Promise<void> {
    await this.#subject.stop()
  }

  #set(measure: string, cell: string, metallb: string, wanted: string): void {
    this.#report.set(measure, ours, cell)
    if (metallb !== '') this.#report.set(measure, mark, metallb)
    if (wanted !== '') this.#report.set(measure, aim, wanted)
  }

  async #grow(size: number, from: number): Promise<void> {
    const before = this.#subject.cpu
    await this.#cluster.growTo(size)
    await this.#subject.quiet()
    const each = (this.#subject.cpu - before) / (size - from)
    const [cpu, memory] = marks[size] ?? ['', '']
    const { now, peak } = this.#subject.memory
    this.#set(`CPU a Service, from ${from} to ${size}`, `${short(each)} ms`, cpu, 'under 1 ms, flat')
    const limit = size === 10_000 ? 'under 110 MiB' : ''
    this.#set(`RSS, ${size} Services`, `${short(now)} MiB (peak ${short(peak)})`, memory, limit)
  }

  /** Annotations that mean nothing: neither an Event nor a write may follow. */
  async #touch(): Promise<void> {
    const name = 's0'
    const events = await this.#cluster.events(name)
    let version = ''
    for (let touch = 0; touch < TOUCHES; touch++) {
      version = this.#cluster.seen(name)?.version ?? ''
      await this.#cluster.annotate(name, { 'bench.example/touch': String(touch) })
      const before = version
      await this.#cluster.until('the touch is seen', () => this.#cluster.seen(name)?.version !== before)
    }
    version = this.#cluster.seen(name)?.version ?? ''
    await this.#subject.quiet()
    const said = (await this.#cluster.events(name)) - events
    const wrote = this.#cluster.seen(name)?.version === version ? 0 : 1
    const measure = `events and writes for ${TOUCHES} touches that change nothing`
    this.#set(measure, `${said}; ${wrote}`, '15 to 20 events', '0')
  }

  /** A range is added to one small pool, for which one more Service waits. */
  async #editPool(): Promise<void> {
    const waits: number[] = []
    const cpu: number[] = []
    const looked: number[] = []
    for (let index = 0; index < TIMES; index++) {
      const name = `waits${index}`
      const wanted = `10.20.${index}.1`
      await this.#cluster.create(name, { 'metallb.io/loadBalancerIPs': wanted })
      await this.#subject.quiet()
      const decisions = await this.#subject.decisions()
      const before = this.#subject.cpu
      const from = monotonic()
      await this.#cluster.editPool(`p${index}`, ...poolOf(index, `${wanted}/32`))
      await this.#cluster.until(`${name} has ${wanted}`, () => this.#cluster.seen(name)?.address === wanted)
      waits.push(monotonic() - from)
      await this.#subject.quiet()
      cpu.push(this.#subject.cpu - before)
      looked.push((await this.#subject.decisions()) - decisions)
      await this.#cluster.remove(name)
      await this.#cluster.editPool(`p${index}`, ...poolOf(index))
    }
    await this.#subject.quiet()
    const what = `a pool of ${POOL_SIZE} edited`
    this.#set(
      `${what}, until the Service that waited has its address`,
      spread(waits, 'ms'),
      '2,500 ms',
      'under 200 ms',
    )
    this.#set(`${what}, CPU`, spread(cpu, 'ms'), '800 ms', '')
    this.#set(`${what}, Services looked at`, spread(looked, ''), 'all', `its ${POOL_SIZE} and who waits`)
  }

  async #delete(size: number): Promise<void> {
    const before = this.#subject.cpu
    for (let index = 0; index < DELETIONS; index++) await this.#cluster.remove(`s${size - 1 - index}`)
    await this.#subject.quiet()
    const each = (this.#subject.cpu - before) / DELETIONS
    this.#set(`CPU for one deleted of ${size}`, `${short(each)} ms`, '846 ms', 'under 2 ms')
  }

  async #restart(size: number): Promise<void> {
    const answers: number[] = []
    let writes = 0
    for (let index = 0; index < TIMES; index++) {
      await this.#subject.stop()
      const before = this.#cluster.versions()
      const name = `after${index}`
      const from = monotonic()
      this.#subject = this.#start()
      await this.#cluster.create(name)
      await this.#cluster.until(
        `${name} has an address`,
        () => this.#cluster.seen(name)?.address !== undefined && this.#cluster.seen(name)?.address !== '',
      )
      answers.push((monotonic() - from) / 1000)
      await this.#subject.ready()
      await this.#subject.quiet()
      const after = this.#cluster.versions()
      for (const [key, version] of before) if (after.get(key) !== version) writes++
    }
    const what = `restart with ${size}`
    this.#set(`${what}, until a new Service has its address`, spread(answers, 's'), '32 s', 'under 2 s')
    this.#set(`${what}, Services written`, String(writes), '0', '0')
    const { now, peak } = this.#subject.memory
    this.#set(`${what}, RSS`, `${short(now)} MiB (peak ${short(peak)})`, '', '')
  }
}

async function emptyNode(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' })
  await delay(1000)
  const { now } = memoryMiB(child.pid as number)
  child.kill()
  return now
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
