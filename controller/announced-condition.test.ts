import { expect, test } from 'vitest'
import { announcedCondition, type AnnouncedInput } from './announced-condition.ts'
import type { Announcement } from './announcements.ts'
import type { Holding, Trouble } from './speakers.ts'

const v4 = '192.0.2.1'
const v6 = '2001:db8::1'
const since = '2026-01-01T00:00:00Z'

const by = (node: string, protocol: Announcement['protocol']): Announcement => ({
  service: 'default/web',
  node,
  protocol,
})
const holding = (node: string, ...interfaces: string[]): Holding => ({ node, since, interfaces })
const trouble = (node: string, reason: string, message: string): Trouble => ({ node, reason, message })

function words(
  more: Partial<Pick<AnnouncedInput, 'announcements' | 'addresses' | 'speakers'>> & {
    held?: Record<string, Holding[]>
    troubles?: Record<string, Trouble[]>
  },
) {
  const { held = {}, troubles = {}, ...rest } = more
  return announcedCondition({
    announcements: [],
    addresses: [v4],
    speakers: true,
    holdings: (address) => held[address] ?? [],
    troubles: (address) => troubles[address] ?? [],
    ...rest,
  })
}

test('who holds it, where and since when', () => {
  expect(words({ announcements: [by('a', 'layer2')], held: { [v4]: [holding('a', 'eth0')] } })).toEqual({
    status: 'True',
    reason: 'Announced',
    message: `announced by a (layer2); ${v4} is held by a on eth0 since ${since}`,
  })
  const both = words({
    announcements: [by('b', 'layer2'), by('a', 'bgp'), by('a', 'layer2')],
    addresses: [v4, v6],
    held: { [v4]: [holding('a', 'eth0', 'eth1')], [v6]: [holding('b')] },
  })
  expect(both.message).toBe(
    `announced by a (bgp), a (layer2), b (layer2); ${v4} is held by a on eth0, eth1 since ${since}; ` +
      `${v6} is held by b since ${since}`,
  )
})

test('a node whose announcement is gone holds nothing any more', () => {
  const held = { [v4]: [holding('a', 'eth0'), holding('b', 'eth0')] }
  expect(words({ announcements: [by('b', 'layer2')], held }).message).toBe(
    `announced by b (layer2); ${v4} is held by b on eth0 since ${since}`,
  )
})

test('why nobody announces it', () => {
  expect(words({ addresses: [] })).toMatchObject({ reason: 'NotAnnounced', message: /no address/ })
  expect(words({ speakers: false })).toMatchObject({ status: 'False', reason: 'NoSpeakerReady' })
  expect(words({})).toMatchObject({ status: 'False', reason: 'NotAnnounced' })
  const inUse = trouble('a', 'addressInUse', 'another machine on the wire uses it (02:00:00:00:00:99)')
  expect(words({ troubles: { [v4]: [inUse] } })).toEqual({
    status: 'False',
    reason: 'AddressInUseOnWire',
    message: `${v4}: another machine on the wire uses it (02:00:00:00:00:99)`,
  })
  const cases = [
    ['noEndpoints', 'NoEndpoints'],
    ['noLocalEndpoints', 'NoLocalEndpoints'],
    ['noMatchingAdvertisement', 'NoMatchingAdvertisement'],
    ['sharedIPWithServiceSelector', 'SharedIPWithServiceSelector'],
    ['notServed', 'NotServed'],
    ['nodeDraining', 'NoEligibleNode'],
    ['somethingNew', 'NotAnnounced'],
    ['constructor', 'NotAnnounced'],
  ]
  for (const [word, reason] of cases)
    expect(words({ troubles: { [v4]: [trouble('a', word, word)] } }).reason).toBe(reason)
})

test('the same words from two nodes are said once', () => {
  const same = [
    trouble('a', 'notServed', 'not in the kernel'),
    trouble('b', 'notServed', 'not in the kernel'),
  ]
  expect(words({ troubles: { [v4]: same } }).message).toBe(`${v4}: not in the kernel`)
})

test('one of two addresses that is nowhere makes it False, unless routers have both', () => {
  const dual = {
    addresses: [v4, v6],
    held: { [v4]: [holding('a', 'eth0')] },
    troubles: { [v6]: [trouble('a', 'noInterface', 'no usable interface')] },
  }
  const layer2 = words({ ...dual, announcements: [by('a', 'layer2')] })
  expect(layer2).toMatchObject({ status: 'False', reason: 'NoInterface' })
  expect(layer2.message).toMatch(/^announced by a \(layer2\);.*2001:db8::1: no usable interface$/)
  const routed = words({ ...dual, announcements: [by('a', 'layer2'), by('b', 'bgp')] })
  expect(routed.status).toBe('True')
  expect(routed.message).toContain('2001:db8::1: no usable interface')
})

test('what is odd about a held address is said, and it counts as announced', () => {
  const found = words({
    announcements: [by('a', 'layer2')],
    held: { [v4]: [holding('a', 'eth0')] },
    troubles: { [v4]: [trouble('a', 'outsideSubnets', 'in no subnet')] },
  })
  expect(found).toMatchObject({ status: 'True', reason: 'Announced' })
  expect(found.message).toMatch(/192\.0\.2\.1: in no subnet$/)
})

test('the words are bounded', () => {
  const many = Array.from({ length: 500 }, (_, index) => `node-${index}-${'x'.repeat(100)}`)
  const found = words({
    announcements: many.map((node) => by(node, 'layer2')),
    held: { [v4]: many.map((node) => holding(node, ...many.slice(0, 50))) },
    troubles: { [v4]: many.map((node) => trouble(node, 'notServed', node)) },
  })
  expect(found.message.length).toBeLessThanOrEqual(1024)
})
