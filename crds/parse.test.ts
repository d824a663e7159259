import { describe, expect, test } from 'vitest'
import { formatRange } from '#inet/range.ts'
import { emptyConfig, type Config, type Problem } from './config.ts'
import { parseConfig, type ConfigObjects } from './parse.ts'
import { noObjects, raw } from './test-objects.ts'

const parse = (objects: Partial<ConfigObjects>, previous?: Config) =>
  parseConfig({ ...noObjects, ...objects }, previous)
const errors = (problems: readonly Problem[]) => problems.filter(({ severity }) => severity === 'error')
const errorsOf = (objects: Partial<ConfigObjects>) => errors(parse(objects).problems)

const pool = (name: string, ...addresses: string[]) => raw(name, { addresses })
const peer = (spec: object) => raw('peer', { myASN: 42, peerASN: 142, peerAddress: '1.2.3.4', ...spec })
const ad = (spec: object) => raw('ad', spec)
const v4 = pool('v4', '10.20.0.0/16')
const v6 = pool('v6', '1000::/64')
const labels = (key: string, value: string) => ({ matchLabels: { [key]: value } })

test('two objects of one name, which no API server has, are told from each other', () => {
  const found = errorsOf({
    pools: [pool('p', '1.1.1.1/32'), pool('p', '2.2.2.2/32')],
    bfdProfiles: [raw('b', {}), raw('b', {})],
    peers: [peer({}), peer({ peerAddress: '1.1.1.1' })],
  })
  expect(found.map(({ field, message }) => [field, message])).toEqual([
    ['metadata.name', 'duplicate definition of pool "p"'],
    ['metadata.name', 'peer peer already exists'],
    ['metadata.name', 'found duplicate bfd profile name b'],
  ])
})

test('objects without a name are told in the words of their kind', () => {
  const found = errorsOf({
    pools: [pool('', '1.1.1.1/32')],
    bfdProfiles: [raw('', {})],
    peers: [raw('', {})],
  })
  const messages = found.filter(({ field }) => field === 'metadata.name').map(({ message }) => message)
  expect(messages).toEqual(['missing pool name', 'missing name', 'missing bfd profile name'])
})

test('C19: two local preferences for other peers do not meet', () => {
  const bgpAdvertisements = [
    raw('a', { localPref: 100, peers: ['x'] }),
    raw('b', { localPref: 200, peers: ['y'] }),
  ]
  expect(errorsOf({ pools: [v4], bgpAdvertisements })).toEqual([])
})

test('reports every error of an object at once', () => {
  const found = errorsOf({ peers: [raw('p', { myASN: 0, holdTime: '1s', routerID: 'x', peerPort: 'bgp' })] })
  expect(found.map((one) => one.field)).toEqual([
    'spec.myASN',
    'spec.peerASN',
    'spec.peerAddress',
    'spec.peerPort',
    'spec.holdTime',
    'spec.routerID',
  ])
})

test('an advertisement whose pools are all unknown is for none, not for all', () => {
  const { config } = parse({ pools: [v4], l2Advertisements: [ad({ ipAddressPools: ['x'] })] })
  expect(config.l2Advertisements[0].pools).toEqual(new Set())
  expect(parse({ pools: [v4], l2Advertisements: [ad({})] }).config.l2Advertisements[0].pools).toEqual(
    new Set(['v4']),
  )
})

test('C8: pools are chosen by label', () => {
  const pools = [
    raw('a', { addresses: ['1.1.1.1/32'] }, { labels: { zone: 'east' } }),
    pool('b', '1.1.1.2/32'),
  ]
  const l2Advertisements = [ad({ ipAddressPoolSelectors: [labels('zone', 'east')] })]
  expect(parse({ pools, l2Advertisements }).config.l2Advertisements[0].pools).toEqual(new Set(['a']))
})

test('an invalid object keeps its last good version and disturbs no other', () => {
  const first = parse({ pools: [pool('a', '10.0.0.0/24'), pool('b', '10.0.1.0/24')] }).config
  const { config, problems } = parse({ pools: [pool('a', 'nonsense'), pool('b', '10.0.2.0/24')] }, first)
  expect(config.pools.map(({ ranges }) => ranges.map(formatRange))).toEqual([
    ['10.0.0.0-10.0.0.255'],
    ['10.0.2.0-10.0.2.255'],
  ])
  expect(config.pools[0]).toBe(first.pools[0])
  expect(problems.map(({ name }) => name)).toEqual(['a'])
  expect(parse({ pools: [pool('b', '10.0.2.0/24')] }, config).config.pools).toHaveLength(1)
})

test('an edit that runs into another pool is refused, and both stay as they were', () => {
  const old = pool('old', '10.0.0.0/24')
  const young = pool('young', '10.0.1.0/24')
  const first = parse({ pools: [old, young] }).config
  const grown = { ...old, spec: { addresses: ['10.0.0.0/16'] } }
  const { config, problems } = parse({ pools: [grown, young] }, first)
  expect(config.pools).toEqual(first.pools)
  expect(problems).toMatchObject([{ name: 'old', code: 'FL_POOL_OVERLAP' }])
})

test('a pool in force is not displaced by one of the same second with a lesser name', () => {
  const inForce = pool('production', '10.0.0.0/24')
  const newcomer = {
    ...pool('overlapping', '10.0.0.128/25'),
    metadata: { ...inForce.metadata, name: 'overlapping' },
  }
  const first = parse({ pools: [inForce] }).config
  const { config, problems } = parse({ pools: [inForce, newcomer] }, first)
  expect(config.pools).toEqual(first.pools)
  expect(problems).toMatchObject([{ name: 'overlapping', code: 'FL_POOL_OVERLAP' }])
})

describe('an aggregate that is wider than some range', () => {
  const aggregate = ad({ aggregationLength: 24 })
  const wide = pool('p', '10.0.0.0/24')
  const other = pool('q', '10.1.0.0/24')
  const withRange = (...addresses: string[]) => ({ ...wide, spec: { addresses } })
  const withheldBy = ({ bgpAdvertisements }: Config) =>
    bgpAdvertisements.map(({ pools, withheld = [] }) => [[...pools].sort(), withheld.map(formatRange)])
  const inForce = parse({ pools: [wide, other], bgpAdvertisements: [aggregate] }).config
  const grown = { pools: [withRange('10.0.0.0/24', '10.9.0.16/28'), other], bgpAdvertisements: [aggregate] }
  const refused = [{ code: 'FL_ADVERTISEMENT_AGGREGATION', name: 'ad', severity: 'error' }]

  test('leaves out that range and nothing else, before and after a restart', () => {
    for (const previous of [inForce, undefined]) {
      const { config, problems } = parse(grown, previous)
      expect(withheldBy(config)).toEqual([[['p', 'q'], ['10.9.0.16-10.9.0.31']]])
      expect(problems).toMatchObject(refused)
      expect(problems[0].message).toContain('(10.9.0.16-10.9.0.31)')
      expect(parse(grown, config).config).toBe(config)
    }
  })

  test('goes on for a range that was cut down under its Services', () => {
    const cut = { pools: [withRange('10.0.0.0/28'), other], bgpAdvertisements: [aggregate] }
    const { config, problems } = parse(cut, inForce)
    expect(withheldBy(config)).toEqual([[['p', 'q'], []]])
    expect(problems).toMatchObject(refused)
    expect(withheldBy(parse(cut, config).config)).toEqual([[['p', 'q'], []]])
    const elsewhere = { ...cut, pools: [withRange('10.7.0.0/28'), other] }
    expect(withheldBy(parse(elsewhere, inForce).config)).toEqual([[['p', 'q'], ['10.7.0.0-10.7.0.15']]])
  })

  test('takes the range in as soon as it fits', () => {
    const { config } = parse(grown, inForce)
    const mended = { ...grown, bgpAdvertisements: [ad({ aggregationLength: 28 })] }
    const after = parse(mended, config)
    expect(withheldBy(after.config)).toEqual([[['p', 'q'], []]])
    expect(after.problems).toEqual([])
  })

  test('is not taken when the length was changed: the last good one stays', () => {
    const pools = [withRange('10.0.0.0/24', '10.9.0.16/28')]
    const first = parse({ pools, bgpAdvertisements: [ad({ aggregationLength: 28 })] }).config
    const { config } = parse({ pools, bgpAdvertisements: [aggregate] }, first)
    expect(config).toBe(first)
    expect(config.bgpAdvertisements[0].aggregationLength).toBe(28)
  })

  test('lets through what else was changed', () => {
    const edited = { ...grown, bgpAdvertisements: [ad({ aggregationLength: 24, med: 7 })] }
    expect(parse(edited, inForce).config.bgpAdvertisements).toMatchObject([{ name: 'ad', med: 7 }])
    const broken = { ...grown, bgpAdvertisements: [ad({ aggregationLength: 24, communities: ['1'] })] }
    const { config } = parse(broken, inForce)
    expect(config.bgpAdvertisements).toMatchObject([{ name: 'ad', communities: [] }])
    expect(withheldBy(config)).toEqual([[['p', 'q'], ['10.9.0.16-10.9.0.31']]])
  })

  test('may not contradict another advertisement either', () => {
    const bgpAdvertisements = [ad({ aggregationLength: 24 }), raw('rival', { aggregationLength: 24, med: 1 })]
    const { config, problems } = parse({ ...grown, bgpAdvertisements })
    expect(config.bgpAdvertisements.map(({ name }) => name)).toEqual(['ad'])
    expect(errors(problems).map(({ name, code }) => [name, code])).toEqual([
      ['ad', 'FL_ADVERTISEMENT_AGGREGATION'],
      ['rival', 'FL_ADVERTISEMENT_AGGREGATION'],
      ['rival', 'FL_ADVERTISEMENT_CONFLICT'],
    ])
  })
})

test('BFD echo takes no advertisement, pool or peer away', () => {
  const objects = (echoMode: boolean) => ({
    pools: [v4, v6],
    bfdProfiles: [raw('fast', { echoMode })],
    peers: [peer({ bfdProfile: 'fast' }), raw('other', { myASN: 42, peerASN: 1, peerAddress: '1000::1' })],
    bgpAdvertisements: [ad({})],
  })
  const without = parse(objects(false)).config
  for (const previous of [without, undefined]) {
    const { config, problems } = parse(objects(true), previous)
    expect(config.bgpAdvertisements).toEqual(without.bgpAdvertisements)
    expect(config.peers).toEqual(without.peers)
    expect(problems).toMatchObject([{ severity: 'warning', kind: 'BFDProfile', name: 'fast' }])
  }
})

test('aliases of an invalid Community stay', () => {
  const good = raw('c', {
    communities: [
      { name: 'a', value: '1:1' },
      { name: 'b', value: '1:2' },
    ],
  })
  const first = parse({ communities: [good] }).config
  const { config } = parse(
    { communities: [{ ...good, spec: { communities: [{ name: 'a', value: 'x' }] } }] },
    first,
  )
  expect([...config.communities.keys()]).toEqual(['a', 'b'])
})

test('one unset timer follows from the other', () => {
  const peers = [
    raw('a', { ...(peer({}).spec as object), holdTime: '90s' }),
    raw('b', { ...(peer({ peerAddress: '1.1.1.1' }).spec as object), keepaliveTime: '10s' }),
  ]
  const [a, b] = parse({ peers }).config.peers
  expect([a.holdTime, a.keepaliveTime, b.holdTime, b.keepaliveTime]).toEqual([90_000, 30_000, 30_000, 10_000])
})

test('what did not change keeps its identity', () => {
  const objects = { pools: [v4, v6], peers: [peer({})], l2Advertisements: [ad({})] }
  const first = parse(objects).config
  expect(parse(objects, first).config).toBe(first)
  const second = parse({ ...objects, pools: [v4] }, first).config
  expect(second.pools[0]).toBe(first.pools[0])
  expect(second.peers).toBe(first.peers)
  expect(parse({}, emptyConfig).config.pools).toBe(emptyConfig.pools)
})
