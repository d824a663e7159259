import { expect, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { buildGratuitousRequest } from '../layer2/arp.ts'
import { buildUnsolicited } from '../layer2/ndp.ts'
import type { WireHolder } from './protocol.ts'
import { Unheard } from './unheard.ts'

const holder = (address: string, change: Partial<WireHolder> = {}): WireHolder => ({
  address,
  holder: 'node-a',
  held: true,
  since: 1,
  interfaces: ['eth0', 'eth1'],
  reason: '',
  ...change,
})
const a = '2001:db8::50'
const group = 'ff02::1:ff00:50'
const bytes = (text: string) => addressToBytes(parseAddress(text))
const advertisement = (address: string) => buildUnsolicited(bytes(address), 2, bytes('fe80::1'))

test('an address is not held where its group cannot be heard, and nowhere when that is everywhere', () => {
  const unheard = new Unheard()
  expect(unheard.tell([holder(a), holder('2001:db8::51'), holder('192.0.2.50')], 10)).toHaveLength(3)
  unheard.report(2, 'eth0', group, false)
  expect(unheard.tell([], 20)).toEqual([holder(a, { interfaces: ['eth1'] })])
  unheard.report(3, 'eth1', group, false)
  const silent = holder(a, { held: false, interfaces: [], reason: 'noInterface', since: 30 })
  expect(unheard.tell([], 30)).toEqual([silent])
  expect(unheard.tell([], 31)).toEqual([])
  // Another interface comes, and is the only one.
  expect(unheard.tell([holder(a, { interfaces: ['eth0', 'eth1', 'eth2'], since: 40 })], 40)).toEqual([
    holder(a, { interfaces: ['eth2'], since: 40 }),
  ])
  expect(unheard.tell([holder(a)], 50)).toEqual([{ ...silent, since: 50 }])
  unheard.report(2, 'eth0', group, true)
  expect(unheard.tell([], 60)).toEqual([holder(a, { interfaces: ['eth0'], since: 60 })])
  unheard.closed(3)
  expect(unheard.tell([], 70)).toEqual([holder(a, { since: 60 })])
})

test('what comes later of a group that cannot be heard is told so at once; what is forgotten is not told', () => {
  const unheard = new Unheard()
  for (const [index, name] of [[2, 'eth0'] as const, [3, 'eth1'] as const]) {
    unheard.report(index, name, group, false)
  }
  expect(unheard.tell([holder(a)], 10)).toMatchObject([{ held: false, reason: 'noInterface' }])
  unheard.forget([a])
  unheard.closed(2)
  expect(unheard.tell([], 20)).toEqual([])
})

test('advertisements of such addresses are muted on that interface, nothing else is', () => {
  const unheard = new Unheard()
  unheard.report(2, 'eth0', group, false)
  expect(unheard.mutes(advertisement(a), 2)).toBe(true)
  expect(unheard.mutes(advertisement(a), 3)).toBe(false)
  expect(unheard.mutes(advertisement('2001:db8::51'), 2)).toBe(false)
  expect(unheard.mutes(buildGratuitousRequest(0xc0000232, 2), 2)).toBe(false)
  unheard.report(2, 'eth0', group, true)
  expect(unheard.mutes(advertisement(a), 2)).toBe(false)
})
