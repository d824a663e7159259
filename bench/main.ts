/**
 * `npm run bench`: every benchmark; `npm run bench -- arp lab`: some; `npm run bench -- forwarding 1000 45000`: with
 * numbers of its own, `npm run bench -- layer2 --runs 5` with options of its own. Figures of one run are comparable, no
 * others.
 */
const benches: Record<string, () => Promise<{ main(args?: readonly string[]): Promise<void> }>> = {
  arp: () => import('./arp.ts'),
  bfd: () => import('./bfd.ts'),
  bgp: () => import('./bgp.ts'),
  controller: () => import('./controller.ts'),
  forwarding: () => import('./forwarding.ts'),
  lab: () => import('./lab.ts'),
  layer2: () => import('./layer2.ts'),
  memory: () => import('./memory.ts'),
}

const words = process.argv.slice(2)
/** From the first `--option` on everything belongs to the benchmark. */
const optionsAt = words.findIndex((word) => word.startsWith('--'))
const options = optionsAt === -1 ? [] : words.splice(optionsAt)
const numbers = words.filter((word) => /^\d+$/.test(word))
const wanted = words.filter((word) => !numbers.includes(word))
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
for (const [name, load] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n== ${name}`)
  await (await load()).main([...numbers, ...options])
}
