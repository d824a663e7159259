import { beforeEach, expect, test } from 'vitest'
import { Registry } from 'prom-client'
import { silentLogger } from '#kube/logger.ts'
import { Layer2Metrics } from './layer2-metrics.ts'
import { Layer2State } from './layer2-state.ts'
import { heldPart, neighborsPart } from './status/layer2-part.ts'
import type { Layer2Event, WireHolder, WireNeighbor } from './wire/protocol.ts'

let registry: Registry
let told: string[]
let state: Layer2State

beforeEach(() => {
  registry = new Registry()
  told = []
  state = new Layer2State({
    log: silentLogger,
    metrics: { layer2: new Layer2Metrics(registry) },
    onHolders: (addresses) => told.push(...addresses),
    onNeighbors: () => told.push('neighbors'),
  })
})

const holder = (address: string, since: number, held = true): WireHolder => ({
  address,
  holder: 'a',
  held,
  since,
  interfaces: ['eth0'],
  reason: held ? '' : 'notOwner',
})

const neighbor = (node: string, is: WireNeighbor['state'], more: Partial<WireNeighbor> = {}) => ({
  node,
  state: is,
  since: 1000,
  local: '192.0.2.1',
  problem: '',
  ...more,
})

const seen = (...neighbors: WireNeighbor[]): void =>
  state.neighborsSeen({ kind: 'neighbors', neighbors, gone: [] })

const metric = async (name: string): Promise<string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`))

test('only addresses that are wanted have a holder', () => {
  state.want(['192.0.2.1'], [])
  state.holdersSeen([holder('192.0.2.1', 1), holder('192.0.2.9', 1)])
  expect([told, state.holder('192.0.2.9')]).toEqual([['192.0.2.1'], undefined])
  state.want([], ['192.0.2.1'])
  expect([...state.holders()]).toEqual([])
})

test('an address that is not wanted any more leaves no series behind', async () => {
  const counters = { requestsReceived: 5, responsesSent: 4, gratuitousSent: 3, conflicts: 2, lastRequest: 1 }
  state.want(['192.0.2.1'], [])
  state.countersSeen({
    addresses: ['192.0.2.1', '192.0.2.9'].map((address) => ({ address, ...counters })),
  })
  expect(state.counters('192.0.2.1')).toEqual({ address: '192.0.2.1', ...counters })
  const names = [
    'metallb_layer2_requests_received',
    'metallb_layer2_responses_sent',
    'metallb_layer2_gratuitous_sent',
    'fairlead_layer2_conflicts',
  ]
  const series = async () => (await Promise.all(names.map(metric))).flat()
  expect(await series()).toEqual(names.map((name, index) => `${name}{ip="192.0.2.1"} ${5 - index}`))
  state.want([], ['192.0.2.1'])
  expect(await series()).toEqual([])
})

test('of what is held the oldest is listed, and the rest counted', () => {
  const addresses = Array.from({ length: 150 }, (_, index) => `192.0.2.${index}`)
  state.want([...addresses, '198.51.100.1'], [])
  state.holdersSeen(addresses.map((address, index) => holder(address, 150_000 - index * 1000)))
  state.holdersSeen([holder('198.51.100.1', 1, false)])
  const { heldAddresses, held } = heldPart(state.holders())
  expect([heldAddresses, held.length]).toEqual([150, 100])
  expect(held[0]).toEqual({ address: '192.0.2.149', since: '1970-01-01T00:00:01Z', interfaces: ['eth0'] })
})

test('a neighbour counts as seen dying only when this node saw it alive before', () => {
  seen(neighbor('b', 'unknown'), neighbor('c', 'alive'))
  seen(neighbor('b', 'dead'), neighbor('c', 'dead'))
  expect(['b', 'c'].map((node) => state.hasFailed(node))).toEqual([false, true])
  seen(neighbor('c', 'dead', { since: 2000 }))
  expect(state.hasFailed('c')).toBe(true)
  seen(neighbor('c', 'alive'))
  expect(state.hasFailed('c')).toBe(false)
})

test('of neighbours those that are not alive are listed first, and those left to others not at all', () => {
  const many = Array.from({ length: 100 }, (_, index) =>
    neighbor(`n${String(index).padStart(3, '0')}`, 'unknown', { problem: 'watched by others' }),
  ).map(({ local: _none, ...rest }) => rest)
  seen(...many, neighbor('a', 'alive'), neighbor('z', 'alive'))
  seen(neighbor('z', 'dead'))
  const part = neighborsPart(state.neighbors, (node) => state.hasFailed(node))
  expect(part).toEqual({
    neighbors: [
      { node: 'z', state: 'dead', since: '1970-01-01T00:00:01Z' },
      { node: 'a', state: 'alive', since: '1970-01-01T00:00:01Z' },
    ],
    unreachable: ['z'],
  })
  state.neighborsSeen({ kind: 'neighbors', neighbors: [], gone: many.map(({ node }) => node) })
  expect(state.neighbors.map(({ node }) => node)).toEqual(['a', 'z'])
})

test('metrics: neighbours by state, what happened by kind, take-overs by cause', async () => {
  seen(neighbor('b', 'alive'), neighbor('c', 'alive'), neighbor('d', 'left'))
  expect(await metric('fairlead_layer2_neighbors')).toEqual([
    'fairlead_layer2_neighbors{state="alive"} 2',
    'fairlead_layer2_neighbors{state="dead"} 0',
    'fairlead_layer2_neighbors{state="left"} 1',
    'fairlead_layer2_neighbors{state="unknown"} 0',
  ])
  const took = (cause: string): Layer2Event => ({ at: 1, address: '192.0.2.1', what: 'took', cause })
  state.eventsSeen([took('failure'), took('failure'), took('first')])
  state.eventsSeen([{ at: 2, address: '192.0.2.1', what: 'fenced' }])
  expect(await metric('fairlead_layer2_takeovers')).toEqual([
    'fairlead_layer2_takeovers{cause="failure"} 2',
    'fairlead_layer2_takeovers{cause="first"} 1',
  ])
  expect(await metric('fairlead_layer2_events')).toEqual([
    'fairlead_layer2_events{what="took"} 3',
    'fairlead_layer2_events{what="fenced"} 1',
  ])
})

test('the last 2,000 events are kept, in their order, and found by address', () => {
  for (let at = 0; at < 2500; at += 100) {
    const batch = Array.from({ length: 100 }, (_, index) => ({
      at: at + index,
      address: `192.0.2.${index % 4}`,
      what: 'announced',
    }))
    state.eventsSeen(batch)
  }
  state.eventsSeen([{ at: 2500, address: '', what: 'thawed' }])
  const all = state.events()
  expect([all.length, all[0].at, all.at(-1)?.at]).toEqual([2000, 501, 2500])
  expect(all.every(({ at }, index) => index === 0 || at === all[index - 1].at + 1)).toBe(true)
  const one = state.events('192.0.2.1')
  expect(one.length).toBe(501)
  expect(one.at(-1)?.what).toBe('thawed')
})
