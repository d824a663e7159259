import { beforeEach, expect, test } from 'vitest'
import { FakeClock } from '#bgp-ts/testing.ts'
import type { BfdDatagram } from '../bfd/port.ts'
import { datagram, FakeNetwork, fakeSessions, request, said, settings } from '../bfd/testing.ts'
import { BfdEdge } from './bfd-edge.ts'
import type { WireObserved } from './protocol.ts'

let clock: FakeClock
let network: FakeNetwork
let observed: WireObserved[]
let hear: (datagram: BfdDatagram) => void
let edge: BfdEdge

beforeEach(() => {
  clock = new FakeClock()
  network = new FakeNetwork(clock)
  observed = []
  edge = new BfdEdge({
    clock,
    random: () => 0.5,
    port: (onDatagram) => network.port((hear = onDatagram)),
    post: (one) => observed.push(one),
    log: (level, text, fields = {}) => observed.push({ kind: 'log', level, message: text, fields }),
  })
  edge.start()
})

const ignore = (): void => {}
const told = () => observed.flatMap((one) => (one.kind === 'bfd' ? one.sessions : []))
const closed = () => observed.flatMap((one) => (one.kind === 'bfd' ? one.closed : []))
const logs = () => observed.filter((one) => one.kind === 'log')

test('states are told at once, counters once a second and only when they moved', () => {
  const handle = edge.sessions.acquire(request(), ignore)
  expect(told()).toMatchObject([{ key: handle.key, state: 'Down', clients: ['bgp/tor'] }])
  const peer = fakeSessions(network, 200).acquire(
    request({ local: '192.0.2.1', remote: '192.0.2.2' }),
    ignore,
  )
  clock.advance(50)
  expect(told().at(-1)?.state).toBe('Up')
  observed = []
  clock.advance(2950)
  expect(told().length).toBeLessThanOrEqual(4)
  expect(told().at(-1)?.counters.packetsIn).toBeGreaterThan(5)
  peer.release()
  clock.advance(10)
  expect(told().at(-1)).toMatchObject({ state: 'Down', remoteState: 'AdminDown' })
  handle.release()
  clock.advance(1000)
  expect(closed()).toEqual([handle.key])
  observed = []
  clock.advance(5000)
  expect(observed).toEqual([])
})

test('discriminators are random and not 0', () => {
  const remotes = ['192.0.2.11', '192.0.2.12', '192.0.2.13']
  const found = remotes.map((remote) => {
    return edge.sessions.acquire(request({ remote }), ignore).status().discriminator
  })
  expect(new Set(found).size).toBe(3)
  for (const one of found) expect(one).toBeGreaterThan(0)
})

test('drops are counted, and logged with an example once in ten seconds', () => {
  for (let index = 0; index < 1000; index++) hear(datagram(said({ yourDiscriminator: 7 })))
  expect(logs()).toMatchObject([
    { level: 'warn', fields: { reason: 'unknownSession', remote: '192.0.2.1', others: 0 } },
  ])
  clock.advance(1000)
  expect(observed.findLast((one) => one.kind === 'bfd')).toEqual({
    kind: 'bfd',
    sessions: [],
    closed: [],
    drops: { unknownSession: 1000 },
  })
  clock.advance(9000)
  hear(datagram(Buffer.alloc(3)))
  expect(logs().at(-1)).toMatchObject({ fields: { reason: 'truncated', packet: '000000', others: 999 } })
})

test('what a profile cannot have is said once', () => {
  const handle = edge.sessions.acquire(request({ settings: settings({ echo: true }) }), ignore)
  expect(logs()).toMatchObject([{ level: 'warn', fields: { code: 'FL_BFD_ECHO_NOT_OFFERED' } }])
  handle.update(settings({ echo: true, transmitInterval: 1000 }))
  clock.advance(5000)
  expect(logs()).toHaveLength(1)
  expect(handle.status().notes).toMatchObject([{ code: 'FL_BFD_ECHO_NOT_OFFERED' }])
})

test('a socket that the kernel refuses is said once', () => {
  network.refuse = () => 'EADDRNOTAVAIL'
  edge.sessions.acquire(request(), ignore)
  clock.advance(5000)
  expect(logs()).toMatchObject([{ level: 'error', fields: { code: 'FL_BFD_SOCKET', local: '192.0.2.2' } }])
})

test('no packet ends the thread', () => {
  edge.sessions.acquire(request(), () => {
    throw new Error('a client is wrong')
  })
  hear(datagram(said()))
  expect(logs()).toMatchObject([{ level: 'error', message: 'a BFD packet could not be handled' }])
})

test('a stop tells every peer', async () => {
  const handle = fakeSessions(network, 200).acquire(
    request({ local: '192.0.2.1', remote: '192.0.2.2' }),
    ignore,
  )
  edge.sessions.acquire(request(), ignore)
  clock.advance(3000)
  const stopped = edge.stop()
  clock.advance(1000)
  await stopped
  expect(handle.status().remoteState).toBe('AdminDown')
})
