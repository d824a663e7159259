/**
 * What forwarding costs. Our speaker against the real kube-proxy in nftables mode: same objects, same real API server,
 * same run, each on a node of its own; where Go is missing ours alone, with the lab's API server. And our way into the
 * kernel against `nft -f -`. Runs in namespaces of its own, as root.
 *
 *     node bench/forwarding.ts 1000 10000
 *     node bench/forwarding.ts lab 45000
 *     node bench/forwarding.ts nft
 *
 * Numbers are those of the Services; 1,000 and 10,000 when none is given. `lab`: ours alone, with the lab's API server,
 * which takes new Services faster than a real one. `nft`: only the last part.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanup } from '../test/netns.ts'
import { compare } from './forwarding/compare.ts'
import { compareWithNft } from './forwarding/netlink.ts'
import { createWorld } from './forwarding/world.ts'
import { inOwnNamespaces, runInOwnNamespaces } from './own-namespaces.ts'

const SIZES = [1000, 10_000]

/** Measures and prints tables; leaves nothing behind. */
export async function main(args: readonly string[] = []): Promise<void> {
  if (!inOwnNamespaces) return runInOwnNamespaces(import.meta.url, args)
  const sizes = args.filter((one) => /^\d+$/.test(one))
  if (!args.includes('nft')) {
    await compareProxies(sizes.length === 0 ? SIZES : sizes.map(Number), args.includes('lab'))
  }
  await compareWithNft()
}

async function compareProxies(sizes: readonly number[], lab: boolean): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'fairlead-bench-'))
  try {
    const world = await createWorld(directory, lab)
    if (world.alone !== '')
      console.log(`no kube-proxy to compare with, and the lab's API server: ${world.alone}`)
    await compare(
      world,
      sizes.toSorted((a, b) => a - b),
    )
    await world.close()
  } finally {
    await cleanup()
    await rm(directory, { recursive: true, force: true })
  }
}

if (import.meta.main) await main(process.argv.slice(2))
