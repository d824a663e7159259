import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import { cleanup, connect, createNetns, run, spawnIn, until, type Netns } from '../../test/netns.ts'
import { WireRig } from './kernel-rig.ts'
import type { WirePeer } from './protocol.ts'

const birdConfig = `
router id 10.0.0.1;
protocol device {}
ipv4 table main4;
template bgp node {
  passive on;
  error wait time 1, 2;
  ipv4 { import all; export none; };
}
protocol bgp plain from node { local 192.0.2.1 as 64512; neighbor 192.0.2.10 as 64500; }
protocol bgp signed from node { local 192.0.2.1 as 64512; neighbor 192.0.2.11 as 64500; password "secret"; }
`

let node: Netns
let router: Netns
let folder: string
let wire: WireRig

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-wire-bird-'))
  writeFileSync(join(folder, 'bird.conf'), birdConfig)
  node = await createNetns('bgpnode')
  router = await createNetns('bgprouter')
  await connect(
    { ns: node, device: 'eth0', addresses: ['192.0.2.10/24', '192.0.2.11/24'] },
    { ns: router, device: 'eth0', addresses: ['192.0.2.1/24'] },
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

const peer: WirePeer = {
  name: 'tor',
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress('192.0.2.1'),
  sourceAddress: parseAddress('192.0.2.10'),
  port: 179,
  routerId: '192.0.2.10',
  holdTime: 90_000,
  connectRetryTime: 200,
  multihop: false,
  families: ['ipv4-unicast'],
}

const session = (): SessionStatus | undefined =>
  wire
    .of('sessions')
    .flatMap(({ sessions }) => sessions)
    .findLast((status) => status.peer === 'tor')

const established = () => until('Established', () => session()?.state === 'Established', 10_000)

test('a /32 reaches BIRD, and goes again', async () => {
  wire.send(
    { kind: 'peers', peers: [peer] },
    {
      kind: 'routes',
      put: [
        { peer: 'tor', prefix: '198.51.100.7/32', communities: [{ kind: 'standard', value: [64500, 7] }] },
      ],
      remove: [],
    },
  )
  await established()
  const route = await until('the route', async () => {
    const text = await birdc('show', 'route', '198.51.100.7/32', 'all')
    return text.includes('BGP.next_hop') && text
  })
  expect(route).toContain('BGP.next_hop: 192.0.2.10')
  expect(route).toContain('BGP.community: (64500,7)')
  await until('the count', () => session()?.announced['ipv4-unicast'] === 1)

  wire.send({ kind: 'routes', put: [], remove: [{ peer: 'tor', prefix: '198.51.100.7/32' }] })
  await until('withdrawn', async () => !(await birdc('show', 'route')).includes('198.51.100.7'))
})

test('a planned stop tells the peer why', async () => {
  wire.send({ kind: 'peers', peers: [peer] })
  await established()
  await wire.host.stop()
  await until('BIRD heard', async () => {
    const text = await birdc('show', 'protocols', 'all', 'plain')
    return text.includes('Administrative shutdown')
  })
})

test('TCP MD5: up with the password, down without and with a wrong one', async () => {
  const signed: WirePeer = { ...peer, sourceAddress: parseAddress('192.0.2.11') }
  wire.send({ kind: 'peers', peers: [{ ...signed, password: 'wrong' }] })
  await until('an attempt', () => session()?.state === 'Connect')
  const text = await birdc('show', 'protocols', 'signed')
  expect(text).not.toContain('Established')
  wire.send({ kind: 'peers', peers: [{ ...signed, password: 'secret' }] })
  await established()
  wire.send({ kind: 'peers', peers: [{ ...signed, password: 'secret', blocked: 'Secret is gone' }] })
  await until('blocked', () => session()?.lastError?.code === 'FL_WIRE_PEER_BLOCKED')
  expect(session()?.state).toBe('Idle')
})

test('a source address that the node does not have is an error in words', async () => {
  wire.send({ kind: 'peers', peers: [{ ...peer, sourceAddress: parseAddress('192.0.2.99') }] })
  const status = await until('the error', () => session()?.lastError && session())
  expect(status.lastError?.text).toMatch(/192\.0\.2\.99|address/i)
})
