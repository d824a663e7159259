import type { SpeakerStatusStatus } from '#crds/objects.ts'
import type { Family } from '#inet/address.ts'

/** What a BGP session is good for. */
export interface SpeakerSession {
  readonly up: boolean
  /** of the addresses that it can carry now */
  readonly families: readonly Family[]
  /** why it carries no more than that, in short */
  readonly error: string
}

/** The session that a speaker should have and says nothing of (yet). */
export const NO_SESSION: SpeakerSession = { up: false, families: [], error: 'there is no session yet' }

const familyWords = [
  [4, 'ipv4-unicast', 'ipv4'],
  [6, 'ipv6-unicast', 'ipv6'],
] as const
const ERROR_LIMIT = 120

/** From an entry of a SpeakerStatus. */
export function sessionOf({
  state,
  capabilities,
  announced = {},
  unsent = [],
  lastError,
}: NonNullable<SpeakerStatusStatus['sessions']>[number]): SpeakerSession {
  if (state !== 'Established') {
    // Words of the kernel and of an earlier error come after a semicolon.
    const [error] = (lastError ?? 'not up yet').split('; ')
    return { up: false, families: [], error: error.slice(0, ERROR_LIMIT) }
  }
  const families = familyWords.flatMap(([family, capability, count]) => {
    const offered = capabilities === undefined || capabilities.includes(capability)
    // Of a family whose routes can all not be sent none is there.
    const refused = announced[count] === 0 && unsent.some(({ reason }) => reason !== 'family-not-negotiated')
    return offered && !refused ? [family] : []
  })
  const [why] = unsent
  const names = families.map((family) => `IPv${family}`).join(' and ') || 'nothing'
  const error =
    families.length === 2
      ? ''
      : `up for ${names}${why === undefined ? '' : ` (${why.message ?? why.reason})`}`
  return { up: true, families, error: error.slice(0, ERROR_LIMIT) }
}
