import { createConnection, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { formatAddress, parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { until } from '../test/netns.ts'
import { birdPeer, BirdRig, isUp } from './bird-rig.ts'
import type { PeerConfig } from './config.ts'
import type { Connection } from './connection.ts'
import { dispatchConnection, listenPlain, type Listener } from './listener.ts'
import type { Session } from './session.ts'
import { connectionOver, connectPlain } from './transport.ts'

/** Our session against BIRD 2: both sides connect, graceful restart, roles. */
let rig: BirdRig
let listener: Listener | undefined

const birdConfig = `
router id 10.0.0.1;
log "bird.log" all;
protocol device {}
template bgp node {
  local 192.0.2.1 as 64512;
  error wait time 1, 2;
  connect delay time 1;
  connect retry time 1;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
protocol bgp active from node { neighbor 192.0.2.2 as 64500; }
protocol bgp keeps from node { neighbor 192.0.2.3 as 64500; passive on; graceful restart on; }
protocol bgp provider1 from node { neighbor 192.0.2.4 as 64500; passive on; local role provider; require roles on; }
`

beforeAll(async () => {
  rig = await BirdRig.create(birdConfig, [2, 3, 4])
})
afterEach(async () => {
  listener?.close()
  listener = undefined
  await rig.stopSessions()
})
afterAll(() => rig.destroy())

const from = (last: number, change: Partial<PeerConfig> = {}): PeerConfig => ({
  ...birdPeer,
  sourceAddress: parseAddress(`192.0.2.${last}`),
  ...change,
})

/** Takes connections for this session on the port that BIRD connects to. */
async function listen(session: Session): Promise<void> {
  const address = parseAddress('192.0.2.2')
  const toSession = (connection: Connection) =>
    dispatchConnection(connection, (remote) => (formatAddress(remote) === '192.0.2.1' ? session : undefined))
  listener = await listenPlain({ address, port: 179 }, toSession)
}

const put = (session: Session, prefix: string): void =>
  session.put({ prefix: parsePrefix(prefix), communities: [] })

test('BIRD connects, where our own connection goes nowhere', async () => {
  // Nobody listens on port 1.
  const session = rig.start(from(2, { listen: true, port: 1, connectRetryTime: 20_000 }), 'incoming')
  put(session, '198.51.100.2/32')
  await listen(session)
  await until('the session is up', isUp(session), 20_000)
  expect(session.status()).toMatchObject({
    localAddress: '192.0.2.2',
    peerRouterId: '10.0.0.1',
    counters: { connectionsAccepted: 1 },
  })
  await until('the route in BIRD', async () =>
    (await rig.routes('protocol', 'active')).includes('198.51.100.2/32'),
  )
  await session.stop({ subcode: 2, text: 'end of test' })
})

test('both connect, over and over: one session remains', async () => {
  const session = rig.start(from(2, { listen: true, connectRetryTime: 1000 }))
  await listen(session)
  await until('the session is up', isUp(session), 20_000)
  for (let round = 0; round < 3; round++) {
    const { established } = session.status().counters
    await rig.birdc('restart', 'active')
    await until('it is up again', () => session.status().counters.established > established, 20_000)
    await until('BIRD thinks so, too', async () =>
      (await rig.birdc('show', 'protocols', 'active')).includes('Established'),
    )
  }
})

/** Holds back what both sides say on a connection until `release`. */
function heldBack(connection: Connection): { connection: Connection; release: () => void } {
  let held: (() => unknown)[] | undefined = []
  const later = (say: () => unknown): void => void (held === undefined ? say() : held.push(say))
  return {
    connection: {
      onOpen: (listener) => connection.onOpen(listener),
      onData: (listener) => connection.onData((chunk) => later(() => listener(chunk))),
      onClose: (listener) => connection.onClose(listener),
      onDrain: (listener) => connection.onDrain(listener),
      write: (bytes) => (later(() => connection.write(bytes)), true),
      close: () => connection.close(),
      get localAddress() {
        return connection.localAddress
      },
      get remoteAddress() {
        return connection.remoteAddress
      },
    },
    release: () => {
      const all = held ?? []
      held = undefined
      for (const say of all) say()
    },
  }
}

test.each([
  ['ours, as our identifier is larger', 'collision-ours', '10.0.0.2'],
  ['its own, as its identifier is larger', 'collision-theirs', '10.0.0.0'],
])('a collision: BIRD and we agree on %s', async (_name, recording, routerId) => {
  await rig.birdc('restart', 'active')
  let release = (): void => {}
  const config = from(2, { listen: true, routerId, connectRetryTime: 60_000 })
  const session = rig.start(config, recording, (config) => {
    const held = heldBack(connectPlain(config))
    release = held.release
    return held.connection
  })
  const address = parseAddress('192.0.2.2')
  listener = await listenPlain({ address, port: 179 }, (connection) => {
    session.accept(connection)
    // Both connections are open now, and neither side has the other's OPEN on ours.
    release()
  })
  await until('the session is up', isUp(session), 20_000)
  await until('BIRD thinks so, too', async () =>
    (await rig.birdc('show', 'protocols', 'active')).includes('Established'),
  )
  expect(session.status().counters).toMatchObject({ connectionsAccepted: 1, established: 1 })
  expect(session.status().lastError).toBeUndefined()
  put(session, '198.51.100.9/32')
  await until('the route in BIRD', async () =>
    (await rig.routes('protocol', 'active')).includes('198.51.100.9/32'),
  )
  await session.stop({ subcode: 2, text: '' })
})

test('BIRD keeps the routes of a killed speaker until End-of-RIB of the next one', async () => {
  const config = from(3, { gracefulRestart: { restartTime: 60_000, forwardingPreserved: true } })
  const sockets: Socket[] = []
  const before = rig.start(config, undefined, ({ port }) => {
    const socket = createConnection({ host: '192.0.2.1', port, localAddress: '192.0.2.3' })
    sockets.push(socket)
    return connectionOver(socket)
  })
  put(before, '198.51.100.31/32')
  put(before, '198.51.100.32/32')
  const inBird = async () => (await rig.routes('protocol', 'keeps')).match(/198\.51\.100\.3\d/g)?.length ?? 0
  await until('both routes in BIRD', async () => (await inBird()) === 2)
  expect(before.status()).toMatchObject({
    negotiated: { gracefulRestart: { notification: false, peerFamilies: ['ipv4-unicast', 'ipv6-unicast'] } },
  })
  // The process dies: nothing is said, and nothing tries again.
  for (const socket of sockets) socket.removeAllListeners('close').destroy()

  await until('BIRD waits for the speaker', async () =>
    /Graceful restart|stale/i.test(await rig.birdc('show', 'protocols', 'all', 'keeps')),
  )
  expect(await inBird()).toBe(2)
  const after = rig.start(config, 'graceful-restart')
  after.endOfRib(false)
  put(after, '198.51.100.31/32')
  await until('the session is up', isUp(after), 20_000)
  await until('the route is sent', () => after.status().announced['ipv4-unicast'] === 1)
  expect(after.status().eorSent).toEqual([])
  expect(await inBird()).toBe(2)
  after.endOfRib(true)
  await until('the other one is gone', async () => (await inBird()) === 1)
  expect(after.status().eorSent).toEqual(['ipv4-unicast', 'ipv6-unicast'])
  await after.stop({ subcode: 2, text: '' })
  await until('all are gone at once', async () => (await inBird()) === 0)
})

test('roles: the right one is taken, a wrong one and none are told in words', async () => {
  const customer = rig.start(from(4, { role: 'customer', strictRole: true }))
  await until('the session is up', isUp(customer), 20_000)
  expect(customer.status().negotiated).toMatchObject({ role: 'customer', peerRole: 'provider' })
  await customer.stop({ subcode: 2, text: '' })

  const peer = rig.start(from(4, { role: 'peer' }))
  const mismatch = await until('the refusal', () => peer.status().lastError?.text, 20_000)
  expect(mismatch).toMatch(/Role Mismatch \(2\/11\)/)
  await peer.stop({ subcode: 2, text: '' })

  const none = rig.start(from(4))
  await until('the other refusal', () => none.status().lastError?.text.includes('(2/11)'), 20_000)
  expect(none.status().notificationReceived).toMatchObject({ code: 2, subcode: 11 })
  expect(none.status().lastError?.text).toContain('we said no role')
})
