/**
 * BFD at 3 x 100 ms between three nodes while every core is busy: how often a session goes down although nothing has
 * failed, and how regular the packets are. BIRD is a fourth neighbour of each, in the same run under the same load.
 * Runs in namespaces of its own, as root; `npm run bench -- bfd 600` measures for ten minutes.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cleanup, connect, createNetns, must, spawnIn, type Netns } from '../test/netns.ts'
import type { NodeResult } from './bfd/node.ts'
import { inOwnNamespaces, runInOwnNamespaces } from './own-namespaces.ts'
import { printTable } from './table.ts'

const defaultSeconds = 60
const nodes = ['192.0.2.11', '192.0.2.12', '192.0.2.13']
const bird = '192.0.2.20'

/** Measures and prints; leaves nothing behind. */
export async function main(args: readonly string[] = []): Promise<void> {
  const seconds = Number(args[0] ?? defaultSeconds)
  if (!inOwnNamespaces) return runInOwnNamespaces(import.meta.url, [String(seconds)])
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-bfd-'))
  const busy: ChildProcess[] = []
  try {
    const spaces = await network()
    startBird(spaces[bird], folder)
    const running = nodes.map((local) => startNode(spaces[local], local, seconds))
    await Promise.all(running.map(({ up }) => up))
    for (let core = 0; core < availableParallelism(); core++) {
      busy.push(spawn(process.execPath, ['-e', 'for (;;) {}'], { stdio: 'ignore' }))
    }
    for (const { child } of running) child.stdin?.write('measure\n')
    const results = await Promise.all(running.map(({ result }) => result))
    report(results, seconds)
  } finally {
    for (const child of busy) child.kill('SIGKILL')
    await cleanup()
    rmSync(folder, { recursive: true })
  }
}

/** All of them on one switch. */
async function network(): Promise<Record<string, Netns>> {
  const bridge = await createNetns('bfdswitch')
  await must(bridge, 'ip', ['link', 'add', 'br0', 'type', 'bridge'])
  await must(bridge, 'ip', ['link', 'set', 'br0', 'up'])
  const spaces: Record<string, Netns> = {}
  for (const [index, address] of [...nodes, bird].entries()) {
    const ns = await createNetns(`bfd${index}`)
    spaces[address] = ns
    const port = `port${index}`
    await connect({ ns, device: 'eth0', addresses: [`${address}/24`] }, { ns: bridge, device: port })
    await must(bridge, 'ip', ['link', 'set', port, 'master', 'br0'])
  }
  return spaces
}

function startBird(ns: Netns, folder: string): void {
  const neighbors = nodes.map((address) => `neighbor ${address} dev "eth0" local ${bird};`).join(' ')
  const interval = 'min rx interval 100 ms; min tx interval 100 ms; multiplier 3;'
  writeFileSync(
    join(folder, 'bird.conf'),
    `router id ${bird}; protocol device {} protocol bfd { interface "eth0" { ${interval} }; ${neighbors} }\n`,
  )
  spawnIn(ns, 'bird', ['-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid'], { cwd: folder })
}

function startNode(ns: Netns, local: string, seconds: number) {
  const others = [...nodes, bird].filter((address) => address !== local)
  const program = fileURLToPath(new URL('./bfd/node.ts', import.meta.url))
  const child = spawnIn(ns, process.execPath, [program, local, String(seconds), ...others], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout! })
  const up = new Promise<void>((resolve) => lines.on('line', (line) => line === 'up' && resolve()))
  const result = new Promise<NodeResult>((resolve) => {
    lines.on('line', (line) => line.startsWith('{') && resolve(JSON.parse(line) as NodeResult))
  })
  return { child, up, result }
}

function report(results: readonly NodeResult[], seconds: number): void {
  const between = (from: readonly string[], gaps: (result: NodeResult) => NodeResult['sent']): number[] =>
    results.flatMap((result) =>
      Object.entries(gaps(result)).flatMap(([peer, samples]) => (from.includes(peer) ? samples : [])),
    )
  const downs = (peers: readonly string[]): number =>
    results.reduce(
      (sum, result) => sum + peers.reduce((count, peer) => count + (result.downs[peer] ?? 0), 0),
      0,
    )
  printTable('BFD at 3 x 100 ms, every core busy: time between two packets', [
    {
      name: 'received from BIRD (75 to 90 ms agreed)',
      unit: 'ms',
      samples: between([bird], (r) => r.received),
    },
    { name: 'sent (75 to 100 ms agreed)', unit: 'ms', samples: between([...nodes, bird], (r) => r.sent) },
    { name: 'received from other nodes', unit: 'ms', samples: between(nodes, (r) => r.received) },
  ])
  console.log(
    `\nfalse detections in ${seconds} s: ${downs(nodes)} between nodes (6 ends), ${downs([bird])} with BIRD (3 ends)`,
  )
  const load = loadavg().map((value) => value.toFixed(1))
  console.log(`${availableParallelism()} cores, load ${load.join(' ')}`)
}

if (import.meta.main) await main(process.argv.slice(2))
