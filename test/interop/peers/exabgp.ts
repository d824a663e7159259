import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { spawnIn, until } from '../../netns.ts'
import { canonicalRoute, extendedText, type Neighbor, type PeerKind, type SeenRoute } from './peer.ts'

const noHelper = 'ExaBGP keeps no routes of a peer that is gone'

/** ExaBGP 4: it keeps no table; what it tells the processes of its API about each UPDATE is put together here. */
export const exabgp: PeerKind = {
  name: 'ExaBGP',
  without: {
    bfd: 'ExaBGP has no BFD',
    bfdDown: 'ExaBGP has no BFD',
    gracefulRestart: noHelper,
    plannedRestart: noHelper,
    hardReset: noHelper,
    gshut: 'ExaBGP has no import policy',
    role: 'ExaBGP has no roles',
    shutdownText: 'ExaBGP 4 cannot read the text and answers with 1/0',
    collision: 'ExaBGP waits for a connection or makes one, never both',
    unnumbered: 'ExaBGP has no unnumbered peers',
  },
  collides: false,
  shutdownText: '',
  version: () =>
    /ExaBGP : (\S+)/.exec(spawnSync('exabgp', ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? '',

  config: (neighbors) => `
process watcher {
  run /bin/sh @FOLDER@/watcher.sh;
  encoder json;
}
${neighbors
  .filter(({ device }) => device === undefined)
  .map(section)
  .join('')}`,

  async start({ ns, folder }, config) {
    const file = (name: string): string => join(folder, name)
    writeFileSync(file('exabgp.conf'), config.replaceAll('@FOLDER@', folder))
    writeFileSync(file('heard'), '')
    spawnSync('mkfifo', [file('orders')])
    // Orders go to ExaBGP by the standard output of this process, news come in by its standard input.
    writeFileSync(file('watcher.sh'), `cat ${file('orders')} &\nexec cat >> ${file('heard')}\n`)
    const log = openSync(file('exabgp.log'), 'w')
    const env = {
      ...process.env,
      exabgp_daemon_user: 'root',
      exabgp_daemon_drop: 'false',
      exabgp_api_ack: 'false',
      exabgp_api_cli: 'false',
      exabgp_log_level: 'DEBUG',
      exabgp_log_network: 'true',
    }
    spawnIn(ns, 'exabgp', [file('exabgp.conf')], { cwd: folder, env, stdio: ['ignore', log, log] })
    // Both ends, so that the pipe stays open between two orders.
    const orders = openSync(file('orders'), 'r+')
    process.once('exit', () => closeSync(orders))
    await until(
      'ExaBGP listens',
      () =>
        /listening for BGP|initialising connection|connection to/.test(
          readFileSync(file('exabgp.log'), 'utf8'),
        ),
      15_000,
    )
    const news = (): readonly News[] =>
      readFileSync(file('heard'), 'utf8').split('\n').slice(0, -1).map(parseNews)
    const of = ({ remote }: Neighbor): News['neighbor'][] =>
      news().flatMap(({ neighbor }) => (neighbor?.address.peer === remote ? [neighbor] : []))
    return {
      routes: async (neighbor) => keptOf(of(neighbor)),
      async session(neighbor) {
        const states = of(neighbor).flatMap((one) => (one?.state === undefined ? [] : [one]))
        const lastDown = states.findLast(({ state }) => state === 'down')
        return { up: states.at(-1)?.state === 'up', lastError: lastDown?.reason ?? '' }
      },
      async refresh({ remote, families }) {
        for (const family of families) {
          writeSync(orders, `neighbor ${remote} announce route-refresh ${family.replace('-', ' ')}\n`)
        }
      },
      async shutdown({ remote }, on) {
        // It connects again by itself.
        if (on) writeSync(orders, `neighbor ${remote} teardown 2\n`)
      },
    }
  },
}

function section(neighbor: Neighbor): string {
  const { remote, remoteAS, local, localAS, connects, families } = neighbor
  const option = (on: boolean | undefined, text: string): string => (on === true ? `  ${text};\n` : '')
  const passive = connects === 'speaker'
  return `
neighbor ${remote} {
  router-id 192.0.2.1;
  local-address ${local};
  local-as ${localAS};
  peer-as ${remoteAS};
  hold-time 90;
  passive ${passive};
${option(passive, 'listen 179')}${option(
    neighbor.password !== undefined,
    `md5-password "${neighbor.password}"`,
  )}${option(neighbor.password !== undefined, 'md5-base64 false')}${option(
    neighbor.ttlSecurity,
    'incoming-ttl 255',
  )}${option(neighbor.ttlSecurity, 'outgoing-ttl 255')}  capability {
    route-refresh enable;
    nexthop ${neighbor.extendedNextHop === true};
  }
  family {
${families.map((family) => `    ${family.replace('-', ' ')};\n`).join('')}  }
${neighbor.extendedNextHop === true ? '  nexthop {\n    ipv4 unicast ipv6;\n  }\n' : ''}  api {
    processes [ watcher ];
    neighbor-changes;
    receive {
      parsed;
      update;
    }
  }
}
`
}

interface Nlri {
  readonly nlri: string
}

interface News {
  readonly neighbor?: {
    readonly address: { readonly peer: string }
    readonly state?: string
    /** with the state `down` */
    readonly reason?: string
    readonly message?: {
      readonly update?: {
        readonly attribute?: Attributes
        /** by family, then by next hop */
        readonly announce?: Readonly<Record<string, Readonly<Record<string, readonly Nlri[]>>>>
        readonly withdraw?: Readonly<Record<string, readonly Nlri[]>>
      }
    }
  }
}

interface Attributes {
  readonly 'as-path'?: readonly number[]
  readonly med?: number
  readonly 'local-preference'?: number
  readonly community?: readonly (readonly number[])[]
  readonly 'large-community'?: readonly (readonly number[])[]
  readonly 'extended-community'?: readonly { readonly value: bigint }[]
}

/** Extended communities are written as numbers of 64 bits, and texts of peers as they came. */
const parseNews = (line: string): News =>
  JSON.parse(line.replaceAll(/\p{Cc}/gu, ' '), (key, value: unknown, context?: { source?: string }) =>
    key === 'value' && context?.source !== undefined ? BigInt(context.source) : value,
  ) as News

/** The table after all of the news. */
function keptOf(news: readonly News['neighbor'][]): SeenRoute[] {
  const kept = new Map<string, SeenRoute>()
  for (const one of news) {
    if (one?.state === 'down') kept.clear()
    const update = one?.message?.update
    for (const { nlri } of Object.values(update?.withdraw ?? {}).flat()) kept.delete(nlri)
    for (const byNextHop of Object.values(update?.announce ?? {})) {
      for (const [nextHop, list] of Object.entries(byNextHop)) {
        for (const { nlri } of list) kept.set(nlri, toRoute(nlri, nextHop, update?.attribute ?? {}))
      }
    }
  }
  return [...kept.values()]
}

function toRoute(prefix: string, nextHop: string, attributes: Attributes): SeenRoute {
  const { med, 'local-preference': localPref } = attributes
  return canonicalRoute({
    prefix,
    nextHop,
    asPath: attributes['as-path'] ?? [],
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    communities: (attributes.community ?? []).map((parts) => parts.join(':')),
    largeCommunities: (attributes['large-community'] ?? []).map((parts) => parts.join(':')),
    extendedCommunities: (attributes['extended-community'] ?? []).map(({ value }) =>
      extendedText(Buffer.from(value.toString(16).padStart(16, '0'), 'hex')),
    ),
  })
}
