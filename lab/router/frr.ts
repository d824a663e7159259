import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ManagedProcess } from '../managed-process.ts'
import { LAN, ROUTER, ROUTER_ASN } from '../network/addressing.ts'
import { findProgram } from '../programs.ts'
import type { RouterPlace } from './router.ts'

/** The last private AS number: what the router calls itself in private. */
const PRIVATE_ASN = 4294967294

const family = (name: string) => ` address-family ${name} unicast
  neighbor LAN activate
  neighbor LAN soft-reconfiguration inbound
  neighbor LAN route-map NOTHING out
  neighbor LAN allowas-in 8
  maximum-paths 64
 exit-address-family
`

/**
 * FRR as a router for any AS of the LAN. Its dynamic neighbours are internal or external, never both, as BIRD's
 * are; here `local-as` lets the router say `ROUTER_ASN` while it compares the peer's AS with a private one. (A
 * confederation would not do: FRR sends dynamic neighbours its member AS.)
 */
export const frrConfig = (): string => `! Written by the lab.
hostname router
log stdout
route-map NOTHING deny 10
router bgp ${PRIVATE_ASN}
 bgp router-id ${ROUTER.v4}
 no bgp ebgp-requires-policy
 bgp bestpath as-path multipath-relax
 bgp listen limit 1000
 neighbor LAN peer-group
 neighbor LAN remote-as external
 neighbor LAN local-as ${ROUTER_ASN} no-prepend replace-as
 neighbor LAN bfd
 bgp listen range ${LAN.v4} peer-group LAN
 bgp listen range ${LAN.v6} peer-group LAN
${family('ipv4')}${family('ipv6')}exit
`

/** FRR's command socket belongs to this group, and whoever runs a daemon must be in it. */
const VTY_GROUP = 'frrvty'

/** Debian's daemons want directories, files and a group of their own; they get private ones. Needs root. */
export function frr({ enter, etc, logs }: RouterPlace): ManagedProcess[] {
  const config = join(etc, 'bgpd.conf')
  writeFileSync(config, frrConfig())
  const own = join(etc, 'frr')
  mkdirSync(own, { recursive: true })
  writeFileSync(join(own, 'vtysh.conf'), 'no service integrated-vtysh-config\n')
  const none = join(own, 'frr.conf')
  writeFileSync(none, '')
  mount('--bind', own, '/etc/frr')
  const group = join(etc, 'group')
  writeFileSync(group, withMember(readFileSync('/etc/group', 'utf8'), VTY_GROUP, 'root'))
  mount('--bind', group, '/etc/group')
  mkdirSync('/run/frr', { recursive: true })
  // Crash logs go there, and would stay on the host.
  mount('-t', 'tmpfs', 'lab', '/var/tmp')
  const daemon = (name: string, config: string) => {
    const program = [findProgram(`frr/${name}`) ?? name, '-u', 'root', '-g', 'root', '-f', config]
    // Daemons that come before zebra find it only 10 s later.
    const wait = name === 'zebra' ? [] : ['sh', '-c', AFTER_ZEBRA, 'sh']
    const command = [...enter, ...wait, ...program]
    return new ManagedProcess({
      command: command as [string, ...string[]],
      log: join(logs, `router-${name}.log`),
    })
  }
  return [daemon('zebra', none), daemon('bfdd', none), daemon('bgpd', config)]
}

const AFTER_ZEBRA = 'until [ -S /run/frr/zserv.api ]; do sleep 0.05; done; exec "$@"'

const mount = (...args: string[]): void => void execFileSync(findProgram('mount') ?? 'mount', args)

/** The lines of /etc/group with one more member of one group. */
export const withMember = (lines: string, group: string, member: string): string =>
  lines.replace(new RegExp(`^(${group}:[^:]*:[^:]*:)(.*)$`, 'm'), (_, head: string, members: string) =>
    members === '' ? head + member : `${head}${members},${member}`,
  )
