import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { cleanup, createNetns, must, type Netns } from '../../../test/netns.ts'
import { features, missingFeatures, type Feature, type TableFamily } from './features.ts'
import { missingRequirements, runNft } from './install.ts'

afterAll(cleanup)
afterEach(() => vi.unstubAllEnvs())

const load = (ns: Netns) => async (script: string) => void (await must(ns, 'nft', ['-f', '-'], script))

test('this machine has all that the rules need, and being asked changes nothing', async () => {
  const ns = await createNetns('features')
  const before = await must(ns, 'nft', ['list', 'ruleset'])
  expect(await missingRequirements()).toEqual([])
  expect(await must(ns, 'nft', ['list', 'ruleset'])).toBe(before)
})

test.each(features.map((feature) => [feature.name, feature] as const))(
  '%s stands for itself in both families',
  async (name, feature) => {
    const ns = await createNetns(`feature-${features.indexOf(feature)}`)
    for (const family of ['ip', 'ip6'] as TableFamily[]) {
      const script = [`table ${family} one {`, ...feature.probe(family), '}', ''].join('\n')
      await expect(load(ns)(script), `${name} ${family}`).resolves.toBeUndefined()
    }
    // What the administrator of the node sees can be loaded again.
    const printed = await must(ns, 'nft', ['list', 'ruleset'])
    await must(ns, 'nft', ['-f', '-'], `flush ruleset\n${printed}`)
    expect(await must(ns, 'nft', ['list', 'ruleset'])).toBe(printed)
  },
)

test('what this kernel cannot do is named, among all that it can', async () => {
  const ns = await createNetns('features-bad')
  // As refusal before routing is on a kernel before 5.9: a rule at a hook that it must not be at.
  const impossible: Feature = {
    name: 'masquerading before routing',
    kernel: '99.1',
    module: 'nft_none',
    nft: '1.0.1',
    probe: () => ['chain c {', 'type nat hook prerouting priority 0', 'masquerade', '}'],
  }
  const versions = { kernel: release(), nft: '1.0.6' }
  expect(await missingFeatures(load(ns), versions, [...features, impossible])).toEqual([
    `the kernel refuses masquerading before routing: Linux 99.1 or newer is needed (this is ${release()})`,
  ])
})

test('a script that is refused for another reason is reported with the words of nft alone', async () => {
  await expect(runNft('add rule ip nosuch c accept')).rejects.toMatchObject({
    code: 'FL_FORWARDING_INSTALL',
    message: expect.stringMatching(/^nft: .*No such file or directory/s),
  })
})

/** A directory with an `nft` of these lines in front of the one of this machine. */
async function withNft(lines: readonly string[], run: () => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-nft-'))
  try {
    writeFileSync(join(directory, 'nft'), ['#!/bin/sh', ...lines, ''].join('\n'))
    chmodSync(join(directory, 'nft'), 0o755)
    vi.stubEnv('PATH', `${directory}:${process.env['PATH']}`)
    await run()
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('an nft without a feature is named when the rules are refused, and at start', async () => {
  const script = 'table ip one { chain c { meta priority set numgen random mod 3; }; }'
  const lines = [
    'if [ "$1" = --version ]; then echo "nftables v0.9.8 (E.D.S.)"; exit 0; fi',
    'if grep -q numgen; then echo "Error: syntax error, unexpected numgen" >&2; exit 1; fi',
  ]
  const missing = 'nft cannot write `numgen`: nft 1.0.6 or newer is needed (this is 0.9.8)'
  await withNft(lines, async () => {
    expect(await missingRequirements()).toEqual([missing])
    await expect(runNft(script)).rejects.toMatchObject({
      code: 'FL_FORWARDING_INSTALL',
      message: `${missing} (nft: Error: syntax error, unexpected numgen)`,
    })
  })
  await withNft(['echo "nftables v1.0.0"; cat > /dev/null'], async () => {
    expect(await missingRequirements()).toEqual(['nft 1.0.6 or newer is needed (this is 1.0.0)'])
  })
})

test('a machine without nft', async () => {
  vi.stubEnv('PATH', '/nosuch')
  const missing = 'there is no nft that could be started: nftables 1.0.6 or newer is needed'
  expect(await missingRequirements()).toEqual([missing])
  await expect(runNft('')).rejects.toThrow(`${missing} (nft could not be started: spawn nft ENOENT)`)
})
