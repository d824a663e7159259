import { readFileSync, writeFileSync } from 'node:fs'
import { tryParseAddress } from '#inet/address.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'

/** Kernel settings that forwarding needs: raised where they are too low, never lowered, never set back. */

/** Reads a setting; undefined when this kernel does not have it. */
export type ReadSysctl = (name: string) => string | undefined

export interface SysctlChange {
  /** path below /proc/sys */
  readonly name: string
  readonly from: string
  readonly to: string
  readonly reason: string
}

/** What to change, and what a person should know although we leave it alone. */
export function planSysctls(
  read: ReadSysctl,
  node: Pick<NodeContext, 'internalIPs'>,
  config: Pick<ForwardingConfig, 'nodePortRange'>,
): { changes: SysctlChange[]; notes: string[] } {
  const changes: SysctlChange[] = []
  const notes: string[] = []
  const atLeastOne = (name: string, reason: string) => {
    const from = read(name)
    if (from === '0') changes.push({ name, from, to: '1', reason })
  }
  atLeastOne('net/ipv4/ip_forward', 'packets for Services pass through this node')
  // Not without an IPv6 address: a forwarding node stops listening to router advertisements.
  if (node.internalIPs.some((text) => tryParseAddress(text)?.family === 6)) {
    atLeastOne('net/ipv6/conf/all/forwarding', 'packets for Services pass through this node')
  }
  if (read('net/netfilter/nf_conntrack_tcp_be_liberal') === '0') {
    notes.push(
      'nf_conntrack_tcp_be_liberal is 0: before Linux 6.1 a reply outside its TCP window resets a connection',
    )
  }
  const range = config.nodePortRange
  const reserved = read('net/ipv4/ip_local_reserved_ports')
  if (range !== undefined && reserved !== undefined) {
    const wanted = `${range.first}-${range.last}`
    const have = reserved.split(',').filter((part) => part !== '')
    if (!have.includes(wanted)) {
      changes.push({
        name: 'net/ipv4/ip_local_reserved_ports',
        from: reserved,
        to: [...have, wanted].join(','),
        reason: 'an outgoing connection of this node must not take a NodePort as its own',
      })
    }
  }
  return { changes, notes }
}

const path = (name: string): string => `/proc/sys/${name}`

/** The settings of this thread's network namespace. */
export const readSysctl: ReadSysctl = (name) => {
  try {
    return readFileSync(path(name), 'utf8').trim()
  } catch {
    return undefined
  }
}

/** Makes the changes; gives those that the kernel or a read-only /proc refused. */
export function applySysctls(changes: readonly SysctlChange[]): { change: SysctlChange; error: Error }[] {
  return changes.flatMap((change) => {
    try {
      writeFileSync(path(change.name), change.to)
      return []
    } catch (error) {
      return [{ change, error: error as Error }]
    }
  })
}
