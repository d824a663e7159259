/** DER, as far as certificates need it (ITU-T X.690). */

function element(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

export const sequence = (...parts: Buffer[]): Buffer => element(0x30, Buffer.concat(parts))
export const set = (...parts: Buffer[]): Buffer => element(0x31, Buffer.concat(parts))
export const octetString = (content: Buffer): Buffer => element(0x04, content)
export const utf8String = (text: string): Buffer => element(0x0c, Buffer.from(text))
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.of(value ? 0xff : 0))

/** @param unusedBits at the end of the last octet */
export const bitString = (content: Buffer, unusedBits = 0): Buffer =>
  element(0x03, Buffer.concat([Buffer.of(unusedBits), content]))

/** A non-negative integer from its big-endian octets. */
export const integer = (octets: Buffer): Buffer =>
  element(0x02, octets[0]! & 0x80 ? Buffer.concat([Buffer.of(0), octets]) : octets)

/** @param octets the encoded arcs */
export const objectIdentifier = (...octets: number[]): Buffer => element(0x06, Buffer.from(octets))

/** GeneralizedTime in UTC. @param at milliseconds since 1970 */
export const generalizedTime = (at: number): Buffer =>
  element(0x18, Buffer.from(`${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`))

/** A context-specific tag, constructed or not. */
export const context = (tag: number, content: Buffer, constructed = false): Buffer =>
  element(0x80 | tag | (constructed ? 0x20 : 0), content)
