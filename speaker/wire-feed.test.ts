import { beforeEach, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import type { Problem } from '#crds/config.ts'
import { SpeakerMetrics } from './metrics.ts'
import { bgpPeer, world } from './test-world.ts'
import { WireFeed, type WireFeedOptions } from './wire-feed.ts'
import { WireState } from './wire-state.ts'
import type { WireDesired } from './wire/protocol.ts'

let sent: WireDesired[]
let patterns: string[]
let problems: Problem[]
let lastSync: number
let feed: WireFeed

beforeEach(() => {
  sent = []
  patterns = ['^veth.*']
  problems = []
  lastSync = 0
  const nothing = (): void => {}
  feed = new WireFeed({
    log: silentLogger,
    wire: { send: (message: WireDesired) => sent.push(message) },
    state: new WireState({
      log: silentLogger,
      metrics: new SpeakerMetrics(),
      node: 'node1',
      now: () => 0,
      onNotice: nothing,
      onHolders: nothing,
      onInterfaces: nothing,
      onSessions: nothing,
      onNeighbors: nothing,
      onConflict: nothing,
    }),
    forwarder: { view: () => ({ forwarding: true, lastSync, mode: 'full' }) },
    sources: {
      passwords: { lookup: () => ({ problem: 'none', missing: true }) },
      get exclusions() {
        return { patterns, problems }
      },
    },
  } as unknown as WireFeedOptions)
})

const kinds = () => sent.splice(0).map(({ kind }) => kind)
const delta = { services: [], planned: [], routes: { put: [], remove: [] } }

test('exclusions go when they change, and when only what is wrong with them does', () => {
  feed.tellExclusions()
  feed.tellExclusions()
  expect(sent.splice(0)).toEqual([{ kind: 'excludeInterfaces', patterns: ['^veth.*'] }])
  patterns = []
  feed.tellExclusions()
  expect(kinds()).toEqual(['excludeInterfaces'])
})

test('peers go when they change', () => {
  const at = world({ config: { peers: [bgpPeer('tor')] }, nodes: ['a'] })
  feed.tellPeers(at)
  feed.tellPeers(at)
  expect(kinds()).toEqual(['peers'])
  expect(feed.peers.map(({ name }) => name)).toEqual(['tor'])
  feed.tellPeers(world({ nodes: ['a'] }))
  expect([kinds(), feed.peers]).toEqual([['peers'], []])
})

test('nothing is sent for nothing; the routes are complete once forwarding is in the kernel', () => {
  feed.tell({ ...delta, addresses: { put: [], remove: [] } })
  expect([kinds(), feed.routesComplete]).toEqual([[], false])
  const address = { address: '192.0.2.1', interfaces: [], candidates: [], served: true }
  feed.tell({ ...delta, addresses: { put: [address], remove: [] } })
  expect(kinds()).toEqual(['addresses'])
  lastSync = 1
  feed.tell({ ...delta, addresses: { put: [], remove: ['192.0.2.1'] } })
  feed.tell({ ...delta, addresses: { put: [], remove: [] } })
  expect([kinds(), feed.routesComplete]).toEqual([['addresses', 'routesComplete'], true])
})
