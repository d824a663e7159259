import { execFileSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { cleanup, connect, createNetns, must, run, spawnIn, until, type Netns } from '../../test/netns.ts'
import { WireRig } from './kernel-rig.ts'
import type { WirePeer } from './protocol.ts'

/** FRR as the router, where it is installed: the daemon that MetalLB's users have had on their side so far. */
const daemons = '/usr/lib/frr'

const bfdConfig = `
hostname router
bfd
 profile fast
  transmit-interval 100
  receive-interval 100
 !
`

const bgpConfig = `
hostname router
router bgp 64512
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor 192.0.2.10 remote-as 64500
 neighbor 192.0.2.10 passive
 neighbor 192.0.2.10 bfd profile fast
 neighbor 2001:db8::10 remote-as 64500
 neighbor 2001:db8::10 passive
 neighbor 2001:db8::10 bfd profile fast
 neighbor 198.51.100.10 remote-as 64500
 neighbor 198.51.100.10 passive
 neighbor 198.51.100.10 ebgp-multihop
 neighbor 198.51.100.10 update-source 203.0.113.1
 neighbor 198.51.100.10 bfd profile fast
`

let node: Netns
let router: Netns
let folder: string
let bfdd: ChildProcess
let wire: WireRig

const vtysh = async (...commands: string[]): Promise<string> =>
  (
    await run(
      router,
      'vtysh',
      commands.flatMap((command) => ['-c', command]),
    )
  ).stdout

async function startFrr(): Promise<void> {
  // Debian's daemons want files, a directory and a group of their own: private ones, in the tests' mount namespace.
  const etc = join(folder, 'etc')
  mkdirSync(etc)
  // Of daemons of another test file, which are gone: their socket must not be taken for zebra's.
  rmSync('/run/frr', { recursive: true, force: true })
  mkdirSync('/run/frr')
  writeFileSync(join(etc, 'vtysh.conf'), 'no service integrated-vtysh-config\n')
  writeFileSync(join(etc, 'zebra.conf'), '')
  writeFileSync(join(etc, 'bfdd.conf'), bfdConfig)
  writeFileSync(join(etc, 'bgpd.conf'), bgpConfig)
  execFileSync('mount', ['--bind', etc, '/etc/frr'])
  const group = join(folder, 'group')
  writeFileSync(group, readFileSync('/etc/group', 'utf8').replace(/^(frrvty:[^:]*:[^:]*:)(.*)$/m, '$1root'))
  execFileSync('mount', ['--bind', group, '/etc/group'])
  const start = (name: string): ChildProcess =>
    spawnIn(router, join(daemons, name), ['-u', 'root', '-g', 'root', '-f', join(etc, `${name}.conf`)])
  start('zebra')
  // Daemons that come before zebra find it only ten seconds later.
  await until('zebra', () => existsSync('/run/frr/zserv.api'))
  bfdd = start('bfdd')
  start('bgpd')
  await until(
    'all daemons',
    async () => {
      const version = await vtysh('show daemons')
      return ['zebra', 'bfdd', 'bgpd'].every((name) => version.includes(name))
    },
    15_000,
  )
}

const fast = {
  receiveInterval: 100,
  transmitInterval: 100,
  detectMultiplier: 3,
  passive: false,
  minimumTtl: 1,
  echo: false,
}

const peer = (remote: string, local: string, change: Partial<WirePeer> = {}): WirePeer => ({
  name: 'tor',
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress(remote),
  sourceAddress: parseAddress(local),
  port: 179,
  routerId: '192.0.2.10',
  holdTime: 90_000,
  connectRetryTime: 200,
  multihop: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  bfd: fast,
  ...change,
})

const direct = peer('192.0.2.1', '192.0.2.10')

async function up(wanted: WirePeer, remote: string): Promise<void> {
  wire.send({ kind: 'peers', peers: [wanted] })
  await until('BGP Established', () => wire.session('tor')?.state === 'Established', 20_000)
  await until('BFD Up', () => wire.bfd(remote)?.state === 'Up', 10_000)
  await until('100 ms', () => wire.bfd(remote)?.detectionTime === 300)
}

describe.skipIf(!existsSync(join(daemons, 'bfdd')))('with FRR', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-bfd-frr-'))
    node = await createNetns('frrnode')
    router = await createNetns('frrrouter')
    const forwarder = await createNetns('frrforwarder')
    await connect(
      { ns: node, device: 'eth0', addresses: ['192.0.2.10/24', '2001:db8::10/64'] },
      { ns: router, device: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
    )
    await connect(
      { ns: node, device: 'far0', addresses: ['198.51.100.10/24'] },
      { ns: forwarder, device: 'near', addresses: ['198.51.100.1/24'] },
    )
    await connect(
      { ns: router, device: 'far0', addresses: ['203.0.113.1/24'] },
      { ns: forwarder, device: 'beyond', addresses: ['203.0.113.254/24'] },
    )
    await must(forwarder, 'sh', ['-ec', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
    await must(node, 'ip', ['route', 'add', '203.0.113.0/24', 'via', '198.51.100.1'])
    await must(router, 'ip', ['route', 'add', '198.51.100.0/24', 'via', '203.0.113.254'])
    await startFrr()
  }, 60_000)

  afterAll(async () => {
    await cleanup()
    for (const path of ['/etc/frr', '/etc/group']) execFileSync('umount', [path])
    rmSync(folder, { recursive: true })
  })

  beforeEach(() => {
    wire = new WireRig('node-a')
    wire.start(node)
  })

  afterEach(async () => {
    bfdd.kill('SIGCONT')
    await wire.host.stop()
    expect(wire.crashes).toEqual([])
  })

  test.each([
    ['IPv4', direct, '192.0.2.1', '192.0.2.10'],
    ['IPv6', peer('2001:db8::1', '2001:db8::10'), '2001:db8::1', '2001:db8::10'],
    ['multihop', peer('203.0.113.1', '198.51.100.10', { multihop: true }), '203.0.113.1', '198.51.100.10'],
  ])(
    '%s: Up, FRR agrees, and a frozen bfdd takes BGP down',
    async (_way, wanted, remote, local) => {
      await up(wanted, remote)
      const peers = JSON.parse(await vtysh('show bfd peers json')) as Record<string, unknown>[]
      expect(peers.find((one) => one.peer === local)).toMatchObject({
        status: 'up',
        'remote-receive-interval': 100,
        'remote-transmit-interval': 100,
        'remote-detect-multiplier': 3,
        'remote-echo-receive-interval': 0,
      })
      bfdd.kill('SIGSTOP')
      await until('BFD Down', () => wire.bfd(remote)?.state === 'Down', 3000)
      expect(wire.bfd(remote)?.diagnostic).toBe(1)
      await until('BGP closed', () => wire.session('tor')?.lastError?.code === 'FL_BGP_CEASE_BFD')
      bfdd.kill('SIGCONT')
      await until('Up again', () => wire.bfd(remote)?.state === 'Up', 10_000)
      await until('Established again', () => wire.session('tor')?.state === 'Established', 20_000)
    },
    60_000,
  )

  test('case 14: FRR shuts BFD down: AdminDown is no failure for BGP', async () => {
    await up(direct, '192.0.2.1')
    await vtysh('configure terminal', 'bfd', 'profile fast', 'shutdown')
    await until('AdminDown', () => wire.bfd('192.0.2.1')?.remoteState === 'AdminDown')
    expect(wire.bfd('192.0.2.1')).toMatchObject({ state: 'Down', diagnostic: 3 })
    await vtysh('configure terminal', 'bfd', 'profile fast', 'no shutdown')
    await until('Up', () => wire.bfd('192.0.2.1')?.state === 'Up', 10_000)
    expect(wire.session('tor')?.counters.established).toBe(1)
  }, 60_000)

  // FRR 8.4 takes a remote AdminDown for a failure and drops BGP: it does not get one as long as it does BFD.
  test('taken off the peer and then off FRR, BFD ends and BGP stays; put back it comes Up', async () => {
    await up(direct, '192.0.2.1')
    const mark = { ...direct, name: 'mark', blocked: 'only to see that the list has arrived' }
    wire.send({ kind: 'peers', peers: [{ ...direct, bfd: undefined }, mark] })
    await until('taken off', () => wire.session('mark'))
    await vtysh('configure terminal', 'bfd', 'profile fast', 'shutdown')
    await until('ended', () => wire.bfd('192.0.2.1') === undefined)
    await vtysh('configure terminal', 'bfd', 'profile fast', 'no shutdown')
    wire.send({ kind: 'peers', peers: [direct] })
    await until('Up', () => wire.bfd('192.0.2.1')?.state === 'Up', 10_000)
    expect(wire.session('tor')).toMatchObject({ state: 'Established', counters: { established: 1 } })
  }, 60_000)

  test('other timers on FRR’s side go through a Poll', async () => {
    await up(direct, '192.0.2.1')
    const timers = (ms: number): Promise<string> =>
      vtysh('configure terminal', 'bfd', 'profile fast', `transmit-interval ${ms}`, `receive-interval ${ms}`)
    await timers(400)
    await until('400 ms', () => wire.bfd('192.0.2.1')?.detectionTime === 1200)
    expect(wire.bfd('192.0.2.1')?.transmitInterval).toBe(400)
    await timers(100)
    await until('100 ms', () => wire.bfd('192.0.2.1')?.detectionTime === 300)
    expect(wire.bfd('192.0.2.1')?.counters).toMatchObject({ upEvents: 1, downEvents: 0 })
  }, 60_000)
})
