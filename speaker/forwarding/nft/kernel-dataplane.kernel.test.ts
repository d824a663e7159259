import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { cleanup, createNetns, must, type Netns } from '../../../test/netns.ts'
import type { ForeignChange } from '../dataplane.ts'
import { build, dataplaneSuite, everything } from '../dataplane-suite.ts'
import { collections, type Collection } from '../model.ts'
import { KernelDataplane } from './kernel-dataplane.ts'
import { fieldsText } from './text.ts'

const open = (ns: Netns): KernelDataplane =>
  new KernelDataplane({
    socket: inNetworkNamespace(ns.path, openNetfilterSocket),
    nft: async (script) => void (await must(ns, 'nft', ['-f', '-'], script)),
  })

afterAll(cleanup)

dataplaneSuite('nf_tables', async () => {
  const ns = await createNetns('dp-suite')
  return {
    open: () => Promise.resolve(open(ns)),
    reset: async () => void (await must(ns, 'nft', ['flush', 'ruleset'])),
  }
})

/** The lines of a listing in an order of their own: sets are listed in the order of their hashes. */
const sorted = (text: string): string[] =>
  text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .sort()

/** What `nft -j` says of a set or map, as text of `model.ts`. */
function readJson(text: string): Map<string, string> {
  const { nftables } = JSON.parse(text) as { nftables: Record<string, { elem?: unknown[] }>[] }
  const list = nftables.flatMap((one) => (one['set'] ?? one['map'])?.elem ?? [])
  const word = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return String(value)
    const { concat, prefix } = value as { concat?: unknown[]; prefix?: { addr: string; len: number } }
    return concat ? concat.map(word).join(' . ') : `${prefix?.addr}/${prefix?.len}`
  }
  const isMap = nftables.some((one) => 'map' in one)
  return new Map(
    list.map((element) =>
      isMap && Array.isArray(element) ? [word(element[0]), word(element[1])] : [word(element), ''],
    ),
  )
}

describe('what nft reads of what we wrote', () => {
  let ns: Netns
  let plane: KernelDataplane
  beforeAll(async () => {
    ns = await createNetns('dp-nft')
    plane = open(ns)
    await plane.adopt()
    await plane.apply(build(everything()))
  })
  afterAll(() => plane.close())

  test.each([
    [4, 'ip'],
    [6, 'ip6'],
  ] as const)('IPv%i: every collection, element by element', async (family, name) => {
    const elements = everything()[family]
    const bits = family === 4 ? 32 : 128
    for (const [collection, wanted] of Object.entries(elements)) {
      if (collection === 'allowed-sources' || collection === 'affinity-timeouts') continue
      const kind = [...wanted.values()].some((value) => value !== '') ? 'map' : 'set'
      const listed = readJson(await must(ns, 'nft', ['-j', 'list', kind, name, 'fairlead', collection]))
      const expected = new Map(
        [...wanted].map(([key, value]) => [
          fieldsText(collections[collection as Collection].key, key).replace(new RegExp(`/${bits}$`), ''),
          value === '' ? '' : fieldsText(collections[collection as Collection].value, value),
        ]),
      )
      expect(listed, collection).toEqual(expected)
    }
  })

  test('the whole rule set can be printed and read again', async () => {
    const listing = await must(ns, 'nft', ['list', 'ruleset'])
    await must(ns, 'nft', ['-f', '-'], `flush ruleset\n${listing}`)
    expect(await must(ns, 'nft', ['list', 'ruleset'])).toBe(listing)
  })

  test('an element that nft adds is seen in a listing', async () => {
    await must(ns, 'nft', ['add', 'element', 'ip', 'fairlead', 'cluster-ips', '{ 10.96.7.7 }'])
    expect((await plane.adopt())[4]['cluster-ips'].has('10.96.7.7')).toBe(true)
  })
})

describe('a program that is not ours', () => {
  let ns: Netns
  beforeAll(async () => {
    ns = await createNetns('dp-old')
  })

  test.each([
    ['an older version', 'flush set ip fairlead program; add element ip fairlead program { 1 }'],
    ['a missing rule', 'flush chain ip fairlead services'],
    ['a rule too many', 'insert rule ip fairlead services drop'],
    ['no version', 'flush set ip fairlead program'],
    ['a missing rule of a timeout', 'flush chain ip fairlead affinity-refresh'],
    ['a number that we never write', 'add element ip fairlead frontends { 10.9.9.9 . tcp . 80 : 5555:1 }'],
    ['a protocol that we never write', 'add element ip fairlead nodeports { icmp . 9 : 0:1 }'],
  ])('%s is replaced together with all elements', async (_, damage) => {
    const first = open(ns)
    await first.remove()
    await first.adopt()
    await first.apply(build(everything()))
    first.close()
    const whole = await must(ns, 'nft', ['list', 'ruleset'])
    await must(ns, 'nft', ['-f', '-'], damage.replaceAll(';', '\n'))

    const second = open(ns)
    const found = await second.adopt()
    expect(found[4]['cluster-ips'].size).toBe(0)
    expect(found[6]['cluster-ips'].size).toBe(1)
    await second.apply(build({ 4: everything()[4], 6: found[4] as never }))
    second.close()
    expect(sorted(await must(ns, 'nft', ['list', 'ruleset']))).toEqual(sorted(whole))
  })
})

test('what no element needs any more goes with the next adoption, and comes again', async () => {
  const ns = await createNetns('dp-unused')
  const plane = open(ns)
  await plane.adopt()
  await plane.apply(build(everything()))
  const whole = await must(ns, 'nft', ['list', 'ruleset'])
  await plane.apply(
    build(everything())
      .toReversed()
      .map((one) => ({ ...one, do: 'delete' })),
  )
  await plane.adopt()
  const empty = await must(ns, 'nft', ['list', 'ruleset'])
  expect(empty).not.toMatch(/spread-|round-robin-|source-hash-|affinity-[0-9]|allowed-sources-/)
  await plane.apply(build(everything()))
  expect(sorted(await must(ns, 'nft', ['list', 'ruleset']))).toEqual(sorted(whole))

  // Some are still needed: these stay, and their rules with them.
  const some = (collection: string, key: string) =>
    (collection === 'affinity-timeouts' && !key.endsWith(' 10800')) ||
    (collection === 'allowed-sources' && !key.endsWith('/24') && !key.endsWith('/64'))
  const gone = build(everything()).filter(({ collection, key }) => some(collection, key))
  expect(gone.length).toBeGreaterThan(0)
  await plane.apply(gone.map((one) => ({ ...one, do: 'delete' })))
  const before = await plane.adopt()
  const again = open(ns)
  expect(await again.adopt()).toEqual(before)
  const left = await must(ns, 'nft', ['list', 'chain', 'ip', 'fairlead', 'affinity-refresh'])
  const used = [...before[4]['affinity-timeouts'].keys()].map((key) => key.split(' . ')[1])
  expect(left.match(/ update /g) ?? []).toHaveLength(new Set(used).size)
  plane.close()
  again.close()
})

test('the slots of another program are told, unless there is any doubt', async () => {
  const ns = await createNetns('dp-inherit')
  const first = open(ns)
  await first.adopt()
  expect(first.inherited()).toBeUndefined()
  await first.apply(build(everything()))
  for (const family of ['ip', 'ip6']) {
    const text = `flush set ${family} fairlead program\nadd element ${family} fairlead program { 1 }\n`
    await must(ns, 'nft', ['-f', '-'], text)
  }
  // Somebody's number of endpoints that does not fit.
  await must(ns, 'nft', ['add element ip6 fairlead frontends { fd00::9 . tcp . 9 : 0:7 }'])
  const found = await first.adopt()
  expect([found[4].frontends.size, found[6].frontends.size]).toEqual([0, 0])
  const inherited = first.inherited()
  for (const name of ['frontends', 'endpoints', 'nodeports', 'nodeport-endpoints'] as const) {
    expect(inherited?.[4][name]).toEqual(everything()[4][name])
  }
  expect(inherited?.[6].frontends.size).toBe(0)
  expect(inherited?.[4]['cluster-ips'].size).toBe(0)
  await first.apply(build(everything()))
  expect(first.inherited()).toBeUndefined()
  first.close()
})

test('foreign proxies are named and left alone', async () => {
  const ns = await createNetns('dp-foreign')
  const plane = open(ns)
  expect(await plane.foreign()).toBe('')
  await must(ns, 'nft', ['add table ip kube-proxy; add chain ip kube-proxy services'])
  await must(ns, 'nft', [
    'add table ip6 nat; add chain ip6 nat KUBE-SERVICES; add chain ip6 nat KUBE-KUBELET-CANARY',
  ])
  expect(await plane.foreign()).toMatch(
    /^kube-proxy, nftables \(table ip kube-proxy; .*\), kube-proxy, iptables \(KUBE-SERVICES in ip6 nat; .*\)$/,
  )
  await plane.adopt()
  expect(await plane.remove()).toEqual(['nftables table ip fairlead', 'nftables table ip6 fairlead'])
  expect(await plane.remove()).toEqual([])
  expect(await must(ns, 'nft', ['list', 'tables'])).toBe('table ip kube-proxy\ntable ip6 nat\n')
  plane.close()
})

test('another nft that runs while ours does is told', async () => {
  const ns = await createNetns('dp-watch-nft')
  let meddle = ''
  const plane = new KernelDataplane({
    socket: inNetworkNamespace(ns.path, openNetfilterSocket),
    nft: async (script) => {
      await must(ns, 'nft', ['-f', '-'], script)
      if (meddle !== '') await must(ns, 'nft', [meddle])
    },
  })
  const told: ForeignChange[] = []
  const watch = plane.watch((change) => told.push(change))
  await plane.adopt()
  meddle = 'add element ip fairlead cluster-ips { 10.96.7.8 }'
  await plane.apply(build(everything()))
  await expect.poll(() => told).toEqual([{ by: 'nft', ours: true }])
  watch.close()
  plane.close()
})

test('changes by others are told, our own are not; and whether they hit our tables', async () => {
  const ns = await createNetns('dp-watch')
  const plane = open(ns)
  const told: ForeignChange[] = []
  const watch = plane.watch((change) => told.push(change))
  await plane.adopt()
  await plane.apply(build(everything()))
  const expectOurs = async (command: string, ours: boolean) => {
    told.length = 0
    await must(ns, 'nft', [command])
    await expect.poll(() => told, { message: command }).toEqual([{ by: 'nft', ours }])
  }
  await expectOurs(
    'add table ip other; add chain ip other c; add set ip other s { type mark; elements = { 1 } ; }',
    false,
  )
  await expectOurs('flush table ip other; add rule ip other c drop', false)
  await expectOurs('add table inet fairlead', false)
  await expectOurs('add element ip fairlead cluster-ips { 10.96.7.7 }', true)
  await expectOurs('delete element ip6 fairlead cluster-ips { fd00:96::1 }', true)
  await expectOurs('insert rule ip fairlead services drop; add element ip other s { 2 }', true)
  await expectOurs('delete table ip other', false)
  await expectOurs('add chain ip6 fairlead more', true)
  await expectOurs('delete table ip fairlead', true)
  await expectOurs('flush ruleset', true)
  watch.close()
  plane.close()
})
