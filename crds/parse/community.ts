import type { Community } from '../config.ts'
import type { Fields, Located } from './fields.ts'

/**
 * A BGP community as text: `65000:1` (RFC 1997) or `large:65000:1:2` (RFC 8092).
 * @returns the community, or why the text is none
 */
export function parseCommunity(text: string): Community | string {
  const parts = text.split(':')
  if (parts.length === 2) {
    const numbers = parts.map((part) => part16(part))
    const bad = numbers.indexOf(undefined)
    if (bad >= 0) return invalidSection(parts[bad], text, 65_535)
    return { kind: 'standard', value: numbers as [number, number] }
  }
  if (parts.length === 4) {
    if (parts[0] !== 'large')
      return `invalid community value: invalid marker for large community, expected community to be of format large:<uint32>:<uint32>:<uint32> but got ${JSON.stringify(text)} instead`
    const numbers = parts.slice(1).map((part) => part32(part))
    const bad = numbers.indexOf(undefined)
    if (bad >= 0) return invalidSection(parts[bad + 1], text, 4_294_967_295)
    return { kind: 'large', value: numbers as [number, number, number] }
  }
  return `invalid community format: ${text}`
}

const invalidSection = (section: string, text: string, max: number): string =>
  `invalid community value: invalid section ${JSON.stringify(section)} of community ${JSON.stringify(text)}, err: must be a number in 0-${max}`

const decimal = (text: string, max: number): number | undefined =>
  /^[0-9]{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined
const part16 = (text: string): number | undefined => decimal(text, 0xffff)
const part32 = (text: string): number | undefined => decimal(text, 0xffffffff)

/** Printed as routers print them: `65000:1`, `65000:1:2`. */
export const formatCommunity = (community: Community): string => community.value.join(':')

/**
 * Upstream's order: a standard community counts as the large one `<its 32 bits>:0:0`.
 */
export function compareCommunities(a: Community, b: Community): number {
  const left = asLarge(a)
  const right = asLarge(b)
  const index = left.findIndex((part, position) => part !== right[position])
  return index < 0 ? 0 : left[index] - right[index]
}

const asLarge = ({ kind, value }: Community): readonly number[] =>
  kind === 'large' ? value : [value[0] * 65_536 + value[1], 0, 0]

export interface Alias {
  readonly name: Located<string>
  readonly community: Community
}

/** The aliases of one Community object; whether another object has the same is decided in parse.ts. */
export function parseAliases(spec: Fields): Alias[] {
  const aliases: Alias[] = []
  const seen = new Set<string>()
  for (const entry of spec.objects('communities')) {
    const name = entry.string('name') ?? ''
    if (name === '') entry.error('FL_CRD_REQUIRED', 'name', 'the alias has no name')
    else if (seen.has(name))
      entry.error('FL_CRD_DUPLICATE', 'name', `duplicate definition of community ${JSON.stringify(name)}`)
    seen.add(name)
    const text = entry.string('value') ?? ''
    const community = parseCommunity(text)
    if (typeof community === 'string')
      entry.error('FL_COMMUNITY_FORMAT', 'value', `parsing community ${JSON.stringify(name)}: ${community}`)
    else aliases.push({ name: { value: name, path: entry.at('name') }, community })
    entry.finish()
  }
  spec.finish()
  return aliases
}
