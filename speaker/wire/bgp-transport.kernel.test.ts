import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { cleanup, connect, createNetns, must, run, spawnIn, until, type Netns } from '../../test/netns.ts'
import { WireRig } from './kernel-rig.ts'
import type { WirePeer } from './protocol.ts'

/** What belongs to the TCP connection of a session, with BIRD as the router, which connects to us too. */
const birdConfig = `
router id 10.0.0.1;
protocol device { scan time 1; }
template bgp node {
  error wait time 1, 2;
  connect delay time 1;
  connect retry time 2;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
protocol bgp plain from node { local 192.0.2.1 as 64512; neighbor 192.0.2.10 as 64500; passive on; }
protocol bgp signed from node { local 192.0.2.1 as 64512; neighbor 192.0.2.11 as 64500; password "secret"; }
protocol bgp near from node { local 192.0.2.1 as 64512; neighbor 192.0.2.12 as 64500; passive on; ttl security on; }
protocol bgp active from node { local 192.0.2.1 as 64512; neighbor 192.0.2.13 as 64500; ttl security on; }
protocol bgp active6 from node { local 2001:db8::1 as 64512; neighbor 2001:db8::10 as 64500; }
`

let node: Netns
let router: Netns
let folder: string
let wire: WireRig

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-transport-'))
  writeFileSync(join(folder, 'bird.conf'), birdConfig)
  node = await createNetns('transnode')
  router = await createNetns('transrouter')
  const own = ['192.0.2.10/24', '192.0.2.11/24', '192.0.2.12/24', '192.0.2.13/24', '2001:db8::10/64']
  await connect(
    { ns: node, device: 'eth0', mac: '02:00:00:00:00:0a', addresses: own },
    { ns: router, device: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
  )
  spawnIn(router, 'bird', ['-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid'], { cwd: folder })
  await until('BIRD answers', async () => (await birdc('show', 'status')).includes('is up'))
})

afterAll(async () => {
  await cleanup()
  rmSync(folder, { recursive: true })
})

beforeEach(() => {
  wire = new WireRig('node-a')
  wire.start(node)
})

afterEach(async () => {
  await wire.host.stop()
  expect(wire.crashes).toEqual([])
})

/** What birdc prints; its exit code is 1 also for a route that is not there. */
const birdc = async (...words: string[]): Promise<string> =>
  (await run(router, 'birdc', ['-s', join(folder, 'bird.ctl'), ...words])).stdout

const peer = (source: string, change: Partial<WirePeer> = {}): WirePeer => ({
  name: 'tor',
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress(source.includes(':') ? '2001:db8::1' : '192.0.2.1'),
  sourceAddress: parseAddress(source),
  port: 179,
  routerId: '192.0.2.10',
  holdTime: 90_000,
  connectRetryTime: 200,
  multihop: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  ...change,
})
/** One that waits for the router: its own attempts go where nobody is. */
const waiting = (source: string, change: Partial<WirePeer> = {}): WirePeer =>
  peer(source, { listen: true, port: 1, connectRetryTime: 60_000, ...change })

const session = (name = 'tor') => wire.session(name)
const established = () => until('Established', () => session()?.state === 'Established', 20_000)
const listening = async (): Promise<boolean> => (await must(node, 'ss', ['-ltnH', 'sport = :179'])) !== ''

describe('TTL security', () => {
  test('with a router that has it', async () => {
    wire.send({ kind: 'peers', peers: [peer('192.0.2.12', { ttlSecurity: 1 })] })
    await established()
    expect(await must(node, 'ss', ['-tniH', 'dport = :179'])).toContain('192.0.2.1')
  })

  test('without it the router drops our TTL of 1, and the session says that nobody answers', async () => {
    wire.send({ kind: 'peers', peers: [peer('192.0.2.12')] })
    await until('dropped by BIRD’s kernel', async () => {
      const { stdout } = await run(router, 'nstat', ['-asz', 'TcpExtTCPMinTTLDrop'])
      return /TCPMinTTLDrop\s+[1-9]/.test(stdout)
    })
    expect(session()?.state).not.toBe('Established')
  })
})

describe('the device', () => {
  test('one that is there', async () => {
    wire.send({ kind: 'peers', peers: [peer('192.0.2.10', { device: 'eth0' })] })
    await established()
    expect(await must(node, 'ss', ['-tnH', 'dport = :179'])).toContain('%eth0:')
  })

  test('a VRF that is not', async () => {
    wire.send({ kind: 'peers', peers: [peer('192.0.2.10', { device: 'red' })] })
    const status = await until('the reason', () => session()?.lastError && session())
    expect(status.lastError?.text).toBe('there is no interface or VRF red on this node (FL_WIRE_DEVICE)')
  })
})

test('a source address that is not on the node, and ourselves as the peer', async () => {
  const lost = peer('192.0.2.99', { name: 'lost' })
  const mirror = { ...peer('192.0.2.10', { name: 'mirror' }), address: parseAddress('192.0.2.11') }
  wire.send({ kind: 'peers', peers: [lost, mirror] })
  await until('both reasons', () => session('lost')?.lastError && session('mirror')?.lastError)
  expect(session('lost')?.lastError?.text).toContain('192.0.2.99 is on no interface of this node that is up')
  expect(session('mirror')?.lastError?.text).toContain("the peer address is this node's own")
})

describe('listening', () => {
  test('the port is closed as long as no peer may connect', async () => {
    wire.send({ kind: 'peers', peers: [peer('192.0.2.10')] })
    await established()
    expect(await listening()).toBe(false)
    wire.send({ kind: 'peers', peers: [peer('192.0.2.10', { listen: true })] })
    await until('it listens', listening)
    wire.send({ kind: 'peers', peers: [peer('192.0.2.10')] })
    await until('it is closed again', async () => !(await listening()))
    expect(session()?.state).toBe('Established')
  })

  test.each([
    ['with TTL security', '192.0.2.13', { ttlSecurity: 1 }],
    ['over IPv6', '2001:db8::10', {}],
    ['with a password', '192.0.2.11', { password: 'secret' }],
  ])(
    'the router connects, %s',
    async (_name, source, change) => {
      wire.send({ kind: 'peers', peers: [waiting(source, change)] })
      await established()
      expect(session()?.counters).toMatchObject({ connectionsAccepted: expect.any(Number), established: 1 })
    },
    30_000,
  )

  test('a changed password counts from then on, for that peer only', async () => {
    const other = waiting('2001:db8::10', { name: 'other' })
    wire.send({ kind: 'peers', peers: [waiting('192.0.2.11', { password: 'secret' }), other] })
    await established()
    await until('the other one', () => session('other')?.state === 'Established', 20_000)
    wire.send({ kind: 'peers', peers: [waiting('192.0.2.11', { password: 'wrong' }), other] })
    await until('down', () => session()?.state !== 'Established')
    await until(
      'refused by our kernel',
      async () => {
        const { stdout } = await run(node, 'nstat', ['-asz', 'TcpExtTCPMD5Failure'])
        return /TCPMD5Failure\s+[1-9]/.test(stdout)
      },
      20_000,
    )
    wire.send({ kind: 'peers', peers: [waiting('192.0.2.11', { password: 'secret' }), other] })
    await established()
    expect(session('other')?.counters.established).toBe(1)
  }, 60_000)

  test('a stranger gets a reset, one that may not connect a Cease', async () => {
    const listener = waiting('192.0.2.13', { name: 'listener', ttlSecurity: 1 })
    const quiet = peer('2001:db8::10', { name: 'quiet', port: 1, connectRetryTime: 60_000 })
    const quietListens = waiting('2001:db8::10', { name: 'other6', address: parseAddress('2001:db8::99') })
    wire.send({ kind: 'peers', peers: [listener, quiet, quietListens] })
    await until('it listens', listening)
    await must(router, 'ip', ['addr', 'replace', '192.0.2.77/24', 'dev', 'eth0'])
    const script =
      "const s=require('net').connect({host:'192.0.2.13',port:179,localAddress:'192.0.2.77'});s.on('data',d=>console.log('data',d.length));s.on('error',e=>console.log(e.code));s.on('close',()=>console.log('closed'))"
    const { stdout } = await run(router, process.execPath, ['-e', script])
    expect(stdout).toContain('ECONNRESET')
    await until(
      'BIRD heard why',
      async () => (await birdc('show', 'protocols', 'all', 'active6')).includes('Connection rejected'),
      20_000,
    )
  }, 40_000)
})

test('the IPv6 next hop is told with our link-local address beside it', async () => {
  wire.send(
    { kind: 'peers', peers: [waiting('2001:db8::10')] },
    { kind: 'routes', put: [{ peer: 'tor', prefix: '2001:db8:7::7/128', communities: [] }], remove: [] },
  )
  await established()
  const route = await until('the route', async () => {
    const text = await birdc('show', 'route', '2001:db8:7::7/128', 'all')
    return text.includes('BGP.next_hop') && text
  })
  expect(route).toContain('BGP.next_hop: 2001:db8::10 fe80::ff:fe00:a')
}, 30_000)

test('a planned stop under graceful restart: the router keeps the routes until the next start has told all', async () => {
  const restarting = peer('192.0.2.10', {
    gracefulRestart: { restartTime: 60_000, forwardingPreserved: true },
  })
  const route = (prefix: string) => ({ peer: 'tor', prefix, communities: [] })
  const put = ['198.51.100.1/32', '198.51.100.2/32'].map(route)
  const known = async (prefix: string): Promise<boolean> =>
    (await birdc('show', 'route', prefix)).includes(prefix)
  wire.send(
    { kind: 'peers', peers: [restarting] },
    { kind: 'routes', put, remove: [] },
    { kind: 'routesComplete' },
  )
  await until('both routes', async () => (await known(put[0].prefix)) && (await known(put[1].prefix)), 20_000)

  await wire.host.stop()
  await until('BIRD waits for us', async () =>
    (await birdc('show', 'protocols', 'all', 'plain')).includes('Neighbor graceful restart active'),
  )
  expect(await known(put[0].prefix)).toBe(true)

  wire = new WireRig('node-a')
  wire.start(node)
  wire.send({ kind: 'peers', peers: [restarting] }, { kind: 'routes', put: [put[0]], remove: [] })
  await established()
  await until('the route is told again', () => session()?.announced['ipv4-unicast'] === 1)
  expect(await known(put[1].prefix)).toBe(true)
  wire.send({ kind: 'routesComplete' })
  await until('what was not told again is gone', async () => !(await known(put[1].prefix)))
  expect(await known(put[0].prefix)).toBe(true)
}, 60_000)
