import { spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, run, spawnIn, until } from '../../netns.ts'
import { canonicalRoute, type Neighbor, type PeerKind, type SeenRoute } from './peer.ts'

/** Not in the PATH. */
const daemons = '/usr/lib/frr'

const roleNames = {
  provider: 'provider',
  'route-server': 'rs-server',
  'route-server-client': 'rs-client',
  customer: 'customer',
  peer: 'peer',
} as const

/**
 * Mounts of zebra's process and those that join it, so that nothing is left on the machine: its crash logs go to
 * /var/tmp, and its command sockets belong to a group that whoever runs a daemon must be in.
 */
const privateMounts = 'mount --bind "$1" /etc/group && mount -t tmpfs tmpfs /var/tmp && shift && exec "$@"'

/** FRR 8: zebra, bfdd and bgpd. */
export const frr: PeerKind = {
  name: 'FRR',
  without: {},
  collides: true,
  // The end of the connection that FRR 8 gives up is an event of the peer (bgp_write_notify queues BGP_Stop). When our
  // KEEPALIVE is read first, the other connection has become that peer's by then (peer_xfer_conn), and is ended.
  stopsWinner: true,
  shutdownText: 'switch upgrade',
  version: () =>
    /\d+(\.\d+)+/.exec(spawnSync(join(daemons, 'bgpd'), ['--version'], { encoding: 'utf8' }).stdout)?.[0] ??
    '',

  // Groups cannot be changed in the user namespace of somebody who is not root.
  unable: () => (readFileSync('/proc/self/setgroups', 'utf8') === 'deny\n' ? 'only root may run FRR' : ''),

  config: (neighbors) => `
hostname router
bfd
 profile fast
  transmit-interval 100
  receive-interval 100
 !
!
route-map NOTHING deny 10
!
router bgp 64512
 bgp router-id 192.0.2.1
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 bgp graceful-restart stalepath-time 30
${neighbors.map(section).join('')}${family('ipv4', neighbors)}${family('ipv6', neighbors)}!
`,

  async start({ ns, folder }, config) {
    const file = (name: string): string => join(folder, name)
    const group = readFileSync('/etc/group', 'utf8').replace(/^(frrvty:[^:]*:[^:]*:)(.*)$/m, '$1root')
    writeFileSync(file('group'), group)
    writeFileSync(file('vtysh.conf'), 'no service integrated-vtysh-config\n')
    writeFileSync(file('zebra.conf'), 'hostname router\ninterface eth1\n ipv6 nd ra-interval 4\n!\n')
    writeFileSync(file('bfdd.conf'), config)
    writeFileSync(file('bgpd.conf'), config)
    const log = openSync(file('frr.log'), 'w')
    const command = (name: string): string[] => {
      const own = ['-f', file(`${name}.conf`), '-i', file(`${name}.pid`)]
      const shared = ['--vty_socket', folder, '-z', file('zserv.api'), '--log', 'stdout']
      return [join(daemons, name), '-u', 'root', '-g', 'root', ...own, ...shared]
    }
    const start = (...words: [string, ...string[]]): ChildProcess =>
      spawnIn(ns, words[0], words.slice(1), { stdio: ['ignore', log, log] })
    const zebra = start(
      'unshare',
      '--mount',
      'sh',
      '-c',
      privateMounts,
      'sh',
      file('group'),
      ...command('zebra'),
    )
    // Daemons that come before zebra find it only ten seconds later.
    await until('zebra', () => existsSync(file('zserv.api')), 15_000)
    const beside = (name: string): ChildProcess =>
      start('nsenter', `--mount=/proc/${zebra.pid}/ns/mnt`, ...command(name))
    const bfdd = beside('bfdd')
    beside('bgpd')
    const client = (...commands: string[]): string[] => {
      const places = ['--vty_socket', folder, '--config_dir', folder]
      return [...places, ...commands.flatMap((one) => ['-c', one])]
    }
    const vtysh = (...commands: string[]): Promise<string> => must(ns, 'vtysh', client(...commands))
    await until(
      'FRR answers',
      async () => {
        const { stdout } = await run(ns, 'vtysh', client('show daemons'))
        return ['zebra', 'bfdd', 'bgpd'].every((name) => stdout.includes(name))
      },
      20_000,
    )
    const id = ({ device, remote }: Neighbor): string => device ?? remote
    return {
      async routes(neighbor) {
        const kept: SeenRoute[] = []
        for (const one of ['ipv4', 'ipv6'] as const) {
          if (!neighbor.families.includes(`${one}-unicast`)) continue
          kept.push(...parseTable(await vtysh(`show bgp ${one} unicast json detail`), neighbor))
        }
        return kept
      },
      async session(neighbor) {
        const text = await vtysh(`show bgp neighbors ${id(neighbor)} json`)
        const [seen] = Object.values(JSON.parse(text) as Record<string, SeenNeighbor>)
        const parts = [seen.lastResetDueTo, seen.lastNotificationReason, seen.lastShutdownDescription]
        return { up: seen.bgpState === 'Established', lastError: parts.filter(Boolean).join('; ') }
      },
      async refresh(neighbor) {
        await vtysh(`clear bgp ${id(neighbor)} soft in`)
      },
      async shutdown(neighbor, on) {
        const order = `neighbor ${id(neighbor)} shutdown`
        await vtysh(
          'configure terminal',
          'router bgp 64512',
          on ? `${order} message ${frr.shutdownText}` : `no ${order}`,
        )
      },
      freezeBfd: (on) => void bfdd.kill(on ? 'SIGSTOP' : 'SIGCONT'),
    }
  },
}

function section(neighbor: Neighbor): string {
  const { remote, remoteAS, local, localAS, connects, device } = neighbor
  const id = device ?? remote
  const option = (on: boolean | undefined, text: string): string =>
    on === true ? ` neighbor ${id} ${text}\n` : ''
  const name = device === undefined ? `remote-as ${remoteAS}` : `interface remote-as ${remoteAS}`
  return [
    option(true, name),
    option(localAS !== 64512, `local-as ${localAS} no-prepend replace-as`),
    option(true, 'timers connect 1'),
    option(device === undefined, `update-source ${local}`),
    option(connects === 'speaker' && device === undefined, 'passive'),
    option(neighbor.password !== undefined, `password ${neighbor.password}`),
    option(neighbor.ttlSecurity, 'ttl-security hops 1'),
    option(neighbor.multihop, 'ebgp-multihop 4'),
    option(neighbor.extendedNextHop, 'capability extended-nexthop'),
    option(neighbor.bfd, 'bfd profile fast'),
    option(neighbor.gracefulRestart, 'graceful-restart-helper'),
    option(neighbor.role !== undefined, `local-role ${roleNames[neighbor.role ?? 'peer']}`),
  ].join('')
}

const family = (name: 'ipv4' | 'ipv6', neighbors: readonly Neighbor[]): string =>
  ` address-family ${name} unicast
${neighbors
  .filter(({ families }) => families.includes(`${name}-unicast`))
  .map(
    ({ device, remote }) =>
      `  neighbor ${device ?? remote} activate\n  neighbor ${device ?? remote} route-map NOTHING out\n`,
  )
  .join('')} exit-address-family
`

interface SeenNeighbor {
  readonly bgpState: string
  readonly lastResetDueTo?: string
  readonly lastNotificationReason?: string
  readonly lastShutdownDescription?: string
}

interface Path {
  /** absent in the first element, which only has the prefix */
  readonly peer?: { readonly peerId: string; readonly interface?: string }
  readonly aspath: { readonly segments: readonly { readonly list: readonly number[] }[] }
  readonly nexthops: readonly { readonly ip: string; readonly used?: boolean }[]
  readonly metric?: number
  readonly locPrf?: number
  readonly community?: { readonly list: readonly string[] }
  readonly largeCommunity?: { readonly list: readonly string[] }
  readonly extendedCommunity?: { readonly string: string }
}

/** Of `show bgp … json detail`. */
function parseTable(json: string, { remote, device }: Neighbor): SeenRoute[] {
  const { routes } = JSON.parse(json) as { routes: Record<string, Path[]> }
  const from = ({ peer }: Path): boolean =>
    device === undefined ? peer?.peerId === remote : peer?.interface === device
  return Object.entries(routes).flatMap(([prefix, paths]) =>
    paths.filter(from).map((path) => toRoute(prefix, path)),
  )
}

const namedCommunities: Readonly<Record<string, string>> = {
  gracefulShutdown: '65535:0',
  noExport: '65535:65281',
}

function toRoute(prefix: string, path: Path): SeenRoute {
  return canonicalRoute({
    prefix,
    nextHop: path.nexthops.find(({ used }) => used)?.ip ?? path.nexthops[0]?.ip ?? '',
    asPath: path.aspath.segments.flatMap(({ list }) => list),
    ...(path.metric !== undefined && { med: path.metric }),
    ...(path.locPrf !== undefined && { localPref: path.locPrf }),
    communities: (path.community?.list ?? []).map((one) => namedCommunities[one] ?? one),
    largeCommunities: path.largeCommunity?.list ?? [],
    extendedCommunities: extendedTexts(path.extendedCommunity?.string ?? ''),
  })
}

/** `RT:64500:7 LB:64500:12500000 (100.000 Mbps)` */
const extendedTexts = (text: string): string[] =>
  (text.match(/[A-Z]+:\S+/g) ?? []).map((one) => one.replace(/^RT:/, 'target:').replace(/^LB:/, 'bandwidth:'))
