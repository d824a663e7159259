import { beforeEach, expect, test } from 'vitest'
import { TestClock } from '#kube/test-clock.ts'
import { CLAIMS_KEPT, ForeignClaims, QUIET_MS } from './layer2-state-claims.ts'

let clock: TestClock
let changes: string[][]
let episodes: string[]
let claims: ForeignClaims

beforeEach(() => {
  clock = new TestClock()
  changes = []
  episodes = []
  claims = new ForeignClaims({
    clock,
    onChange: (addresses) => changes.push([...addresses]),
    onEpisode: ({ address, mac }) => episodes.push(`${address} ${mac}`),
  })
})

const heard = (address: string, mac = 'x') => claims.heard({ address, mac, interface: 'eth0' })

test('one fight is told once, until nothing was heard of it for a while', async () => {
  for (let claim = 0; claim < 10; claim++) {
    heard('192.0.2.1')
    await clock.advance(10_000)
  }
  expect([episodes, changes]).toEqual([['192.0.2.1 x'], [['192.0.2.1']]])
  expect(claims.claimantOf('192.0.2.1')).toBe('x')
  await clock.advance(QUIET_MS)
  expect(claims.claimantOf('192.0.2.1')).toBeUndefined()
  expect(changes).toHaveLength(2)
  expect(clock.pending).toBe(0)
  heard('192.0.2.1')
  expect(episodes).toHaveLength(2)
})

test('another machine in the same fight is another thing to say, and no other fight', () => {
  heard('192.0.2.1', 'x')
  heard('192.0.2.1', 'y')
  expect([claims.claimantOf('192.0.2.1'), episodes.length, changes.length]).toEqual(['y', 1, 2])
})

test('each address has its own time', async () => {
  heard('192.0.2.1')
  await clock.advance(QUIET_MS / 2)
  heard('192.0.2.2')
  await clock.advance(QUIET_MS / 2)
  expect(['192.0.2.1', '192.0.2.2'].map((address) => claims.claimantOf(address))).toEqual([undefined, 'x'])
})

test('they are bounded, and end with the speaker', () => {
  for (let index = 0; index < 2 * CLAIMS_KEPT; index++) heard(`address ${index}`)
  expect(episodes).toHaveLength(CLAIMS_KEPT)
  claims.stop()
  expect(clock.pending).toBe(0)
  heard('address 1')
  expect(clock.pending).toBe(0)
})
