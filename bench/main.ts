/** `npm run bench`: every benchmark; `npm run bench -- arp lab`: some. Figures of one run are comparable, no others. */
const benches: Record<string, () => Promise<{ main(): Promise<void> }>> = {
  arp: () => import('./arp.ts'),
  forwarding: () => import('./forwarding.ts'),
  lab: () => import('./lab.ts'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
for (const [name, load] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n== ${name}`)
  await (await load()).main()
}
