import { describe, expect, test } from 'vitest'
import { unusableReasons } from './errors.ts'
import { answerOn, assess, compileExclusions, defaultExclusions, unusable, type Link } from './interfaces.ts'

const link = (change: Partial<Link> = {}): Link => ({
  index: 2,
  name: 'eth0',
  mac: '02:00:00:00:00:0a',
  up: true,
  carrier: true,
  loopback: false,
  broadcast: true,
  noArp: false,
  master: 0,
  prefixes: ['192.0.2.10/24', '2001:db8::10/64', 'fe80::a/64'],
  ...change,
})

const excluded = compileExclusions(defaultExclusions).patterns

const rows: [string, Link, ReturnType<typeof unusable>][] = [
  ['an Ethernet interface', link(), undefined],
  ['a bridge with its own address', link({ name: 'br0' }), undefined],
  ['switched off', link({ up: false, carrier: false }), 'down'],
  ['cable pulled', link({ carrier: false }), 'noCarrier'],
  ['lo', link({ name: 'lo', loopback: true, broadcast: false, mac: '00:00:00:00:00:00' }), 'loopback'],
  ['a port of a bond', link({ name: 'eth1', master: 7 }), 'enslaved'],
  ['NOARP', link({ noArp: true }), 'noArp'],
  ['point to point', link({ broadcast: false }), 'noBroadcast'],
  ['without a packet socket', link({ noSocket: true }), 'noSocket'],
  ['without a MAC', link({ mac: '' }), 'noMac'],
  ...['docker0', 'veth12ab', 'cali0', 'flannel.1', 'cni0', 'kube-ipvs0', 'lxc1', 'nodelocaldns'].map(
    (name): [string, Link, 'excluded'] => [name, link({ name }), 'excluded'],
  ),
]

describe('usable or why not', () => {
  test.each(rows)('%s', (_name, one, reason) => {
    expect(unusable(one, excluded)).toBe(reason)
  })

  test('the table has every reason', () => {
    const found = new Set(rows.map(([, , reason]) => reason).filter((reason) => reason !== undefined))
    expect([...found].sort()).toEqual(Object.keys(unusableReasons).sort())
  })

  test('patterns match anywhere unless anchored; what is no pattern is named', () => {
    const { patterns, invalid } = compileExclusions(['mgmt', '^(', '*eth'])
    expect(invalid).toEqual(['^(', '*eth'])
    expect(unusable(link({ name: 'eno1-mgmt' }), patterns)).toBe('excluded')
    expect(unusable(link({ name: 'eth0' }), patterns)).toBeUndefined()
  })
})

describe('where an address is answered', () => {
  const interfaces = assess(
    [
      link({ index: 4, name: 'eth2', up: false }),
      link({ index: 3, name: 'eth1', prefixes: ['198.51.100.10/24'] }),
      link(),
    ],
    excluded,
  )

  test('assessed in the order of indexes', () => {
    expect(interfaces.map(({ name, usable, reason, up }) => ({ name, usable, reason, up }))).toEqual([
      { name: 'eth0', usable: true, reason: '', up: true },
      { name: 'eth1', usable: true, reason: '', up: true },
      { name: 'eth2', usable: false, reason: 'down', up: false },
    ])
  })

  // D22: no interfaces named means all
  test.each<[string, string[], 4 | 6, string[]]>([
    ['all', [], 4, ['eth0', 'eth1']],
    ['one', ['eth1'], 4, ['eth1']],
    ['one of them is down', ['eth1', 'eth2'], 4, ['eth1']],
    ['only one that is down', ['eth2'], 4, []],
    ['one that does not exist', ['eth9'], 4, []],
    ['IPv6 only where there is a link-local address', [], 6, ['eth0']],
  ])('%s', (_name, names, family, expected) => {
    expect(answerOn(names, family, interfaces).map((one) => one.name)).toEqual(expected)
  })
})
