import { expect, test } from 'vitest'
import { planSysctls, type ReadSysctl } from './sysctl.ts'

const kernel =
  (settings: Record<string, string>): ReadSysctl =>
  (name) =>
    settings[name]

test('raises what is off and leaves alone what is on or not there', () => {
  const read = kernel({ 'net/ipv4/ip_forward': '0', 'net/ipv6/conf/all/forwarding': '0' })
  const names = (internalIPs: string[], from = read) =>
    planSysctls(from, { internalIPs }, {}).changes.map(({ name, to }) => `${name}=${to}`)
  expect(names(['192.0.2.1'])).toEqual(['net/ipv4/ip_forward=1'])
  expect(names(['192.0.2.1', 'fd00::1'])).toEqual(['net/ipv4/ip_forward=1', 'net/ipv6/conf/all/forwarding=1'])
  expect(names(['fd00::1'], kernel({ 'net/ipv4/ip_forward': '1' }))).toEqual([])
})

test('keeps NodePorts from outgoing connections, next to what is reserved already', () => {
  const nodePortRange = { first: 30_000, last: 32_767 }
  const reserved = (text: string) =>
    planSysctls(kernel({ 'net/ipv4/ip_local_reserved_ports': text }), { internalIPs: [] }, { nodePortRange })
      .changes[0]?.to
  expect(reserved('')).toBe('30000-32767')
  expect(reserved('8080,9000-9100')).toBe('8080,9000-9100,30000-32767')
  expect(reserved('30000-32767')).toBeUndefined()
})

test('says what a person may want to change', () => {
  const { changes, notes } = planSysctls(
    kernel({ 'net/netfilter/nf_conntrack_tcp_be_liberal': '0' }),
    { internalIPs: [] },
    {},
  )
  expect(changes).toEqual([])
  expect(notes).toHaveLength(1)
})
