/** What a probe is to do; the process gets it as JSON on its command line. */
export interface ProbeOptions {
  /** asked for, each every `everyMs`; requests for IPv4 by ARP, for IPv6 by neighbour discovery */
  readonly addresses: readonly string[]
  readonly everyMs: number
  readonly interface: string
  /** the station that asks: not the machine's own, whose neighbour table must not learn from the answers */
  readonly station: Station
  /** the capture, as tcpdump writes it: every ARP packet and neighbour discovery message, requests included */
  readonly file: string
}

export interface Station {
  readonly mac: string
  readonly v4: string
  readonly v6: string
}

/** A line from the process, ten times a second and once at the begin: who answered since the line before. */
export interface ProbeTick {
  /** epoch milliseconds */
  readonly at: number
  /** answers by address and hardware address */
  readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>
}
