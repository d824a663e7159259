import { setTimeout as delay } from 'node:timers/promises'
import { monotonic } from './monotonic.ts'
import { Noise } from './noise.ts'
import {
  freshAddress,
  inParallel,
  plainEndpoints,
  plainService,
  POD_PORT,
  sixEndpoints,
  sixService,
  wideEndpoints,
  wideService,
  type BenchService,
} from './objects.ts'
import { percentiles, quantile, Report, short, spread } from './report.ts'
import { countRules } from './ruleset.ts'
import { cpuMs, memoryMiB } from './usage.ts'
import type { Contestant, World } from './world.ts'

const STARTS = 3
const CACHES_MS = 4000
const SIX_SERVICES = 20
const WIDE_SERVICES = 50
const BURST = 5000
/** Long enough for a busy machine: what has no answer by then was lost or refused. */
const PATIENT_MS = 900
const HANDSHAKES = 2000
/** Beyond this only ours is measured: kube-proxy would take longer than anybody waits. */
const LARGEST_FOR_ALL = 10_000
/** From this size on Services have one endpoint instead of two. */
const SINGLE_ENDPOINT_FROM = 20_000

const RULES = 'rules in nft list ruleset'

/** Measures all contestants at these numbers of Services, ascending, and prints one table. */
export async function compare(world: World, sizes: readonly number[]): Promise<void> {
  const report = new Report()
  const noise = new Noise()
  const { contestants, objects } = world
  const six = Array.from({ length: SIX_SERVICES }, (_, n) => sixService(n))
  await objects.createAll(six.map((service, n) => [service, sixEndpoints(n)]))
  // The first start of a program reads it from the disk and fills caches; ours writes its own after three seconds.
  await grow(world, 0, 10)
  for (const contestant of contestants) {
    await startOnce(contestant, 10)
    report.set(RULES, column(contestant, 10), String(await countRules(contestant.proxy.spec.place.node)))
    await delay(CACHES_MS)
    await contestant.proxy.reset()
  }
  let size = 10
  for (const next of sizes) {
    await grow(world, size, next)
    size = next
    const here = size > LARGEST_FOR_ALL ? contestants.slice(-1) : contestants
    const starts = new Map(here.map((one) => [one, [] as number[]]))
    for (let run = 1; run <= STARTS; run++) {
      for (const one of here) {
        noise.sample()
        await one.proxy.reset()
        starts.get(one)?.push(await startOnce(one, size))
        if (run === STARTS) await measure({ world, one, size, report, noise })
        await one.proxy.kill()
      }
    }
    for (const one of here) {
      report.set(
        'process start to the last Service answering',
        column(one, size),
        spread(starts.get(one) ?? [], 'ms'),
      )
    }
  }
  const server = world.alone === '' ? 'a real API server' : "the lab's API server"
  report.print(`Forwarding with ${server}, each proxy on a node of its own; README.md says what is measured`)
  console.log(`machine noise, the same computation all through the run: ${spread(noise.samples, 'ms')}`)
}

interface Measurement {
  readonly world: World
  readonly one: Contestant
  readonly size: number
  readonly report: Report
  readonly noise: Noise
}

/** Everything but the start; the proxy runs and has all Services. */
async function measure(measurement: Measurement): Promise<void> {
  const { one, size, report, noise } = measurement
  const { proxy } = one
  const set = (name: string, cell: string) => report.set(name, column(one, size), cell)
  await delay(5000)
  const rest = memoryMiB(proxy.pid)
  // Before there are Services with other numbers of endpoints.
  set(RULES, String(await countRules(proxy.spec.place.node)))
  await measureChanges(measurement)
  noise.sample()
  await measureHandshakes(measurement)
  if (size <= LARGEST_FOR_ALL) {
    await measureWideBurst(measurement)
    await measureBurst(measurement)
  }
  set('memory at rest / peak, first run', `${short(rest.now)} / ${short(memoryMiB(proxy.pid).peak)} MiB`)
  await measureRestart(measurement)
  noise.sample()
}

/** One endpoint after the other. */
async function measureChanges({ world, one, size, report }: Measurement): Promise<void> {
  const { proxy, client } = one
  const count = proxy.spec.restMs === 0 ? 200 : size > 2000 ? 12 : 30
  const latencies: number[] = []
  await delay(proxy.spec.restMs)
  const before = cpuMs(proxy.pid)
  const from = monotonic()
  for (let turn = 0; turn < count; turn++) {
    const service = plainService((turn * 37) % size)
    latencies.push(await changeOne(world, one, service))
    await delay(proxy.spec.restMs)
  }
  const used = cpuMs(proxy.pid) - before
  const elapsed = monotonic() - from
  // What it uses while nothing changes is not for the changes.
  const idle = await idleShare(one)
  const net = Math.max(0, used - idle * elapsed)
  report.set(
    'one endpoint changed, API answer to first connection',
    column(one, size),
    percentiles(latencies, 'ms'),
  )
  report.set('CPU a change', column(one, size), `${short(net / count)} ms`)
  await client.answer([plainService(size - 1)])
}

/** Replaces one endpoint; milliseconds from the API server's answer to the first connection to the new pod. */
async function changeOne({ objects }: World, { client }: Contestant, service: BenchService): Promise<number> {
  const address = freshAddress()
  const reached = client.reach([{ ...service, pods: [address] }])
  await objects.replaceEndpoint(service, address)
  const answered = monotonic()
  return Math.max(0, (await reached).at - answered)
}

/** CPU milliseconds a millisecond when nothing happens. */
async function idleShare({ proxy }: Contestant): Promise<number> {
  const IDLE_MS = 3000
  const before = cpuMs(proxy.pid)
  await delay(IDLE_MS)
  return (cpuMs(proxy.pid) - before) / IDLE_MS
}

async function measureHandshakes({ one, size, report }: Measurement): Promise<void> {
  const plain = size >= SINGLE_ENDPOINT_FROM ? 1 : 2
  const families = {
    v4: (n: number) => [plainService(n % size), plainEndpoints(n % size, plain)[0]] as const,
    v6: (n: number) => [sixService(n % SIX_SERVICES), sixEndpoints(n % SIX_SERVICES)[0]] as const,
  }
  for (const [family, of] of Object.entries(families)) {
    const picked = Array.from({ length: HANDSHAKES }, (_, turn) => of(turn * 7919))
    const virtual = picked.map(([{ host, port }]) => ({ host, port }))
    const direct = picked.map(([, host]) => ({ host, port: POD_PORT }))
    const [through, straight] = await one.client.handshake([virtual, direct])
    const [a, b] = [quantile(through, 0.5), quantile(straight, 0.5)]
    report.set(
      `TCP handshake with a VIP / with the pod, p50, ${family}`,
      column(one, size),
      `${short(a)} / ${short(b)} µs (ratio ${(a / b).toFixed(2)})`,
    )
  }
}

/** 5,000 endpoints in 50 writes; every connection meanwhile must succeed. */
async function measureWideBurst({ world, one, size, report }: Measurement): Promise<void> {
  const services = Array.from({ length: WIDE_SERVICES }, (_, n) => wideService(n))
  await world.objects.createAll(services.map((service, n) => [service, wideEndpoints(n, 0)]))
  await one.client.answer(services)
  const times: number[] = []
  let attempts = 0
  let failures = 0
  for (let turn = 1; turn <= 5; turn++) {
    await delay(Math.max(500, one.proxy.spec.restMs))
    const targets = services.map((service, n) => ({ ...service, pods: wideEndpoints(n, turn) }))
    const reached = one.client.reach(targets, PATIENT_MS)
    await delay(50)
    const from = monotonic()
    const numbered = services.map((service, n) => [service, n] as const)
    await inParallel(numbered, ([service, n]) => world.objects.setEndpoints(service, wideEndpoints(n, turn)))
    const outcome = await reached
    times.push(outcome.at - from)
    attempts += outcome.attempts
    failures += outcome.failures
  }
  const cell = `${spread(times, 'ms')}, ${failures} of ${attempts} connections failed`
  report.set(
    '5,000 endpoints of 50 Services replaced, first write to all in the kernel',
    column(one, size),
    cell,
  )
  await world.objects.deleteAll(services)
}

/** 5,000 writes as fast as the API server takes them. */
async function measureBurst({ world, one, size, report }: Measurement): Promise<void> {
  await delay(Math.max(500, one.proxy.spec.restMs))
  const changes = Array.from(
    { length: BURST },
    (_, turn) => [plainService(turn % size), freshAddress()] as const,
  )
  const last = new Map(changes.map(([service, address]) => [service.name, { ...service, pods: [address] }]))
  const before = cpuMs(one.proxy.pid)
  const from = monotonic()
  await inParallel(changes, ([service, address]) => world.objects.replaceEndpoint(service, address))
  const answered = monotonic()
  // The last hundred, and a hundred of all.
  const all = [...last.values()]
  const sampled = [...all.slice(-100), ...all.filter((_, n) => n % Math.ceil(all.length / 100) === 0)]
  const { at } = await one.client.reach(sampled)
  const cpu = (cpuMs(one.proxy.pid) - before) / BURST
  const cell = `${short(at - answered)} ms (written in ${short(answered - from)} ms; CPU ${short(cpu)} ms each)`
  report.set('5,000 Services changed, last API answer to all in the kernel', column(one, size), cell)
}

/** Killed; started again, first with nothing changed and then with one change meanwhile. */
async function measureRestart({ world, one, size, report }: Measurement): Promise<void> {
  const { proxy, client } = one
  const times: number[] = []
  const operations: number[] = []
  for (let run = 0; run <= STARTS; run++) {
    await proxy.kill()
    const service = plainService((run * 101) % size)
    const address = freshAddress()
    if (run > 0) await world.objects.replaceEndpoint(service, address)
    const reached = run > 0 ? client.reach([{ ...service, pods: [address] }]) : client.answer([service])
    const from = proxy.start()
    const { at } = await reached
    if (run > 0) times.push(at - from)
    if (proxy.spec.name === 'Fairlead') operations.push(await proxy.said('adoption', adoptedOperations))
    await delay(2000)
  }
  report.set(
    'restart with one change meanwhile, start to first connection',
    column(one, size),
    spread(times, 'ms'),
  )
  if (operations.length > 0) {
    const [unchanged, ...changed] = operations
    const cell = `${unchanged} when nothing changed, ${[...new Set(changed)].join(' or ')} with one change`
    report.set('operations on the kernel at a restart', column(one, size), cell)
  }
}

/** The number of operations in the log line of an adoption. */
function adoptedOperations(log: string): number | undefined {
  const line = log.split('\n').find((one) => one.includes('forwarding adopted what the kernel holds'))
  return line === undefined ? undefined : (JSON.parse(line) as { operations: number }).operations
}

/** Starts the proxy and waits until a sample of all Services, the first and the last among them, has answered. */
async function startOnce({ proxy, client }: Contestant, size: number): Promise<number> {
  const step = Math.max(1, Math.floor(size / 100))
  const picked = new Set([0, size - 1, ...Array.from({ length: Math.ceil(size / step) }, (_, n) => n * step)])
  const targets = [...picked].filter((n) => n < size).map(plainService)
  const answered = client.answer(targets)
  const from = proxy.start()
  return (await answered).at - from
}

/** Makes more Services. */
async function grow({ objects }: World, from: number, to: number): Promise<void> {
  const count = to >= SINGLE_ENDPOINT_FROM ? 1 : 2
  const started = monotonic()
  const numbers = Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at)
  await objects.createAll(numbers.map((n) => [plainService(n), plainEndpoints(n, count)] as const))
  console.error(`  ${to} Services are there (${short((monotonic() - started) / 1000)} s)`)
}

const column = ({ proxy }: Contestant, size: number): string =>
  `${proxy.spec.name}, ${size.toLocaleString('en')}`
