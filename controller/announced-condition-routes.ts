import type { Family } from '#inet/address.ts'
import type { Announcement } from './announcements.ts'
import type { SpeakerSession } from './speaker-session.ts'

const NODES = 3
const ERRORS = 4

/** Why no router has an address that these nodes announce by BGP, told from their sessions. */
export function routeWords(
  announcements: readonly Announcement[],
  family: Family,
  session: (node: string, peer: string) => SpeakerSession | undefined,
): { readonly reason: string; readonly message: string } {
  const found = announcements.flatMap(({ node, peers = [] }) =>
    peers.flatMap((peer) => {
      const known = session(node, peer)
      return known === undefined ? [] : [{ node, peer, ...known }]
    }),
  )
  const down = found.filter(({ up }) => !up)
  const told = down.length > 0 ? down : found
  const byError = Map.groupBy(told, ({ peer, error }) => `${peer}: ${error}`)
  const words = [...byError]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([error, all]) => `${error} (${nodesOf(all)})`)
  const more = words.length > ERRORS ? [`${words.length - ERRORS} more`] : []
  const list = [...words.slice(0, ERRORS), ...more].join(', ')
  const what = `no BGP session that can carry IPv${family} is up`
  if (down.length > 0) return { reason: 'NoSessionUp', message: `${what}: ${list}` }
  return { reason: 'NoPeerForFamily', message: list === '' ? 'no BGPPeer can have it' : `${what}: ${list}` }
}

function nodesOf(all: readonly { readonly node: string }[]): string {
  const names = [...new Set(all.map(({ node }) => node))].sort()
  const more = names.length > NODES ? ` and ${names.length - NODES} more` : ''
  return `${names.slice(0, NODES).join(', ')}${more}`
}
