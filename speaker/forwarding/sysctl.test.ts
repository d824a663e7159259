import { describe, expect, test } from 'vitest'
import type { ConntrackConfig } from './config.ts'
import { defaultConntrack, planSysctls, type Machine, type ReadSysctl } from './sysctl.ts'

const kernel =
  (settings: Record<string, string>): ReadSysctl =>
  (name) =>
    settings[name]

const machine: Machine = { cores: 2, writable: () => true }
const elsewhere: Machine = { cores: 2, writable: () => false }

test('raises what is off and leaves alone what is on or not there', () => {
  const read = kernel({ 'net/ipv4/ip_forward': '0', 'net/ipv6/conf/all/forwarding': '0' })
  const names = (internalIPs: string[], from = read) =>
    planSysctls(from, { internalIPs }, {}, machine).changes.map(({ name, to }) => `${name}=${to}`)
  expect(names(['192.0.2.1'])).toEqual(['net/ipv4/ip_forward=1'])
  expect(names(['192.0.2.1', 'fd00::1'])).toEqual(['net/ipv4/ip_forward=1', 'net/ipv6/conf/all/forwarding=1'])
  expect(names(['fd00::1'], kernel({ 'net/ipv4/ip_forward': '1' }))).toEqual([])
})

describe('NodePorts are kept from outgoing connections', () => {
  const plan = (reserved: string, ephemeral: string, on = machine) =>
    planSysctls(
      kernel({
        'net/ipv4/ip_local_reserved_ports': reserved,
        'net/ipv4/ip_local_port_range': ephemeral,
      }),
      { internalIPs: [] },
      { nodePortRange: { first: 30_000, last: 32_767 } },
      on,
    )

  test('not where the kernel does not take them anyway', () => {
    expect(plan('', '32768\t60999')).toEqual({ changes: [], notes: [] })
    expect(plan('', '1024\t29999')).toEqual({ changes: [], notes: [] })
  })

  test.each([
    ['', '30000-32767'],
    ['8080,9000-9100', '8080,9000-9100,30000-32767'],
    ['30000-32766', '30000-32767'],
    ['29999,31000-40000', '29999-40000'],
    ['32768', '30000-32768'],
    ['40000,50000-50001', '30000-32767,40000,50000-50001'],
    ['30000-32767', undefined],
    ['29000-33000', undefined],
    ['30000-31000,31001-32767', undefined],
  ])('next to %j: %j', (reserved, to) => {
    expect(plan(reserved, '10000\t60999').changes[0]?.to).toBe(to)
  })

  test('where that cannot be written it is said', () => {
    const { changes, notes } = plan('', '10000\t60999', elsewhere)
    expect(changes).toEqual([])
    expect(notes).toEqual([expect.stringContaining('10000-60999')])
  })
})

describe('conntrack', () => {
  const small = {
    'net/netfilter/nf_conntrack_max': '65536',
    'net/netfilter/nf_conntrack_buckets': '16384',
    'net/netfilter/nf_conntrack_tcp_timeout_established': '432000',
    'net/netfilter/nf_conntrack_tcp_timeout_close_wait': '60',
    'net/netfilter/nf_conntrack_udp_timeout': '30',
    'net/netfilter/nf_conntrack_udp_timeout_stream': '120',
    'net/netfilter/nf_conntrack_tcp_be_liberal': '0',
  }
  const plan = (
    config: ConntrackConfig | undefined,
    settings: Record<string, string> = small,
    on = machine,
  ) => {
    const conntrack = config === undefined ? {} : { conntrack: config }
    const { changes, notes } = planSysctls(kernel(settings), { internalIPs: [] }, conntrack, on)
    const to = changes.map(({ name, to }) => `${name.replace('net/netfilter/nf_conntrack_', '')}=${to}`)
    return { to, notes }
  }

  test('as kube-proxy would have it, and nothing lowered', () => {
    expect(plan(defaultConntrack)).toEqual({
      to: ['max=131072', 'buckets=32768', 'tcp_timeout_close_wait=3600', 'tcp_be_liberal=1'],
      notes: [],
    })
    const large = Object.fromEntries(Object.keys(small).map((name) => [name, '1000000']))
    expect(plan({ ...defaultConntrack, tcpEstablishedTimeout: 86_400 }, large).to).toEqual([])
  })

  test('grows with the cores', () => {
    expect(plan(defaultConntrack, small, { ...machine, cores: 64 }).to.slice(0, 2)).toEqual([
      'max=2097152',
      'buckets=524288',
    ])
  })

  test('0 leaves the sizes alone', () => {
    expect(plan({ maxPerCore: 0, min: 131_072 }).to).toEqual([])
  })

  test('times that are asked for are raised', () => {
    const config = {
      maxPerCore: 0,
      min: 0,
      udpTimeout: 60,
      udpStreamTimeout: 60,
      tcpEstablishedTimeout: 500_000,
    }
    expect(plan(config).to).toEqual(['tcp_timeout_established=500000', 'udp_timeout=60'])
  })

  test('outside the first network namespace sizes are a note', () => {
    const { to, notes } = plan(defaultConntrack, small, elsewhere)
    expect(to).toEqual(['tcp_timeout_close_wait=3600', 'tcp_be_liberal=1'])
    expect(notes).toEqual(['nf_conntrack_max is 65536, less than 131072, and cannot be changed from here'])
  })

  test('without a configuration nothing changes, but a person is told what may happen', () => {
    expect(plan(undefined)).toEqual({ to: [], notes: [expect.stringContaining('be_liberal is 0')] })
  })

  test('a kernel without conntrack', () => {
    expect(plan(defaultConntrack, {})).toEqual({ to: [], notes: [] })
  })
})
