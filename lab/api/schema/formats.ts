import { tryParseAddress } from '#inet/address.ts'
import { tryParsePrefix } from '#inet/prefix.ts'

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** The formats that the API server checks and that custom resources of ours use; others pass. */
const checks: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) => DATE_TIME.test(text),
  ipv4: (text) => tryParseAddress(text)?.family === 4,
  ipv6: (text) => tryParseAddress(text)?.family === 6,
  cidr: (text) => tryParsePrefix(text) !== undefined,
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  byte: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
}

/** Does a text have the format that a schema asks for? */
export const validateFormat = (format: string, text: string): boolean => checks[format]?.(text) ?? true
