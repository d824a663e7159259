import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { cleanup, connect, createNetns, must, run, spawnIn, until, type Netns } from '../../test/netns.ts'
import { WireRig } from './kernel-rig.ts'
import type { WirePeer } from './protocol.ts'

/** FRR as the router, where it is installed: its unnumbered peers are the ones that fabrics have. */
const daemons = '/usr/lib/frr'

const bgpConfig = `
hostname router
router bgp 64512
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor swp1 interface remote-as external
 neighbor swp1 timers connect 1
 address-family ipv6 unicast
  neighbor swp1 activate
 exit-address-family
 neighbor swp1 bfd profile fast
`

const bfdConfig = `
hostname router
bfd
 profile fast
  transmit-interval 100
  receive-interval 100
 !
`

let node: Netns
let router: Netns
let folder: string
let wire: WireRig

const vtysh = async (command: string): Promise<string> => (await run(router, 'vtysh', ['-c', command])).stdout

async function startFrr(): Promise<void> {
  // Debian's daemons want files, a directory and a group of their own: private ones, in the tests' mount namespace.
  const etc = join(folder, 'etc')
  mkdirSync(etc)
  // Of daemons of another test file, which are gone: their socket must not be taken for zebra's.
  rmSync('/run/frr', { recursive: true, force: true })
  mkdirSync('/run/frr')
  writeFileSync(join(etc, 'vtysh.conf'), 'no service integrated-vtysh-config\n')
  writeFileSync(join(etc, 'zebra.conf'), '')
  writeFileSync(join(etc, 'bgpd.conf'), bgpConfig)
  writeFileSync(join(etc, 'bfdd.conf'), bfdConfig)
  execFileSync('mount', ['--bind', etc, '/etc/frr'])
  const group = join(folder, 'group')
  writeFileSync(group, readFileSync('/etc/group', 'utf8').replace(/^(frrvty:[^:]*:[^:]*:)(.*)$/m, '$1root'))
  execFileSync('mount', ['--bind', group, '/etc/group'])
  const start = (name: string) =>
    spawnIn(router, join(daemons, name), ['-u', 'root', '-g', 'root', '-f', join(etc, `${name}.conf`)])
  start('zebra')
  // Daemons that come before zebra find it only ten seconds later.
  await until('zebra', () => existsSync('/run/frr/zserv.api'))
  start('bfdd')
  start('bgpd')
  await until(
    'all daemons',
    async () => {
      const running = await vtysh('show daemons')
      return ['zebra', 'bfdd', 'bgpd'].every((name) => running.includes(name))
    },
    15_000,
  )
}

const peer: WirePeer = {
  name: 'tor',
  unnumbered: true,
  device: 'eth0',
  localAS: 64500,
  asType: 'external',
  address: parseAddress('::'),
  port: 179,
  routerId: '192.0.2.10',
  holdTime: 9000,
  connectRetryTime: 200,
  multihop: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  extendedNextHop: true,
}

const session = () => wire.session('tor')
const established = () => until('Established', () => session()?.state === 'Established', 30_000)

describe.skipIf(!existsSync(join(daemons, 'bgpd')))('an unnumbered session with FRR', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-unnumbered-'))
    node = await createNetns('unnumnode')
    router = await createNetns('unnumrouter')
    await connect(
      { ns: node, device: 'eth0', mac: '02:00:00:00:00:0a' },
      { ns: router, device: 'swp1', mac: '02:00:00:00:00:0b' },
    )
    await startFrr()
  }, 40_000)

  afterAll(async () => {
    await cleanup()
    // Nothing can be mounted over what is deleted, and the next test with FRR has to.
    for (const path of ['/etc/frr', '/etc/group']) execFileSync('umount', [path])
    if (folder !== undefined) rmSync(folder, { recursive: true })
  })

  beforeEach(() => {
    wire = new WireRig('node-a')
    wire.start(node)
  })

  afterEach(async () => {
    await wire.host.stop()
    expect(wire.crashes).toEqual([])
  })

  test('both find each other by Router Advertisements; routes of both families arrive over it', async () => {
    const communities = [{ kind: 'standard', value: [64500, 7] }] as const
    wire.send(
      { kind: 'peers', peers: [peer] },
      {
        kind: 'routes',
        put: [
          {
            peer: 'tor',
            prefix: '198.51.100.7/32',
            communities: [...communities, { kind: 'extended', value: [0x0002fbf4, 100] }],
            med: 5,
            asPathPrepend: 2,
            linkBandwidth: 125e6,
          },
          { peer: 'tor', prefix: '2001:db8:7::7/128', communities },
        ],
        remove: [],
      },
      { kind: 'routesComplete' },
    )
    await established()
    expect(session()).toMatchObject({
      endpoint: '[fe80::ff:fe00:b%eth0]:179',
      families: ['ipv4-unicast', 'ipv6-unicast'],
      negotiated: { extendedNextHop: true },
    })
    const four = await until('the IPv4 route in the kernel of the router', async () => {
      const { stdout } = await run(router, 'ip', ['route', 'show', '198.51.100.7'])
      return stdout.includes('198.51.100.7') && stdout
    })
    expect(four).toContain('via inet6 fe80::ff:fe00:a dev swp1')
    const details = await vtysh('show bgp ipv4 unicast 198.51.100.7/32')
    expect(details).toContain('64500 64500 64500')
    expect(details).toContain('metric 5')
    expect(details).toContain('Community: 64500:7')
    expect(details).toMatch(/Extended Community: RT:64500:100 LB:64500:125000000 \(1.000 Gbps\)/)
    const six = await until('the IPv6 route in the kernel of the router', async () => {
      const { stdout } = await run(router, 'ip', ['-6', 'route', 'show', '2001:db8:7::7'])
      return stdout.includes('2001:db8:7::7') && stdout
    })
    expect(six).toContain('via fe80::ff:fe00:a dev swp1')

    wire.send({ kind: 'gracefulShutdown', on: true })
    await until('marked as about to go', async () =>
      (await vtysh('show bgp ipv6 unicast 2001:db8:7::7/128')).includes('graceful-shutdown'),
    )
    wire.send({
      kind: 'routes',
      put: [],
      remove: [
        { peer: 'tor', prefix: '198.51.100.7/32' },
        { peer: 'tor', prefix: '2001:db8:7::7/128' },
      ],
    })
    await until('both withdrawn', async () => {
      const routes = (await vtysh('show bgp ipv4 unicast')) + (await vtysh('show bgp ipv6 unicast'))
      return !routes.includes('198.51.100.7') && !routes.includes('2001:db8:7::7')
    })
  }, 60_000)

  test('FRR learns our address from our advertisements and connects to us', async () => {
    wire.send({ kind: 'peers', peers: [{ ...peer, listen: true, port: 1, connectRetryTime: 60_000 }] })
    await established()
    expect(session()?.counters.connectionsAccepted).toBeGreaterThan(0)
    const text = await vtysh('show bgp neighbors swp1')
    expect(text).toContain('fe80::ff:fe00:a')
  }, 60_000)

  test('another address of the router resets the session; an interface that goes ends it in words', async () => {
    wire.send({ kind: 'peers', peers: [peer] })
    await established()
    const since = session()!.counters.established
    await must(router, 'ip', ['link', 'set', 'swp1', 'down'])
    await must(router, 'ip', ['link', 'set', 'swp1', 'address', '02:00:00:00:00:0c'])
    await until('the interface is missed', () => session()?.lastError?.code === 'FL_WIRE_NO_ROUTER', 20_000)
    expect(session()?.lastError?.text).toContain('eth0')
    await must(router, 'ip', ['link', 'set', 'swp1', 'up'])
    await until(
      'the new address',
      () =>
        session()?.endpoint === '[fe80::ff:fe00:c%eth0]:179' &&
        session()?.state === 'Established' &&
        session()!.counters.established > since,
      40_000,
    )
  }, 90_000)

  test('BFD watches the link-local path', async () => {
    const bfd = {
      receiveInterval: 100,
      transmitInterval: 100,
      detectMultiplier: 3,
      passive: false,
      minimumTtl: 1,
      echo: false,
    }
    wire.send({ kind: 'peers', peers: [{ ...peer, bfd }] })
    await established()
    const remote = session()?.endpoint.slice(1).split('%')[0] ?? ''
    await until('BFD Up', () => wire.bfd(remote)?.state === 'Up', 20_000)
  }, 60_000)

  test('no such interface, said in words', async () => {
    wire.send({ kind: 'peers', peers: [{ ...peer, device: 'eth9' }] })
    const status = await until('the reason', () => session()?.lastError && session())
    expect(status.lastError?.text).toBe('there is no interface eth9 on this node that is up')
  })
})
