import { spawnSync } from 'node:child_process'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, run, spawnIn, until } from '../../netns.ts'
import { canonicalRoute, type Neighbor, type PeerKind, type SeenRoute } from './peer.ts'

/** GoBGP 3. */
export const gobgp: PeerKind = {
  name: 'GoBGP',
  without: {
    bfd: 'GoBGP has it since 4.6',
    bfdDown: 'GoBGP has it since 4.6',
    refresh: 'GoBGP keeps all that it received and never asks again',
    role: 'GoBGP has no roles',
    unnumbered: 'GoBGP sends no router advertisements',
  },
  collides: false,
  shutdownText: 'switch upgrade',
  version: () =>
    /\d+(\.\d+)+/.exec(spawnSync('gobgpd', ['--version'], { encoding: 'utf8' }).stdout)?.[0] ?? '',

  config: (neighbors) => `
[global.config]
  as = 64512
  router-id = "192.0.2.1"
[global.apply-policy.config]
  import-policy-list = ["honour-gshut"]
  default-import-policy = "accept-route"
  default-export-policy = "reject-route"
[[defined-sets.bgp-defined-sets.community-sets]]
  community-set-name = "gshut"
  community-list = ["65535:0"]
[[defined-sets.neighbor-sets]]
  neighbor-set-name = "honouring"
  neighbor-info-list = [${neighbors
    .filter(({ honoursGracefulShutdown }) => honoursGracefulShutdown)
    .map(({ remote }) => `"${remote}"`)
    .join(', ')}]
[[policy-definitions]]
  name = "honour-gshut"
  [[policy-definitions.statements]]
    [policy-definitions.statements.conditions.match-neighbor-set]
      neighbor-set = "honouring"
    [policy-definitions.statements.conditions.bgp-conditions.match-community-set]
      community-set = "gshut"
    [policy-definitions.statements.actions.bgp-actions]
      set-local-pref = 1
${neighbors
  .filter(({ device }) => device === undefined)
  .map(section)
  .join('')}`,

  async start({ ns, folder }, config) {
    const file = join(folder, 'gobgpd.toml')
    writeFileSync(file, config)
    const logFile = join(folder, 'gobgpd.log')
    const log = openSync(logFile, 'w')
    spawnIn(ns, 'gobgpd', ['-f', file, '-l', 'debug', '--api-hosts', '127.0.0.1:50051', '--pprof-disable'], {
      stdio: ['ignore', log, log],
    })
    const client = (...words: string[]): Promise<string> => must(ns, 'gobgp', words)
    await until('GoBGP answers', async () => (await run(ns, 'gobgp', ['neighbor'])).code === 0, 15_000)
    const table = async (family: 'ipv4' | 'ipv6', remote: string): Promise<SeenRoute[]> =>
      parseTable(await client('global', 'rib', '-a', family, '-j'), remote)
    return {
      async routes({ remote, families }) {
        const kept: SeenRoute[] = []
        for (const family of ['ipv4', 'ipv6'] as const) {
          if (families.includes(`${family}-unicast`)) kept.push(...(await table(family, remote)))
        }
        return kept
      },
      async session({ remote }) {
        const { stdout } = await run(ns, 'gobgp', ['neighbor', remote, '-j'])
        const { state } = JSON.parse(stdout) as { state: { session_state?: number } }
        return { up: state.session_state === 6, lastError: lastReason(readFileSync(logFile, 'utf8'), remote) }
      },
      async refresh({ remote }) {
        await client('neighbor', remote, 'softresetin')
      },
      async shutdown({ remote }, on) {
        // After five seconds it takes connections again, by itself.
        if (on) await client('neighbor', remote, 'shutdown', '--reason', gobgp.shutdownText)
      },
    }
  },
}

function section(neighbor: Neighbor): string {
  const { remote, remoteAS, local, localAS, connects, families } = neighbor
  const part = (on: boolean | undefined, text: string): string => (on === true ? `${text}\n` : '')
  return `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${remote}"
    peer-as = ${remoteAS}
    local-as = ${localAS}
${part(neighbor.password !== undefined, `    auth-password = "${neighbor.password}"`)}  [neighbors.transport.config]
    local-address = "${local}"
    passive-mode = ${connects === 'speaker'}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
    hold-time = 90
    keepalive-interval = 30
${part(
  neighbor.multihop,
  `  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 4`,
)}${part(
    neighbor.ttlSecurity,
    `  [neighbors.ttl-security.config]
    enabled = true
    ttl-min = 255`,
  )}${part(
    neighbor.gracefulRestart,
    `  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 10
    helper-only = true
    notification-enabled = true`,
  )}${families
    .map(
      (family) => `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}"
${part(
  neighbor.gracefulRestart,
  `    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true`,
)}`,
    )
    .join('')}`
}

/** Why a session ended is only in the log, which has a JSON object a line. */
function lastReason(log: string, remote: string): string {
  const line = log.split('\n').findLast((one) => one.includes('notification"') && one.includes(`"${remote}"`))
  if (line === undefined) return ''
  const said = JSON.parse(line) as { Code: number; Subcode: number; 'Communicated-Reason'?: string }
  return `${said.Code}/${said.Subcode} ${said['Communicated-Reason'] ?? ''}`
}

interface Path {
  readonly nlri: { readonly prefix: string }
  readonly attrs: readonly Attribute[]
  readonly 'neighbor-ip': string
}

/** The members depend on the type. */
interface Attribute {
  readonly type: number
  readonly nexthop?: string
  readonly as_paths?: readonly { readonly asns: readonly number[] }[]
  readonly metric?: number
  readonly value?: unknown
  readonly communities?: readonly number[]
}

/** Of `gobgp global rib -j`: an object with the paths of each prefix. */
function parseTable(json: string, remote: string): SeenRoute[] {
  if (!json.startsWith('{')) return []
  const paths = Object.values(JSON.parse(json) as Record<string, Path[]>).flat()
  return paths.filter((path) => path['neighbor-ip'].split('%')[0] === remote.split('%')[0]).map(toRoute)
}

function toRoute({ nlri, attrs }: Path): SeenRoute {
  const attribute = (type: number): Attribute | undefined => attrs.find((one) => one.type === type)
  const med = attribute(4)?.metric
  const localPref = attribute(5)?.value as number | undefined
  const large = (attribute(32)?.value ?? []) as { ASN: number; LocalData1: number; LocalData2: number }[]
  return canonicalRoute({
    prefix: nlri.prefix,
    nextHop: attribute(3)?.nexthop ?? attribute(14)?.nexthop ?? '',
    asPath: attribute(2)?.as_paths?.flatMap(({ asns }) => asns) ?? [],
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    communities: (attribute(8)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`),
    largeCommunities: large.map(({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`),
    extendedCommunities: ((attribute(16)?.value ?? []) as Extended[]).map(extendedCommunity),
  })
}

/** The members depend on type and subtype. */
interface Extended {
  readonly type: number
  readonly subtype: number
  readonly value?: string
  readonly asn?: number
  readonly bandwidth?: number
}

function extendedCommunity({ type, subtype, value, asn, bandwidth }: Extended): string {
  if (type === 0 && subtype === 2) return `target:${value}`
  if (type === 64 && subtype === 4) return `bandwidth:${asn}:${bandwidth}`
  return `${type}/${subtype}:${value}`
}
