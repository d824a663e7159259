import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ManagedProcess } from '../managed-process.ts'
import { LAN, ROUTER, ROUTER_ASN } from '../network/addressing.ts'
import type { RouterPlace } from './router.ts'

const dynamic = (prefix: string) => `[[dynamic-neighbors]]
  [dynamic-neighbors.config]
    prefix = "${prefix}"
    peer-group = "lan"
`

const family = (name: string) => `  [[peer-groups.afi-safis]]
    [peer-groups.afi-safis.config]
      afi-safi-name = "${name}"
`

/** GoBGP as a route collector: it keeps what it hears, but without a zebra it puts no routes in the kernel. */
export const gobgpConfig = (): string => `[global.config]
  as = ${ROUTER_ASN}
  router-id = "${ROUTER.v4}"
[global.use-multiple-paths.config]
  enabled = true
[[peer-groups]]
  [peer-groups.config]
    peer-group-name = "lan"
    peer-as = 0
${family('ipv4-unicast')}${family('ipv6-unicast')}${dynamic(LAN.v4)}${dynamic(LAN.v6)}`

export function gobgp({ enter, etc, logs }: RouterPlace): ManagedProcess[] {
  const config = join(etc, 'gobgpd.toml')
  writeFileSync(config, gobgpConfig())
  const command = [...enter, 'gobgpd', '-f', config, '--log-plain']
  return [new ManagedProcess({ command: command as [string, ...string[]], log: join(logs, 'router.log') })]
}
