import { describe, expect, test } from 'vitest'
import { parsePrefix } from '#inet/prefix.ts'
import type { LocalDetector } from '../config.ts'
import { chainNames, noDetector } from '../program.ts'
import { learnedText, type Learned } from './learned.ts'
import { spreadChain } from './names.ts'
import { affinityText, elementsText, installText, programVersion, spreadText } from './text.ts'

const detectors: Readonly<Record<string, LocalDetector>> = {
  nothing: noDetector,
  cidrs: { by: 'cluster-cidrs', cidrs: [parsePrefix('10.0.0.0/8')] },
  node: { by: 'node-cidrs' },
  bridge: { by: 'bridge', name: 'br0' },
  otherBridge: { by: 'bridge', name: 'br1' },
  prefix: { by: 'interface-prefix', prefix: 'br0' },
}

describe('which program it is', () => {
  test('depends on interfaces that tell pods from others, and on nothing else that an operator chooses', () => {
    const versions = Object.fromEntries(
      Object.entries(detectors).map(([name, detector]) => [name, programVersion(4, detector)]),
    )
    expect(versions.cidrs).toBe(versions.nothing)
    expect(versions.node).toBe(versions.nothing)
    expect(new Set([versions.nothing, versions.bridge, versions.otherBridge, versions.prefix]).size).toBe(4)
  })

  test('rules name interfaces only then', () => {
    expect(installText(4)).not.toContain('iifname')
    expect(installText(6, detectors.prefix)).toContain('iifname "br0*" return')
    expect(installText(4, detectors.bridge)).toContain('ip daddr @cluster-ips iifname != "br0" meta mark set')
  })
})

test.each(['', 'a b', 'a"b', 'a*', 'a/b', 'a:b', 'a\\b', 'sixteen-letters-', 'a\nb'])(
  '"%s" is no name of an interface and never reaches nft',
  (name) => {
    for (const detector of [
      { by: 'bridge', name } as const,
      { by: 'interface-prefix', prefix: name } as const,
    ]) {
      expect(() => installText(4, detector)).toThrow(
        expect.objectContaining({ code: 'FL_FORWARDING_INSTALL' }),
      )
    }
  },
)

test('every chain is defined before it is used', () => {
  const text = installText(4, detectors.bridge)
  for (const chain of chainNames) {
    const uses = [text.indexOf(`jump ${chain}\n`), text.indexOf(`goto ${chain}\n`)].filter((at) => at >= 0)
    for (const use of uses) expect(text.indexOf(`chain ${chain} {`), chain).toBeLessThan(use)
  }
})

test.each([
  [3, 'spread-3', 'numgen random mod 3 offset 0xfa1e0000', '0:3'],
  [0x105_0003, 'round-robin-3-5', 'numgen inc mod 3 offset 0xfa1e0000', '105:3'],
  [0x200_00fb, 'source-hash-251', 'jhash ip6 saddr mod 251 seed 0xfa1e offset 0xfa1e0000', '200:fb'],
])('%i is chosen from by %s', (number, chain, choice, key) => {
  expect(spreadChain(number)).toBe(chain)
  expect(spreadText(6, number)).toBe(
    `add chain ip6 fairlead ${chain}\n` +
      `add rule ip6 fairlead ${chain} meta priority set ${choice}\n` +
      `add element ip6 fairlead spread { ${key} : jump ${chain} }\n`,
  )
})

test('a key that nft 1.0.6 writes with a value has at most 16 octets: the address of an IPv6 client is hashed', () => {
  for (const text of [installText(6), affinityText(6, 60)]) {
    expect(text).not.toMatch(/(update|delete) @affinity \{[^}]*\. ip6 saddr/)
  }
  expect(affinityText(6, 60)).toContain(
    '. jhash ip6 saddr mod 4294967295 seed 0x1 timeout 60s : meta priority }',
  )
  expect(affinityText(4, 60)).toContain('. ip saddr timeout 60s : meta priority }')
})

test('elements of every kind as text', () => {
  const element = (
    collection: 'affinity-timeouts' | 'affinity-slots' | 'affinity-frontends' | 'frontends',
    key: string,
    value = '',
  ) => ({
    family: 4 as const,
    collection,
    key,
    value,
  })
  const text = elementsText(4, [
    element('frontends', '10.96.0.1 . tcp . 80', '3@round-robin-1'),
    element('affinity-frontends', '10.96.0.1 . tcp . 80', '1'),
    element('affinity-slots', '10.96.0.1 . tcp . 80 . 2', '250000/8191'),
    element('affinity-timeouts', '1 . 60'),
    element('affinity-timeouts', '2 . 60'),
    element('affinity-timeouts', '3 . 86400'),
  ])
  expect(text.split('\n')).toEqual([
    'add element ip fairlead frontends { 10.96.0.1 . tcp . 80 : 101:3 }',
    'add element ip fairlead affinity-frontends { 10.96.0.1 . tcp . 80 : 8000:2000 }',
    'add element ip fairlead affinity-slots { 10.96.0.1 . tcp . 80 . fa1e:2 : fa12:1fff }',
    'add element ip fairlead affinity-60 { 8000:2000, 8000:4000 }',
    'add element ip fairlead affinity-86400 { 8000:6000 }',
    '',
  ])
})

describe('what was learned, for another program', () => {
  const one = (more: Partial<Learned> = {}): Learned => ({
    client: '10.0.0.9',
    endpoint: '10.0.1.1 . 80',
    frontend: 'affinity-frontends 10.96.0.1 . tcp . 80',
    timeout: 60_000,
    expires: 59_000,
    ...more,
  })
  const elements = [
    { family: 4, collection: 'affinity-frontends', key: '10.96.0.1 . tcp . 80', value: '3' },
    { family: 4, collection: 'affinity-endpoints', key: '3/7', value: '10.0.1.1 . 80' },
    { family: 4, collection: 'affinity-endpoints', key: '4/1', value: '10.0.1.2 . 80' },
  ] as const

  test('is said with the numbers that it has there', () => {
    expect(learnedText(4, [one()], elements)).toBe(
      'add element ip fairlead affinity { 8000:6000 . 10.0.0.9 timeout 60000ms expires 59000ms : 8000:6007 }\n',
    )
  })

  test.each([
    ['the endpoint is gone', one({ endpoint: '10.0.1.9 . 80' })],
    ['the endpoint is that of another list', one({ endpoint: '10.0.1.2 . 80' })],
    ['the frontend has no affinity any more', one({ frontend: 'affinity-nodeports tcp . 30080' })],
  ])('not when %s', (_, learned) => {
    expect(learnedText(4, [learned], elements)).toBe('')
  })

  test('is said once for a client, even when two frontends of it were of different lists before', () => {
    const text = learnedText(4, [one(), one({ expires: 1000 })], elements)
    expect(text.match(/10\.0\.0\.9/g)).toHaveLength(1)
  })
})
