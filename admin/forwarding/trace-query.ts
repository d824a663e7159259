import { formatAddress, tryParseAddress, type Address } from '#inet/address.ts'
import { AdminError } from '../errors.ts'

/** What `forwarding/trace` is asked, as text. */
export interface TraceQuery {
  readonly from: string
  readonly to: string
  /** tcp when absent */
  readonly protocol?: string
  readonly interface?: string
}

/** A packet that can be traced; addresses are canonical text of one family. */
export interface TraceRequest {
  readonly from: string
  readonly to: string
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP'
  /** 0 for ICMP */
  readonly port: number
  /** by which it comes in, '' when that was not said */
  readonly interface: string
}

const protocols = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP', icmp: 'ICMP' } as const

/** The kernel's IFNAMSIZ without its final zero. */
const INTERFACE_LENGTH = 15

/**
 * Checks what was asked. `to` is `ADDRESS:PORT` or `[IPV6]:PORT`, and for icmp an address alone.
 * @throws AdminError FL_ADMIN_ARGUMENT naming the argument
 */
export function parseTraceQuery(query: TraceQuery): TraceRequest {
  const name = (query.protocol ?? 'tcp').toLowerCase()
  if (!Object.hasOwn(protocols, name)) {
    throw refused('protocol', query.protocol ?? '', `it must be ${Object.keys(protocols).join(', ')}`)
  }
  const protocol = protocols[name as keyof typeof protocols]
  const from = tryParseAddress(query.from)
  if (from === undefined) throw refused('from', query.from, 'it must be an IP address such as 10.244.1.5')
  const { address, port } = protocol === 'ICMP' ? parseAddressAlone(query.to) : parseTarget(query.to)
  if (address.family !== from.family) {
    throw refused('to', query.to, `it must be of the same family as from ${query.from}`)
  }
  const by = query.interface ?? ''
  if (by.length > INTERFACE_LENGTH || /[/\s]/.test(by)) {
    throw refused('interface', by, 'it must be the name of an interface, as ip link shows it')
  }
  return { from: formatAddress(from), to: formatAddress(address), protocol, port, interface: by }
}

function parseAddressAlone(text: string): { address: Address; port: number } {
  const address = tryParseAddress(text.replace(/^\[(.*)\]$/, '$1'))
  if (address === undefined) throw refused('to', text, 'for icmp it must be an IP address without a port')
  return { address, port: 0 }
}

function parseTarget(text: string): { address: Address; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(text)
  const address = match === null ? undefined : tryParseAddress(match[1] ?? match[2])
  if (match === null || address === undefined || (match[1] === undefined) !== (address.family === 4)) {
    throw refused('to', text, 'it must be ADDRESS:PORT or [IPV6]:PORT such as 10.96.0.10:53')
  }
  const port = Number(match[3])
  if (port < 1 || port > 65_535) throw refused('to', text, 'a port is a number from 1 to 65535')
  return { address, port }
}

const refused = (argument: string, given: string, what: string): AdminError =>
  new AdminError('FL_ADMIN_ARGUMENT', 400, `${argument} ${given || '(empty)'}: ${what}`)
