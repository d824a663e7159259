import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { tryParseAddress } from '#inet/address.ts'
import type { Logger } from '#kube/logger.ts'
import type { ConntrackConfig, ForwardingConfig, NodeContext } from './config.ts'

/** Kernel settings that forwarding needs: raised where they are too low, never lowered, never set back. */

/** Reads a setting; undefined when this kernel does not have it. */
export type ReadSysctl = (name: string) => string | undefined

/** What the plan is for, besides the settings themselves. */
export interface Machine {
  readonly cores: number
  /** false where the kernel lets nobody write: most sizes, outside the first network namespace */
  writable(name: string): boolean
}

export interface SysctlChange {
  /** path below /proc/sys */
  readonly name: string
  readonly from: string
  readonly to: string
  readonly reason: string
}

/**
 * kube-proxy's defaults, with two differences. It sets the time-out of established TCP connections to 24 hours, which
 * lowers the kernel's five days; we only raise. And it leaves nf_conntrack_tcp_be_liberal off.
 */
export const defaultConntrack: ConntrackConfig = {
  maxPerCore: 32_768,
  min: 131_072,
  tcpCloseWaitTimeout: 3600,
  tcpBeLiberal: true,
}

/** What to change, and what a person should know although we leave it alone. */
export function planSysctls(
  read: ReadSysctl,
  node: Pick<NodeContext, 'internalIPs'>,
  config: Pick<ForwardingConfig, 'nodePortRange' | 'conntrack'>,
  machine: Machine = thisMachine,
): { changes: SysctlChange[]; notes: string[] } {
  const changes: SysctlChange[] = []
  const notes: string[] = []
  const atLeast = (name: string, least: number, reason: string) => {
    const from = read(name)
    if (from !== undefined && Number(from) < least) changes.push({ name, from, to: String(least), reason })
  }
  atLeast('net/ipv4/ip_forward', 1, 'packets for Services pass through this node')
  // Not without an IPv6 address: a forwarding node stops listening to router advertisements.
  if (node.internalIPs.some((text) => tryParseAddress(text)?.family === 6)) {
    atLeast('net/ipv6/conf/all/forwarding', 1, 'packets for Services pass through this node')
  }
  const { conntrack, nodePortRange } = config
  if (conntrack !== undefined) {
    planConntrackSize(read, conntrack, machine, changes, notes)
    for (const [name, value = 0, reason] of conntrackMinimums(conntrack)) {
      atLeast(`net/netfilter/nf_conntrack_${name}`, value, reason)
    }
  }
  if (conntrack?.tcpBeLiberal !== true && read('net/netfilter/nf_conntrack_tcp_be_liberal') === '0') {
    notes.push(
      'nf_conntrack_tcp_be_liberal is 0: a reply outside its TCP window resets a connection ' +
        '(since Linux 6.1 only one that is ahead of the window, not one that is late)',
    )
  }
  if (nodePortRange !== undefined) planReservedPorts(read, nodePortRange, machine, changes, notes)
  return { changes, notes }
}

const conntrackMinimums = (config: ConntrackConfig): [string, number | undefined, string][] => [
  ['tcp_timeout_established', config.tcpEstablishedTimeout, 'as configured'],
  [
    'tcp_timeout_close_wait',
    config.tcpCloseWaitTimeout,
    'a half-closed connection may wait for its other half',
  ],
  ['udp_timeout', config.udpTimeout, 'as configured'],
  ['udp_timeout_stream', config.udpStreamTimeout, 'as configured'],
  [
    'tcp_be_liberal',
    Number(config.tcpBeLiberal === true),
    'a reply outside its window must be translated too',
  ],
]

function planConntrackSize(
  read: ReadSysctl,
  { maxPerCore, min }: ConntrackConfig,
  { cores, writable }: Machine,
  changes: SysctlChange[],
  notes: string[],
): void {
  if (maxPerCore === 0) return
  const max = Math.max(maxPerCore * cores, min)
  const maxName = 'net/netfilter/nf_conntrack_max'
  const from = read(maxName)
  if (from !== undefined && Number(from) < max) {
    if (writable(maxName)) {
      changes.push({ name: maxName, from, to: String(max), reason: `connections of ${cores} cores` })
    } else {
      notes.push(`nf_conntrack_max is ${from}, less than ${max}, and cannot be changed from here`)
    }
  }
  // Writing this one is what writing the parameter `hashsize` of the module is.
  const bucketsName = 'net/netfilter/nf_conntrack_buckets'
  const buckets = read(bucketsName)
  const wanted = Math.floor(max / 4)
  if (buckets !== undefined && Number(buckets) < wanted && writable(bucketsName)) {
    const reason = 'four connections in a bucket at most'
    changes.push({ name: bucketsName, from: buckets, to: String(wanted), reason })
  }
}

type Range = NonNullable<ForwardingConfig['nodePortRange']>

/**
 * Keeps NodePorts from being taken as source ports, where the kernel would take them: by default it begins above.
 */
function planReservedPorts(
  read: ReadSysctl,
  nodePorts: Range,
  { writable }: Machine,
  changes: SysctlChange[],
  notes: string[],
): void {
  const name = 'net/ipv4/ip_local_reserved_ports'
  const [ephemeral] = parseRanges(read('net/ipv4/ip_local_port_range')?.replace(/\s+/, '-') ?? '')
  const from = read(name)
  if (from === undefined || ephemeral === undefined || !overlap(ephemeral, nodePorts)) return
  const have = parseRanges(from)
  const inside = ({ first, last }: Range) => first <= nodePorts.first && nodePorts.last <= last
  if (mergeRanges(have).some(inside)) return
  if (writable(name)) {
    const to = mergeRanges([...have, nodePorts])
      .map(rangeText)
      .join(',')
    changes.push({
      name,
      from,
      to,
      reason: 'an outgoing connection of this node must not take a NodePort as its own',
    })
  } else {
    notes.push(
      `outgoing connections of this node (ports ${rangeText(ephemeral)}) may take NodePorts ` +
        `(${rangeText(nodePorts)}) as their own, and ip_local_reserved_ports cannot be changed from here`,
    )
  }
}

const overlap = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last

const rangeText = ({ first, last }: Range): string => (first === last ? String(first) : `${first}-${last}`)

/** As the kernel prints them: `8080,9000-9100`. */
const parseRanges = (text: string): Range[] =>
  text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [first, last = first] = part.split('-').map(Number)
      return { first, last }
    })

/** In order; those that meet or overlap are one. */
function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = merged.at(-1)
    if (before === undefined || range.first > before.last + 1) merged.push(range)
    else merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, range.last) }
  }
  return merged
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

/** This machine, seen from this thread's network namespace. */
export const thisMachine: Machine = {
  cores: availableParallelism(),
  writable: (name) => {
    try {
      accessSync(path(name), constants.W_OK)
      return true
    } catch {
      return false
    }
  },
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

/**
 * Raises the settings, each time that the node has changed, and says everything once: what cannot be changed stays
 * as it is however often the node changes.
 */
export class SysctlKeeper {
  readonly #config: Pick<ForwardingConfig, 'nodePortRange' | 'conntrack'>
  readonly #log: Logger
  /** by name or text */
  readonly #said = new Set<string>()

  constructor(config: Pick<ForwardingConfig, 'nodePortRange' | 'conntrack'>, log: Logger) {
    this.#config = config
    this.#log = log
  }

  /** Reads, plans and writes in this thread's network namespace. */
  raise(node: Pick<NodeContext, 'internalIPs'>): void {
    const { changes, notes } = planSysctls(readSysctl, node, this.#config)
    const refused = applySysctls(changes)
    for (const change of changes) {
      const problem = refused.find((one) => one.change === change)
      if (problem === undefined) this.#log.info(change, 'kernel setting raised')
      else if (this.#first(change.name)) {
        this.#log.error({ ...change, error: problem.error.message }, 'kernel setting could not be raised')
      }
    }
    for (const note of notes) if (this.#first(note)) this.#log.info({}, note)
  }

  #first(text: string): boolean {
    if (this.#said.has(text)) return false
    this.#said.add(text)
    return true
  }
}
