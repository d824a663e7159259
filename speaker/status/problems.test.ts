import { describe, expect, test } from 'vitest'
import type { Candidate } from '../layer2/elect.ts'
import type { silenceReasons } from '../layer2/errors.ts'
import type { Layer2Plan } from '../layer2/advertise.ts'
import type { WireHolder, WireInterface } from '../wire/protocol.ts'
import {
  AddressProblems,
  problemOf,
  SETTLE_MS,
  spokesmanFor,
  tellingSpeakers,
  type ProblemContext,
} from './problems.ts'
import type { RouteRefusal } from './route-problem.ts'

const address = '192.0.2.1'

const no = (node: string, reason: string): Candidate => ({
  node,
  preference: 0,
  eligible: reason === '',
  reason,
  stale: false,
})

const plan = (...candidates: Candidate[]): Layer2Plan => ({
  wire: { address, interfaces: [], candidates, served: true },
  reason: candidates[0]?.reason ?? 'speakerUnknown',
  advertisements: ['l2'],
})

const holder = (more: Partial<WireHolder>): WireHolder => ({
  address,
  holder: 'a',
  held: false,
  since: 0,
  interfaces: [],
  reason: '',
  ...more,
})

const on = (...prefixes: string[]): WireInterface => ({
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:11',
  up: true,
  prefixes,
  usable: true,
  reason: '',
})

const problem = (context: Partial<ProblemContext>) =>
  problemOf(address, {
    plan: plan(no('a', '')),
    holder: undefined,
    routed: false,
    routeNotServed: false,
    routeRefusals: () => [],
    contestedBy: undefined,
    interfaces: [],
    spokesman: true,
    ...context,
  })

test('a machine that fights for a held address is told of, before anything else', () => {
  const held = holder({ held: true, interfaces: ['eth0'] })
  const contested = { contestedBy: '02:00:00:00:00:99', spokesman: false }
  expect(problem({ ...contested, holder: held, interfaces: [on('198.51.100.1/24')] })).toEqual({
    address,
    reason: 'contested',
    message: 'another machine on the wire claims it, too (02:00:00:00:00:99)',
    mac: '02:00:00:00:00:99',
  })
  expect(problem({ ...contested, holder: holder({ reason: 'notOwner' }) })).toBeUndefined()
})

describe('why nobody announces an address by BGP', () => {
  const unmatched = { plan: { reason: 'noMatchingAdvertisement', advertisements: [] }, routed: true }
  const refused = (node: string, reason: string, about = ''): RouteRefusal => ({ node, reason, about })
  const routes = (...refusals: RouteRefusal[]) => problem({ ...unmatched, routeRefusals: () => refusals })

  test('some node does: nothing to say', () => expect(routes()).toBeUndefined())

  test('what is about no node is said without one', () => {
    expect(routes(refused('a', 'noEndpoints'), refused('b', 'noEndpoints'))).toEqual({
      address,
      reason: 'noEndpoints',
      message: 'it has no endpoint that can take traffic',
    })
    const gone = refused('c', 'speakerUnreachable')
    expect(routes(refused('a', 'noEndpoints'), gone)?.reason).toBe('noEndpoints')
    expect(routes(refused('a', 'noLocalEndpoints'), gone)).toMatchObject({
      reason: 'noLocalEndpoints',
      message: 'a: no endpoint there (externalTrafficPolicy Local); c: nothing is heard of its speaker',
    })
    const here = refused('a', 'noPeers')
    expect(routes(here, refused('b', 'noLocalEndpoints'), gone)?.reason).toBe('noPeers')
    expect(routes(gone)?.reason).toBe('speakerUnreachable')
    const invalid = ['a', 'b'].map((node) => refused(node, 'invalidAdvertisement', 'ad'))
    expect(routes(...invalid)?.message).toBe('the BGPAdvertisement for it is in error: ad')
  })

  test('anything else with the nodes, and one reason where it is the same for all', () => {
    const excluded = ['a', 'b'].map((node) => refused(node, 'nodeLabeledExcludeBalancers'))
    expect(routes(...excluded)).toMatchObject({
      reason: 'nodeLabeledExcludeBalancers',
      message: 'a, b: the Node is labelled exclude-from-external-load-balancers',
    })
    expect(routes(refused('a', 'noPeers', 'there is no BGPPeer tor'), refused('b', 'nodeDraining'))).toEqual({
      address,
      reason: 'noEligibleNode',
      message:
        'a: no BGPPeer that an advertisement names selects the Node: there is no BGPPeer tor; b: the Node drains',
    })
  })

  test('one node tells it, and that forwarding keeps it back each node itself', () => {
    const refusals = () => [refused('a', 'noEndpoints')]
    expect(problem({ ...unmatched, routeRefusals: refusals, spokesman: false })).toBeUndefined()
    expect(problem({ ...unmatched, routeNotServed: true, spokesman: false })).toMatchObject({
      reason: 'notServed',
    })
  })
})

describe('why nobody announces an address', () => {
  test('nothing to say while it is held, or another node holds it, or it is being taken', () => {
    expect(problem({ holder: holder({ held: true, interfaces: ['eth0'] }), interfaces: [] })).toBeUndefined()
    for (const reason of ['notOwner', 'claiming', 'stopping'] satisfies (keyof typeof silenceReasons)[])
      expect(problem({ holder: holder({ reason }) })).toBeUndefined()
    expect(problem({ plan: undefined })).toBeUndefined()
  })

  test('troubles of its own a node tells itself, spokesman or not', () => {
    const foreign = holder({ reason: 'addressInUse', foreignMac: '02:00:00:00:00:99' })
    expect(problem({ holder: foreign, spokesman: false })).toEqual({
      address,
      reason: 'addressInUse',
      message: 'another machine on the wire uses it (02:00:00:00:00:99)',
      mac: '02:00:00:00:00:99',
    })
    for (const reason of ['notServed', 'noInterface'])
      expect(problem({ holder: holder({ reason }), spokesman: false })).toMatchObject({ reason })
  })

  test('what all nodes see alike one of them tells', () => {
    const unmatched = { plan: { reason: 'noMatchingAdvertisement', advertisements: [] } }
    expect(problem(unmatched)).toMatchObject({
      reason: 'noMatchingAdvertisement',
      message: 'no advertisement speaks for it',
    })
    expect(problem({ ...unmatched, spokesman: false })).toBeUndefined()
    expect(problem({ ...unmatched, routed: true })).toBeUndefined()
    const shared = { reason: 'sharedIPWithServiceSelector', blockedBy: 'default/b', advertisements: ['l2'] }
    expect(problem({ plan: shared, routed: true })?.message).toMatch(/Services share \(default\/b\)$/)
  })

  test('no candidate: one reason for all, or each node’s own', () => {
    expect(problem({ plan: plan(no('a', 'noEndpoints'), no('b', 'noEndpoints')) })).toEqual({
      address,
      reason: 'noEndpoints',
      message: 'it has no endpoint that can take traffic',
    })
    const mixed = { ...plan(no('a', 'noLocalEndpoints'), no('b', 'nodeDraining')), blockedBy: 'default/b' }
    expect(problem({ plan: mixed })).toEqual({
      address,
      reason: 'noEligibleNode',
      message: 'a: no endpoint there (externalTrafficPolicy Local) (default/b); b: the Node drains',
    })
    const many = Array.from({ length: 9 }, (_, index) => no(`n${index}`, 'nodeDraining'))
    expect(problem({ plan: plan(...many) })).toMatchObject({
      reason: 'nodeDraining',
      message: 'n0, n1, n2, n3, n4 and 4 more: the Node drains',
    })
    expect(problem({ plan: plan() })).toMatchObject({ reason: 'noEligibleNode' })
    expect(problem({ plan: plan(no('a', ''), no('b', 'nodeDraining')) })).toBeUndefined()
  })

  test('a held address in no subnet of its interfaces is told of', () => {
    const held = holder({ held: true, interfaces: ['eth0'] })
    expect(problem({ holder: held, interfaces: [on('192.0.2.11/24')] })).toBeUndefined()
    expect(problem({ holder: held, interfaces: [on('198.51.100.1/24', 'fe80::1/64')] })).toMatchObject({
      reason: 'outsideSubnets',
    })
  })
})

test('every node knows the same spokesman, and not one has all the work', () => {
  const ready = ['a', 'b', 'c']
  const spokesmen = Array.from({ length: 60 }, (_, index) => spokesmanFor(`192.0.2.${index}`, ready))
  expect(new Set(spokesmen)).toEqual(new Set(ready))
  expect(spokesmanFor(address, [])).toBeUndefined()
})

test('a speaker that leaves or that nobody hears tells nothing', () => {
  const speakers = new Map([
    ['c', { ready: true }],
    ['leaving', { ready: false }],
    ['dead', { ready: true, apiReachable: false }],
    ['a', { ready: true, apiReachable: true }],
  ])
  expect(tellingSpeakers(speakers)).toEqual(['a', 'c'])
})

test('the list is bounded, and what was seen first stays in it', () => {
  let reason = 'noEndpoints'
  const problems = new AddressProblems(() => ({
    plan: plan(no('a', reason)),
    holder: undefined,
    routed: false,
    routeNotServed: false,
    routeRefusals: () => [],
    contestedBy: undefined,
    interfaces: [],
    spokesman: true,
  }))
  const look = (last: number, now = 0) => problems.look(`192.0.2.${last}`, now)
  for (let index = 999; index >= 0; index--) expect(look(index)).toBe(true)
  expect([problems.list(SETTLE_MS - 1), problems.settling(SETTLE_MS - 1)]).toEqual([[], true])
  const list = () => problems.list(5000)
  expect([list().length, problems.settling(5000)]).toEqual([100, false])
  expect(list()[0].address).toBe('192.0.2.999')
  expect(look(999, 4999)).toBe(false)
  expect(list()[0].address).toBe('192.0.2.999')
  reason = 'nodeDraining'
  expect(look(999, 4999)).toBe(true)
  expect(list()[0].address).toBe('192.0.2.998')
  reason = ''
  expect(look(998)).toBe(true)
  expect(look(998)).toBe(false)
  expect(problems.of('192.0.2.998')).toBeUndefined()
  expect(list()[0].address).toBe('192.0.2.997')
})
