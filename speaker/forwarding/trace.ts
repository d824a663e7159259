import { parseAddress } from '#inet/address.ts'
import type { Protocol } from '#kube/objects/service.ts'
import type { LocalDetector } from './config.ts'
import type { Elements } from './model.ts'
import { noDetector } from './program.ts'
import type { ChainName } from './program/rule.ts'
import { noCount, Walk, type TraceStep, type Travelling } from './trace-walk.ts'

/** Follows the first packet of a connection through the program: what would happen to it, and by which rules. */

export interface TracePacket {
  readonly source: string
  readonly destination: string
  /** ICMP stands for an echo request */
  readonly protocol: Protocol | 'ICMP'
  /** destination port; 0 for ICMP */
  readonly port: number
  /** by which it came in; matters where pods are told from others by their interfaces */
  readonly interface?: string
}

export interface TraceResult {
  /**
   * 'forward': goes to one of the endpoints; 'answer': this node answers the ping; 'untouched': no Service is
   * concerned, whatever else the node does with it
   */
  readonly verdict: 'forward' | 'answer' | 'untouched' | 'reject' | 'drop'
  readonly endpoints: readonly {
    /** `address:port` */
    readonly endpoint: string
    /** the endpoint sees an address of this node */
    readonly masquerade: boolean
  }[]
  /** seconds for which a client keeps the endpoint that it has; absent without session affinity: each connection chooses */
  readonly affinity?: number
  readonly steps: readonly TraceStep[]
}

/**
 * Names every endpoint that the connection of a new client may get. `isLocal` says whether an address is one of this
 * node's, as `fib … type local` does; `detector` is the one that the program was made with.
 * @throws InetError FL_INET_ADDRESS
 */
export function trace(
  elements: Elements,
  packet: TracePacket,
  isLocal: (address: string) => boolean,
  detector: LocalDetector = noDetector,
): TraceResult {
  const { family } = parseAddress(packet.destination)
  const steps: TraceStep[] = []
  const walk = new Walk(elements[family], { isLocal, detector, steps })
  const start: Travelling = {
    source: packet.source,
    destination: packet.destination,
    protocol: packet.protocol.toLowerCase(),
    port: packet.port,
    marked: false,
    masquerade: false,
    translated: false,
    interface: packet.interface ?? '',
    count: noCount,
    slots: [],
    list: '',
    members: [],
    affinity: undefined,
    candidates: [],
  }
  const own = isLocal(packet.source)
  const stop = (fate: 'drop' | 'reject'): TraceResult => ({ verdict: fate, endpoints: [], steps })

  const translation: readonly ChainName[] = own
    ? ['sources-output', 'nat-output']
    : ['sources-prerouting', 'nat-prerouting']
  for (const chain of translation) {
    const fate = walk.chain(chain, start)
    if (fate === 'drop' || fate === 'reject') return stop(fate)
  }
  const variants =
    start.candidates.length > 0
      ? start.candidates.map(({ address, port }) => ({
          ...start,
          destination: address,
          port,
          translated: true,
        }))
      : [start]
  for (const variant of variants) {
    const fate = walk.chain(own ? 'filter-output' : 'filter-prerouting', variant)
    if (fate === 'drop' || fate === 'reject') return stop(fate)
    // What stays on this node does not leave it, except what it sends to itself by way of loopback.
    if (own || !isLocal(variant.destination)) walk.chain('nat-postrouting', variant)
  }
  if (start.candidates.length === 0) return { verdict: 'untouched', endpoints: [], steps }
  if (packet.protocol === 'ICMP') return { verdict: 'answer', endpoints: [], steps }
  const endpoints = variants.map((variant) => ({
    endpoint: variant.destination.includes(':')
      ? `[${variant.destination}]:${variant.port}`
      : `${variant.destination}:${variant.port}`,
    masquerade: variant.masquerade,
  }))
  const { affinity } = start
  return { verdict: 'forward', endpoints, ...(affinity === undefined ? {} : { affinity }), steps }
}
