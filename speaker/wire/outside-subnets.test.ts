import { expect, test } from 'vitest'
import { OutsideSubnets } from './outside-subnets.ts'
import type { WireHolder, WireInterface } from './protocol.ts'

const on = (name: string, ...prefixes: string[]): WireInterface => ({
  name,
  index: 2,
  mac: '02:00:00:00:00:0a',
  up: true,
  prefixes,
  usable: true,
  reason: '',
})

const holder = (address: string, change: Partial<WireHolder> = {}): WireHolder => ({
  address,
  holder: 'a',
  held: true,
  since: 0,
  interfaces: ['eth0'],
  reason: '',
  ...change,
})

const interfaces = [on('eth0', '192.0.2.10/24', '2001:db8::10/64', 'fe80::1/64'), on('eth1', '10.0.0.1/8')]

test.each<[WireHolder, boolean]>([
  [holder('192.0.2.50'), false],
  [holder('2001:db8::50'), false],
  [holder('198.51.100.1'), true],
  [holder('2001:db8:1::50'), true],
  [holder('10.1.1.1'), true],
  [holder('10.1.1.1', { interfaces: ['eth0', 'eth1'] }), false],
  [holder('198.51.100.1', { held: false }), false],
])('%j', (one, outside) => {
  expect(new OutsideSubnets().find([one], interfaces)).toEqual(outside ? [one.address] : [])
})

test('once for each address, again when it was inside or gone', () => {
  const subnets = new OutsideSubnets()
  const one = holder('198.51.100.1')
  expect(subnets.find([one], interfaces)).toEqual(['198.51.100.1'])
  expect(subnets.find([one], interfaces)).toEqual([])
  expect(subnets.find([{ ...one, held: false }, one], interfaces)).toEqual([])
  subnets.find([one], [on('eth0', '198.51.100.9/24')])
  expect(subnets.find([one], interfaces)).toEqual(['198.51.100.1'])
  subnets.forget(['198.51.100.1'])
  expect(subnets.find([one], interfaces)).toEqual(['198.51.100.1'])
})
