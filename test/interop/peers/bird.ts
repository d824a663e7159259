import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, spawnIn, until } from '../../netns.ts'
import { canonicalRoute, extendedText, type Neighbor, type PeerKind, type SeenRoute } from './peer.ts'

const roleNames = {
  provider: 'provider',
  'route-server': 'rs_server',
  'route-server-client': 'rs_client',
  customer: 'customer',
  peer: 'peer',
} as const

/** BIRD 2. */
export const bird: PeerKind = {
  name: 'BIRD',
  without: {},
  collides: true,
  shutdownText: 'switch upgrade',
  version: () => /\d+(\.\d+)+/.exec(spawnSync('bird', ['--version'], { encoding: 'utf8' }).stderr)?.[0] ?? '',

  config: (neighbors) => `
router id 192.0.2.1;
log "bird.log" all;
debug protocols { events };
protocol device { scan time 1; }
protocol direct { ipv4; ipv6; }
protocol radv { interface "eth1" { max ra interval 4; }; }
protocol bfd { interface "*" { interval 100 ms; multiplier 3; }; }
filter honour_gshut {
  if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
  accept;
}
${neighbors.map(protocol).join('')}`,

  async start({ ns, folder }, config) {
    writeFileSync(join(folder, 'bird.conf'), config)
    const child = spawnIn(ns, 'bird', ['-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid'], {
      cwd: folder,
    })
    const birdc = async (...words: string[]): Promise<string> =>
      (await run(ns, 'birdc', ['-s', join(folder, 'bird.ctl'), ...words])).stdout
    await until('BIRD answers', async () => (await birdc('show', 'status')).includes('is up'))
    return {
      routes: async ({ name }) => parseRoutes(await birdc('show', 'route', 'protocol', id(name), 'all')),
      async session({ name }) {
        const text = await birdc('show', 'protocols', 'all', id(name))
        const line = (name: string): string => new RegExp(`${name}:\\s+(.*)`).exec(text)?.[1] ?? ''
        return {
          up: line('BGP state') === 'Established',
          lastError: `${line('Last error')} ${line('Message')}`.trim(),
        }
      },
      async refresh({ name }) {
        await birdc('reload', 'in', id(name))
      },
      async shutdown({ name }, on) {
        await (on ? birdc('disable', id(name), `"${bird.shutdownText}"`) : birdc('enable', id(name)))
      },
      freezeBfd: (on) => void child.kill(on ? 'SIGSTOP' : 'SIGCONT'),
    }
  },
}

/** Never one of its keywords. */
const id = (name: string): string => `to_${name}`

function protocol(neighbor: Neighbor): string {
  const { name, local, localAS, remote, remoteAS, connects, families, device } = neighbor
  const option = (on: boolean | undefined, text: string): string => (on === true ? `  ${text};\n` : '')
  const policy = neighbor.honoursGracefulShutdown ? 'filter honour_gshut' : 'all'
  const channel = (family: 'ipv4' | 'ipv6'): string => {
    const extended = family === 'ipv4' && neighbor.extendedNextHop ? 'extended next hop on; ' : ''
    return families.includes(`${family}-unicast`)
      ? `  ${family} { import ${policy}; export none; ${extended}};\n`
      : ''
  }
  return `
protocol bgp ${id(name)} {
  local ${local} as ${localAS};
  neighbor ${remote}${device === undefined ? '' : `%'${device}'`} as ${remoteAS};
  error wait time 1, 2;
  connect delay time 1;
  connect retry time 1;
${option(connects === 'speaker', 'passive on')}${option(neighbor.multihop, 'multihop 4')}${
    // Its words for GTSM with one hop.
    option(neighbor.ttlSecurity, 'ttl security on')
  }${option(neighbor.password !== undefined, `password "${neighbor.password}"`)}${option(
    neighbor.bfd,
    'bfd on',
  )}${option(neighbor.gracefulRestart, 'graceful restart aware')}${option(
    neighbor.role !== undefined,
    `local role ${roleNames[neighbor.role ?? 'peer']}`,
  )}${channel('ipv4')}${channel('ipv6')}}
`
}

/** Of `show route … all`: a line with the prefix, then indented ones with its attributes. */
function parseRoutes(text: string): SeenRoute[] {
  const blocks = text.split(/^(?=[0-9a-f:.]+\/\d+ )/im).filter((block) => /^[0-9a-f:.]+\/\d+ /i.test(block))
  return blocks.map((block) => {
    const attribute = (name: string): string | undefined =>
      new RegExp(`^\\s+BGP\\.${name}: (.*)$`, 'm').exec(block)?.[1]
    const numbers = (name: string): number[] => (attribute(name)?.match(/\d+/g) ?? []).map(Number)
    const tuples = (name: string): string[][] =>
      (attribute(name)?.match(/\(([^)]*)\)/g) ?? []).map((tuple) => tuple.slice(1, -1).split(/, ?/))
    const number = (name: string): number | undefined => numbers(name).at(0)
    const med = number('med')
    const localPref = number('local_pref')
    return canonicalRoute({
      prefix: block.split(' ')[0],
      // A link-local address alone stands behind `::`.
      nextHop: attribute('next_hop')?.replace(/^:: /, '').split(' ')[0] ?? '',
      asPath: numbers('as_path'),
      ...(med !== undefined && { med }),
      ...(localPref !== undefined && { localPref }),
      communities: tuples('community').map((tuple) => tuple.join(':')),
      largeCommunities: tuples('large_community').map((tuple) => tuple.join(':')),
      extendedCommunities: tuples('ext_community').map(extendedCommunity),
    })
  })
}

/** `(rt, 64500, 7)`; of kinds that BIRD has no word for `(unknown 0x4004, 64500, 1262402592)`. */
function extendedCommunity([kind, first, second]: string[]): string {
  if (kind === 'rt') return `target:${first}:${second}`
  const octets = Buffer.alloc(8)
  octets.writeUInt16BE(Number(kind.split(' ')[1]), 0)
  octets.writeUInt16BE(Number(first), 2)
  octets.writeUInt32BE(Number(second), 4)
  return extendedText(octets)
}
