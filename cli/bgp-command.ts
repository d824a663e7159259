import { getDocument, type AdminTarget } from './admin-client.ts'
import { peerReport, type PeerRow } from './bgp-peers.ts'
import { table } from './table.ts'

interface RouteRow {
  readonly prefix: string
  readonly state: string
  readonly reason?: string
  readonly nextHops?: readonly string[]
  readonly asPath?: string
  readonly med?: number
  readonly localPref?: number
  readonly communities?: readonly string[]
}

interface MessageRow {
  readonly at: number
  readonly direction: 'in' | 'out'
  readonly octets: number
  readonly text: string
}

/**
 * `fairlead bgp peers`: each session in a line, and below what a person should know of those that do not work; with
 * `wide` what both sides agreed on and said last, of all of them.
 */
export async function bgpPeers({ wide, ...target }: AdminTarget & { readonly wide: boolean }): Promise<void> {
  const { items } = (await getDocument(target, '/api/v1/bgp/peers')) as { items: PeerRow[] }
  if (target.json) return print(items)
  console.log(items.length === 0 ? 'No BGP sessions.' : peerReport(items, Date.now(), wide))
}

/** `fairlead bgp routes PEER`: the Adj-RIB-Out with attributes. */
export async function bgpRoutes(peer: string, target: AdminTarget): Promise<void> {
  const document = await getDocument(target, `/api/v1/bgp/routes?peer=${encodeURIComponent(peer)}`)
  if (target.json) return print(document)
  const items = document.items as RouteRow[]
  const total = document.total as number
  if (items.length === 0) return console.log('No routes.')
  console.log(
    table(['prefix', 'state', 'next hop', 'as path', 'med', 'pref', 'communities'], items.map(cells)),
  )
  if (total > items.length) console.log(`… and ${total - items.length} more`)
}

const cells = ({
  prefix,
  state,
  reason,
  nextHops = [],
  asPath,
  med,
  localPref,
  communities = [],
}: RouteRow) => [
  prefix,
  reason === undefined ? state : `${state}: ${reason}`,
  nextHops.join(' '),
  asPath ?? '',
  med === undefined ? '' : String(med),
  localPref === undefined ? '' : String(localPref),
  communities.join(' '),
]

/** `fairlead bgp log PEER`: the last messages, one a line, as tcpdump would print them. */
export async function bgpLog(peer: string, target: AdminTarget): Promise<void> {
  const document = await getDocument(target, `/api/v1/bgp/messages?peer=${encodeURIComponent(peer)}`)
  if (target.json) return print(document)
  const items = document.items as MessageRow[]
  if (items.length === 0) return console.log('No messages yet.')
  for (const { at, direction, octets, text } of items) {
    console.log(`${new Date(at).toISOString()} ${direction === 'in' ? '<' : '>'} ${text} (${octets} octets)`)
  }
}

const print = (document: unknown): void => console.log(JSON.stringify(document, null, 2))
