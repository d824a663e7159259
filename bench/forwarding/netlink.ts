/**
 * What programming Services costs: our way (plan, difference, netlink) against `nft -f -` given the very same elements
 * as text, in the same run. Services have one port. Runs as root in a namespace of its own.
 */
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { diffElements } from '#speaker/forwarding/diff.ts'
import { service, slice, testConfig, testNode } from '#speaker/forwarding/fixtures.ts'
import { Forwarder } from '#speaker/forwarding/forwarder.ts'
import { emptyElements, type Elements } from '#speaker/forwarding/model.ts'
import { runNft } from '#speaker/forwarding/nft/install.ts'
import { KernelDataplane } from '#speaker/forwarding/nft/kernel-dataplane.ts'
import { elementsText, installText, removeText, spreadText } from '#speaker/forwarding/nft/text.ts'

/** Services, and endpoints of each */
const sizes = [
  [1000, 3],
  [10_000, 3],
  [45_000, 1],
] as const
const samples = 300
const nftSamples = 20

/** Measures and prints a table, in the network namespace of the caller. */
export async function compareWithNft(): Promise<void> {
  const table: Record<string, Record<string, string>> = {}
  for (const [size, count] of sizes) {
    const { elements, row } = await ours(size, count)
    table[`netlink, ${size} x ${count}`] = row
    table[`nft -f -, ${size} x ${count}`] = await byText(elements, count)
  }
  console.log(
    'programming Services x endpoints, milliseconds (changes: median / 99th percentile); netlink includes planning, nft is given its script; CPU is that of this process, in the kernel too',
  )
  console.table(table)
}

const name = (index: number): string => `s${index}`
const made = (index: number): Service =>
  service(name(index), { clusterIPs: [`10.96.${index >> 8}.${index & 255}`] })

/** The endpoints of a Service, as many as `count`, one of which differs with each `turn`. */
const endpointsOf = (index: number, count: number, turn = 0): EndpointSlice[] => [
  slice(
    name(index),
    Array.from({ length: count }, (_, at) => ({
      address: `10.${at + 1}.${(index + (at === 0 ? turn : 0)) % 256}.${(index * 7 + turn) % 256}`,
      node: 'other',
    })),
  ),
]

function start(): Forwarder {
  const forwarder = new Forwarder({
    dataplane: new KernelDataplane(),
    clock: systemClock,
    config: testConfig,
    log: silentLogger,
  })
  forwarder.setNode(testNode)
  forwarder.start()
  return forwarder
}

async function ours(
  size: number,
  count: number,
): Promise<{ elements: Elements; row: Record<string, string> }> {
  const forwarder = start()
  const list = Array.from({ length: size }, (_, index) => ({
    made: made(index),
    slices: endpointsOf(index, count),
  }))
  const fill = (one: Forwarder) => {
    for (const { made, slices } of list) one.setService(`ns/${made.name}`, made, slices)
    one.allListed()
  }
  fill(forwarder)
  const load = await time(() => forwarder.sync())
  const elements = forwarder.elements()
  const text = diffElements(emptyElements(), elements)
  const replaced = await repeat(samples, async (turn) => {
    forwarder.setService(`ns/${name(7)}`, list[7].made, endpointsOf(7, count, turn + 1))
    await forwarder.sync()
  })
  const scaled = await repeat(samples, async (turn) => {
    forwarder.setService(`ns/${name(7)}`, list[7].made, endpointsOf(7, count + ((turn + 1) % 2), samples))
    await forwarder.sync()
  })
  const { lastError } = forwarder.view()
  if (lastError) throw new Error(lastError.text)
  forwarder.setService(`ns/${name(7)}`, list[7].made, list[7].slices)
  await forwarder.sync()
  await forwarder.stop()

  const second = start()
  fill(second)
  const restart = await time(() => second.sync())
  await second.stop()
  const row = {
    elements: String(text.length),
    load: load.ms.toFixed(0),
    'CPU of it': load.cpu.toFixed(0),
    'replace an endpoint': replaced,
    'one endpoint more or less': scaled,
    restart: restart.ms.toFixed(0),
    'CPU of that': restart.cpu.toFixed(0),
  }
  const copy = emptyElements()
  for (const { family, collection, key, value } of text) copy[family][collection].set(key, value)
  return { elements: copy, row }
}

/** The same elements and the same changes as scripts of nft. */
async function byText(elements: Elements, count: number): Promise<Record<string, string>> {
  const operations = diffElements(emptyElements(), elements).filter(({ family }) => family === 4)
  await runNft(removeText(4))
  await runNft(installText(4) + spreadText(4, count) + spreadText(4, count + 1))
  const script = elementsText(4, operations)
  const load = await time(() => runNft(script))
  const frontend = '10.96.0.7 . tcp . 80'
  const first = elements[4].endpoints.get(`${frontend} . 0`) ?? ''
  const set = (map: string, key: string, value: string) =>
    `delete element ip fairlead ${map} { ${key} }\nadd element ip fairlead ${map} { ${key} : ${value} }\n`
  const replaced = await repeat(nftSamples, (turn) =>
    runNft(set('endpoints', `${frontend} . fa1e:0`, turn % 2 === 0 ? '10.9.9.9 . 80' : first)),
  )
  const more = `${frontend} . fa1e:${count}`
  const scaled = await repeat(nftSamples, (turn) =>
    runNft(
      turn % 2 === 0
        ? `add element ip fairlead endpoints { ${more} : 10.9.9.8 . 80 }\n${set('frontends', frontend, `0:${count + 1}`)}`
        : `${set('frontends', frontend, `0:${count}`)}delete element ip fairlead endpoints { ${more} }\n`,
    ),
  )
  await runNft(removeText(4) + removeText(6))
  return {
    elements: String(operations.length),
    load: load.ms.toFixed(0),
    'replace an endpoint': replaced,
    'one endpoint more or less': scaled,
  }
}

/** Milliseconds on the clock and of CPU. */
async function time(run: () => Promise<void>): Promise<{ readonly ms: number; readonly cpu: number }> {
  const before = process.cpuUsage()
  const from = performance.now()
  await run()
  const ms = performance.now() - from
  const { user, system } = process.cpuUsage(before)
  return { ms, cpu: (user + system) / 1000 }
}

/** Median and 99th percentile of many runs. */
async function repeat(count: number, run: (turn: number) => Promise<void>): Promise<string> {
  const times: number[] = []
  for (let turn = 0; turn < count; turn++) times.push((await time(() => run(turn))).ms)
  times.sort((a, b) => a - b)
  return [0.5, 0.99].map((share) => times[Math.floor((count - 1) * share)].toFixed(2)).join(' / ')
}
