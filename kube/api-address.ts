import { canonicalText, type Family } from '#inet/address.ts'
import { tryParsePrefix, type Prefix } from '#inet/prefix.ts'

/**
 * Addresses as the API server reads them: it takes numbers with zeros in front in IPv4 text, and objects that have
 * them live on; they are decimal. A range that could not be read would restrict nobody.
 */
const withoutZeros = (text: string): string =>
  text.includes(':') || !ZEROS.test(text) ? text : text.replace(LEADING_ZEROS, '')

const ZEROS = /(?:^|[^0-9])0[0-9]/
const LEADING_ZEROS = /(?<![0-9])0+(?=[0-9])/g

/** The canonical text of an address of this family; undefined for what is none. */
export const apiAddress = (text: string, family: Family): string | undefined =>
  canonicalText(text, family) ?? (family === 4 ? canonicalText(withoutZeros(text), 4) : undefined)

/** A range; undefined for what is none. The API server lets surrounding space through. */
export const apiPrefix = (text: string): Prefix | undefined => tryParsePrefix(withoutZeros(text.trim()))
