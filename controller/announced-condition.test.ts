import { describe, expect, test } from 'vitest'
import type { Family } from '#inet/address.ts'
import { announcedCondition, type AnnouncedInput } from './announced-condition.ts'
import type { Announcement } from './announcements.ts'
import type { SpeakerSession } from './speaker-session.ts'
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
  more: Partial<Pick<AnnouncedInput, 'announcements' | 'addresses' | 'speakers' | 'heard' | 'session'>> & {
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
    heard: () => true,
    session: () => undefined,
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
  const unlisted = words({
    announcements: [by('a', 'layer2')],
    troubles: { [v4]: [trouble('a', 'contested', 'claimed')] },
  })
  expect(unlisted).toMatchObject({ status: 'True', message: `announced by a (layer2); ${v4}: claimed` })
})

describe('by BGP', () => {
  const to = (node: string, ...peers: string[]): Announcement => ({ ...by(node, 'bgp'), peers })
  const up = (...families: Family[]): SpeakerSession => ({
    up: true,
    families,
    error: `up for IPv${families}`,
  })
  const down = (error: string): SpeakerSession => ({ up: false, families: [], error })
  /** Sessions by node and peer. */
  const told = (all: Record<string, Record<string, SpeakerSession>>) => ({
    session: (node: string, peer: string) => all[node]?.[peer],
  })

  test('only a session that is up and has the family carries an address', () => {
    const announcements = [to('a', 'r4'), to('b', 'r4')]
    const one = told({ a: { r4: up(4) }, b: { r4: down('refused') } })
    expect(words({ announcements, ...one })).toEqual({
      status: 'True',
      reason: 'Announced',
      message: 'announced by a (bgp)',
    })
    const none = told({ a: { r4: down('Bad Peer AS') }, b: { r4: down('Bad Peer AS') } })
    expect(words({ announcements, ...none })).toEqual({
      status: 'False',
      reason: 'NoSessionUp',
      message: `${v4}: no BGP session that can carry IPv4 is up: r4: Bad Peer AS (a, b)`,
    })
  })

  test('a Service of which one family goes nowhere is not announced, and says which', () => {
    const dual = { announcements: [to('a', 'r4', 'r6')], addresses: [v4, v6] }
    const half = words({ ...dual, ...told({ a: { r4: up(4), r6: down('no answer') } }) })
    expect(half).toEqual({
      status: 'False',
      reason: 'NoSessionUp',
      message: `announced by a (bgp); ${v6}: no BGP session that can carry IPv6 is up: r6: no answer (a)`,
    })
    const foreign = words({ ...dual, ...told({ a: { r4: up(4), r6: up(4) } }) })
    expect(foreign.reason).toBe('NoPeerForFamily')
    expect(words({ ...dual, ...told({ a: { r4: up(4), r6: up(6) } }) }).status).toBe('True')
    const why = { [v6]: [trouble('a', 'familyNotOffered', 'no BGPPeer for it')] }
    expect(words({ ...dual, ...told({ a: { r4: up(4) } }), troubles: why })).toMatchObject({ status: 'True' })
    const named = { ...dual, announcements: [to('a', 'r4')], ...told({ a: { r4: up(4) } }), troubles: why }
    expect(words(named)).toMatchObject({
      reason: 'NoPeerForFamily',
      message: `announced by a (bgp); ${v6}: no BGPPeer for it`,
    })
  })

  test('so is one of which one address has no route, although its peers would carry it', () => {
    const dual = { announcements: [to('a', 'r')], addresses: [v4, v6], ...told({ a: { r: up(4, 6) } }) }
    expect(words(dual).status).toBe('True')
    const withheld = { [v4]: [trouble('a', 'invalidAdvertisement', 'its advertisement is in error')] }
    expect(words({ ...dual, troubles: withheld })).toMatchObject({
      status: 'False',
      reason: 'InvalidAdvertisement',
    })
  })

  test('a node that is not heard counts for nothing', () => {
    const announcements = [to('a', 'r4'), by('b', 'layer2')]
    const heard = (node: string) => node === 'c'
    const lost = words({
      announcements,
      heard,
      held: { [v4]: [holding('b', 'eth0')] },
      ...told({ a: { r4: up(4) } }),
    })
    expect(lost).toMatchObject({ status: 'False', reason: 'SpeakerUnreachable' })
    expect(lost.message).toContain('last announced by a (bgp), b (layer2)')
    const other = words({
      announcements: [...announcements, to('c', 'r4')],
      heard,
      ...told({ c: { r4: up(4) } }),
    })
    expect(other.message).toBe('announced by c (bgp)')
  })

  test('what is not known stands in nobody’s way', () => {
    expect(words({ announcements: [to('a', 'r4')] }).status).toBe('True')
    expect(words({ announcements: [by('a', 'bgp')], ...told({}) }).status).toBe('True')
    expect(words({ announcements: [to('a')], ...told({}) })).toMatchObject({ reason: 'NoPeerForFamily' })
  })

  test.each([
    ['noPeers', 'NoMatchingPeer'],
    ['familyNotOffered', 'NoPeerForFamily'],
    ['conflictingAdvertisements', 'ConflictingAdvertisements'],
    ['invalidAdvertisement', 'InvalidAdvertisement'],
    ['notOwner', 'NoMatchingAdvertisement'],
    ['speakerUnreachable', 'SpeakerUnreachable'],
  ])('%s is %s', (word, reason) => {
    expect(words({ troubles: { [v4]: [trouble('a', word, word)] } })).toMatchObject({
      status: 'False',
      reason,
    })
  })

  test('the peers and errors are bounded', () => {
    const nodes = Array.from({ length: 200 }, (_, index) => `node-${index}`)
    const found = words({
      announcements: nodes.map((node) => to(node, `peer-of-${node}`)),
      session: (node) => down(`error of ${node} ${'x'.repeat(100)}`),
    })
    expect(found.message.length).toBeLessThan(1024)
    expect(found.message).toMatch(/196 more$/)
  })
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
