import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { cleanup as endAll, createNetns, must, run, spawnIn } from '../../test/netns.ts'

afterAll(endAll)

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const CLI = `${ROOT}/cli/main.ts`
const command = [CLI, 'forwarding', 'cleanup']

test('both tables go, with all that is in them, and nothing of others', async () => {
  const ns = await createNetns('cleanup')
  const others =
    'table inet fairlead { chain c { accept; }; }; table ip nat { chain KUBE-SERVICES { accept; }; }'
  await must(ns, 'nft', [others])
  const before = await must(ns, 'nft', ['list', 'ruleset'])
  for (const family of ['ip', 'ip6']) {
    // An older program than ours is ours, too.
    await must(ns, 'nft', [
      `table ${family} fairlead { set s { type mark; elements = { 1 }; }; chain c { type nat hook prerouting priority -100; accept; }; }`,
    ])
  }
  expect(await must(ns, process.execPath, command)).toMatch(
    /^removed nftables table ip fairlead, nftables table ip6 fairlead\n/,
  )
  expect(await must(ns, 'nft', ['list', 'ruleset'])).toBe(before)
  expect(await must(ns, process.execPath, command)).toBe('there was nothing of ours\n')
})

test('a speaker that runs in this namespace is named, one elsewhere is not', async () => {
  const [here, elsewhere] = [await createNetns('cleanup-here'), await createNetns('cleanup-away')]
  // Its arguments are a speaker's; all it does is wait.
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-speaker-'))
  mkdirSync(join(directory, 'cli'))
  writeFileSync(join(directory, 'cli/main.ts'), "console.log('runs')\nsetInterval(() => {}, 60_000)\n")
  const args = [join(directory, 'cli/main.ts'), 'speaker', '--forwarding=full']
  const speaker = spawnIn(here, process.execPath, args, { stdio: 'pipe' })
  await once(speaker.stdout as Readable, 'data')
  rmSync(directory, { recursive: true })
  expect(await must(elsewhere, process.execPath, command)).toBe('there was nothing of ours\n')
  expect(await must(here, process.execPath, command)).toContain(
    `(process ${speaker.pid}) and puts its rules back`,
  )
  speaker.kill()
  await once(speaker, 'close')
  expect(await must(here, process.execPath, command)).toBe('there was nothing of ours\n')
})

test('without rights it says which are needed', async () => {
  const ns = await createNetns('cleanup-denied')
  const { code, stderr } = await run(ns, 'setpriv', [
    '--bounding-set=-all',
    '--inh-caps=-all',
    process.execPath,
    ...command,
  ])
  expect(stderr).toMatch(/CAP_NET_ADMIN/)
  expect(code).toBe(1)
})
