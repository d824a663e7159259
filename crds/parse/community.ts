import { tryParseAddress } from '#inet/address.ts'
import type { Community } from '../config.ts'
import type { Fields, Located } from './fields.ts'

/**
 * A BGP community as text: `65000:1` (RFC 1997), `large:65000:1:2` (RFC 8092), `rt:65000:1` and `soo:192.0.2.1:5`
 * (RFC 4360), any extended one as sixteen hexadecimal digits (`0x0002fde800000001`), or a well-known name.
 * @returns the community, or why the text is none
 */
export function parseCommunity(text: string): Community | string {
  const known = wellKnown.get(text.toLowerCase().replaceAll('_', '-'))
  if (known !== undefined) return { kind: 'standard', value: [65_535, known] }
  if (/^0x[0-9a-fA-F]{16}$/.test(text)) {
    const halves = [text.slice(2, 10), text.slice(10)].map((half) => Number.parseInt(half, 16))
    return { kind: 'extended', value: halves as [number, number] }
  }
  const parts = text.split(':')
  if (parts.length === 3 && subTypes.has(parts[0]))
    return parseExtended(parts as [string, string, string], text)
  if (parts.length === 2) {
    const numbers = parts.map((part) => part16(part))
    const bad = numbers.indexOf(undefined)
    if (bad >= 0) return invalidSection(parts[bad], text, MAX_U16)
    return { kind: 'standard', value: numbers as [number, number] }
  }
  if (parts.length === 4) {
    if (parts[0] !== 'large')
      return `invalid community value: invalid marker for large community, expected community to be of format large:<uint32>:<uint32>:<uint32> but got ${JSON.stringify(text)} instead`
    const numbers = parts.slice(1).map((part) => part32(part))
    const bad = numbers.indexOf(undefined)
    if (bad >= 0) return invalidSection(parts[bad + 1], text, MAX_U32)
    return { kind: 'large', value: numbers as [number, number, number] }
  }
  return `invalid community format: ${text}`
}

/** The second half of 65535:… by name (RFC 1997, 3765, 7999, 8326); `_` and `-`, upper and lower case are one. */
const wellKnown: ReadonlyMap<string, number> = new Map([
  ['graceful-shutdown', 0],
  ['blackhole', 666],
  ['no-export', 65_281],
  ['no-advertise', 65_282],
  ['no-export-subconfed', 65_283],
  ['no-peer', 65_284],
  ['nopeer', 65_284],
])

/** RFC 4360 4 and 5: route target and route origin, of any of the three types of administrator. */
const subTypes: ReadonlyMap<string, number> = new Map([
  ['rt', 2],
  ['soo', 3],
])
const administrators = { twoOctetAS: 0, ipv4Address: 1, fourOctetAS: 2 } as const

/** The smallest type that holds the administrator: an AS of two octets, of four (RFC 5668), or an IPv4 address. */
function parseExtended(parts: readonly [string, string, string], text: string): Community | string {
  const [name, administrator, local] = parts
  const address = administrator.includes('.') ? tryParseAddress(administrator) : undefined
  const owner = address?.family === 4 ? Number(address.value) : part32(administrator)
  if (owner === undefined) return invalidSection(administrator, text, MAX_U32)
  const small = address === undefined && owner <= MAX_U16
  const number = small ? part32(local) : part16(local)
  if (number === undefined) return invalidSection(local, text, small ? MAX_U32 : MAX_U16)
  const type =
    address !== undefined
      ? administrators.ipv4Address
      : small
        ? administrators.twoOctetAS
        : administrators.fourOctetAS
  const head = (type * 256 + (subTypes.get(name) as number)) * 65_536
  const value: [number, number] = small
    ? [head + owner, number]
    : [head + Math.floor(owner / 65_536), (owner % 65_536) * 65_536 + number]
  return { kind: 'extended', value }
}

const MAX_U16 = 0xffff
const MAX_U32 = 0xffffffff

const invalidSection = (section: string, text: string, max: number): string =>
  `invalid community value: invalid section ${JSON.stringify(section)} of community ${JSON.stringify(text)}, err: must be a number in 0-${max}`

const decimal = (text: string, max: number): number | undefined =>
  /^[0-9]{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined
const part16 = (text: string): number | undefined => decimal(text, MAX_U16)
const part32 = (text: string): number | undefined => decimal(text, MAX_U32)

/** One text for each community, as a key. */
export const communityKey = ({ kind, value }: Community): string => `${kind} ${value.join(':')}`

/**
 * Upstream's order: a standard community counts as the large one `<its 32 bits>:0:0`. Extended ones, which upstream
 * does not have, come last.
 */
export function compareCommunities(a: Community, b: Community): number {
  const extended = Number(a.kind === 'extended') - Number(b.kind === 'extended')
  if (extended !== 0) return extended
  const left = asLarge(a)
  const right = asLarge(b)
  const index = left.findIndex((part, position) => part !== right[position])
  return index < 0 ? 0 : left[index] - right[index]
}

const asLarge = ({ kind, value }: Community): readonly number[] =>
  kind === 'standard' ? [value[0] * 65_536 + value[1], 0, 0] : value

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
