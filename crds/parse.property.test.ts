import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { rangesOverlap } from '#inet/range.ts'
import { emptyConfig, type Config } from './config.ts'
import { parseConfig, type ConfigObjects } from './parse.ts'

const fields = [
  'addresses',
  'autoAssign',
  'serviceAllocation',
  'priority',
  'namespaces',
  'serviceSelectors',
  'matchLabels',
  'matchExpressions',
  'key',
  'operator',
  'values',
  'ipAddressPools',
  'communities',
  'name',
  'value',
  'peers',
  'localPref',
  'aggregationLength',
  'myASN',
  'peerASN',
  'peerAddress',
  'holdTime',
  'bfdProfile',
  'echoMode',
  'preferredNodeSelectors',
  'weight',
  'preference',
  'passwordSecret',
  '__proto__',
  'constructor',
]
const leaf = fc.oneof(
  fc.constantFrom(
    '10.0.0.0/24',
    '10.0.0.9-10.0.0.20',
    '2001:db8::/64',
    'a',
    'b',
    '90s',
    'In',
    '1:2',
    'large:1:2:3',
  ),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
)
const { json } = fc.letrec((tie) => ({
  json: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('list'), tie('object')),
  list: fc.array(tie('json'), { maxLength: 4 }),
  object: fc.dictionary(fc.oneof(fc.constantFrom(...fields), fc.string()), tie('json'), { maxKeys: 6 }),
}))
const name = fc.constantFrom('a', 'b', 'c')
const time = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')
const object = fc.oneof(
  { weight: 4, arbitrary: fc.record({ metadata: fc.record({ name, creationTimestamp: time }), spec: json }) },
  { weight: 1, arbitrary: json },
)
const objects = fc.array(object, { maxLength: 3 })
const anything = fc.record({
  pools: objects,
  l2Advertisements: objects,
  bgpAdvertisements: objects,
  peers: objects,
  bfdProfiles: objects,
  communities: objects,
}) as unknown as fc.Arbitrary<ConfigObjects>

/** What every reader of a Config relies on. */
function expectConsistent(config: Config): void {
  const ranges = config.pools.flatMap((pool) => pool.ranges)
  for (const [index, range] of ranges.entries()) {
    expect(ranges.slice(index + 1).some((other) => rangesOverlap(range, other))).toBe(false)
  }
  const names = new Set(config.pools.map((pool) => pool.name))
  for (const { pools } of [...config.l2Advertisements, ...config.bgpAdvertisements]) {
    expect([...pools].every((pool) => names.has(pool))).toBe(true)
  }
  const profiles = new Set(config.bfdProfiles.map((profile) => profile.name))
  expect(config.peers.every(({ bfdProfile }) => bfdProfile === undefined || profiles.has(bfdProfile))).toBe(
    true,
  )
}

test('never throws, and what is in force is consistent', () => {
  fc.assert(
    fc.property(anything, anything, (first, second) => {
      const one = parseConfig(first, emptyConfig)
      expectConsistent(one.config)
      const two = parseConfig(second, one.config)
      expectConsistent(two.config)
      expect(parseConfig(second, two.config)).toEqual(two)
    }),
    { numRuns: 200 },
  )
})

test('pools in error without a last good version are not in force', () => {
  const pool = fc.record({
    metadata: fc.record({ name, creationTimestamp: time }),
    spec: fc.record({
      addresses: fc.array(fc.constantFrom('10.0.0.0/24', '10.0.0.0/16', '10.0.1.0/24', 'x'), {
        maxLength: 2,
      }),
    }),
  })
  fc.assert(
    fc.property(fc.uniqueArray(pool, { selector: (one) => one.metadata.name }), (pools) => {
      const { config, problems } = parseConfig({ ...empty, pools })
      expectConsistent(config)
      const bad = new Set(problems.map((problem) => problem.name))
      expect(config.pools.map((one) => one.name)).toEqual(
        pools
          .map((one) => one.metadata.name)
          .filter((one) => !bad.has(one))
          .sort(),
      )
    }),
  )
})

const empty = {
  pools: [],
  l2Advertisements: [],
  bgpAdvertisements: [],
  peers: [],
  bfdProfiles: [],
  communities: [],
}
