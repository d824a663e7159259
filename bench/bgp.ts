/**
 * BGP as a router sees it. Runs in namespaces of its own and in labs, as root. `npm run bench -- bgp`: everything;
 * `npm run bench -- bgp 600`: ten minutes of load instead of one; `node bench/bgp.ts convergence hold`: some parts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanup } from '../test/netns.ts'
import { measureChange } from './bgp/change.ts'
import { measureConvergence } from './bgp/convergence.ts'
import { measureDeadPath } from './bgp/dead-path.ts'
import { measureFeed } from './bgp/feed.ts'
import { measureHold } from './bgp/hold.ts'
import { measureMemory } from './bgp/memory.ts'
import { measureRestart } from './bgp/restart.ts'
import { inOwnNamespaces, runInOwnNamespaces } from './own-namespaces.ts'

const rounds = 9
const secondsOfLoad = 60

type Part = (folder: string, seconds: number) => Promise<void>

/** In namespaces of this program. */
const inside: Readonly<Record<string, Part>> = {
  convergence: (folder) => measureConvergence(folder, 1, rounds),
  attributes: (folder) => measureConvergence(folder, 1000, rounds),
  change: measureChange,
  hold: measureHold,
  'dead-path': measureDeadPath,
  feed: measureFeed,
  memory: measureMemory,
}

/** In labs, which have their own. */
const outside: Readonly<Record<string, Part>> = { restart: measureRestart }

/** Measures and prints; leaves nothing behind. */
export async function main(args: readonly string[] = []): Promise<void> {
  const seconds = Number(args.find((word) => /^\d+$/.test(word)) ?? secondsOfLoad)
  const wanted = args.filter((word) => !/^\d+$/.test(word))
  const all = { ...inside, ...outside }
  const unknown = wanted.filter((name) => !(name in all))
  if (unknown.length > 0) throw new Error(`no part ${unknown.join()}; there are ${Object.keys(all).join()}`)
  const chosen = (parts: typeof inside): string[] =>
    Object.keys(parts).filter((name) => wanted.length === 0 || wanted.includes(name))
  if (inOwnNamespaces) return measure(inside, chosen(inside), seconds)
  const here = chosen(inside)
  if (here.length > 0) await runInOwnNamespaces(import.meta.url, [...here, String(seconds)])
  await measure(outside, chosen(outside), seconds)
}

async function measure(parts: typeof inside, names: readonly string[], seconds: number): Promise<void> {
  for (const name of names) {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-bgp-'))
    try {
      await parts[name](folder, seconds)
    } finally {
      await cleanup()
      rmSync(folder, { recursive: true })
    }
    const load = loadavg().map((value) => value.toFixed(1))
    console.log(`${availableParallelism()} cores, load ${load.join(' ')}`)
  }
}

if (import.meta.main) await main(process.argv.slice(2))
