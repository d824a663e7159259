import { mpTypes } from './attributes.ts'

/**
 * What can still be read of an UPDATE whose end was not kept, as the body of a whole one: lists end with their last
 * whole prefix, attributes with the last whole attribute. For logs.
 */
export function mendUpdate(body: Uint8Array): Uint8Array {
  if (body.length < 4) return new Uint8Array(4)
  const bytes = Buffer.from(body)
  const withdrawnLength = bytes.readUInt16BE(0)
  const attributesAt = 2 + withdrawnLength + 2
  if (attributesAt > bytes.length) return join(wholePrefixes(bytes.subarray(2)), empty, empty)
  const withdrawn = bytes.subarray(2, 2 + withdrawnLength)
  const nlriAt = attributesAt + bytes.readUInt16BE(attributesAt - 2)
  if (nlriAt > bytes.length) return join(withdrawn, wholeAttributes(bytes.subarray(attributesAt)), empty)
  return join(withdrawn, bytes.subarray(attributesAt, nlriAt), wholePrefixes(bytes.subarray(nlriAt)))
}

const empty = Buffer.alloc(0)

function join(withdrawn: Uint8Array, attributes: Uint8Array, nlri: Uint8Array): Uint8Array {
  return Buffer.concat([u16(withdrawn.length), withdrawn, u16(attributes.length), attributes, nlri])
}

const u16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value & 255)

function wholePrefixes(bytes: Uint8Array): Uint8Array {
  let end = 0
  while (end < bytes.length) {
    const next = end + 1 + Math.ceil(bytes[end] / 8)
    if (next > bytes.length) break
    end = next
  }
  return bytes.subarray(0, end)
}

/** The list as far as it is whole; of a cut MP attribute, what it holds up to the cut. */
function wholeAttributes(bytes: Buffer): Uint8Array {
  let end = 0
  while (end + 4 <= bytes.length) {
    const extended = (bytes[end] & extendedLength) !== 0
    const valueAt = end + (extended ? 4 : 3)
    const next = valueAt + (extended ? bytes.readUInt16BE(end + 2) : bytes[end + 2])
    if (next > bytes.length) {
      return Buffer.concat([
        bytes.subarray(0, end),
        mendMp(bytes[end], bytes[end + 1], bytes.subarray(valueAt)),
      ])
    }
    end = next
  }
  return bytes.subarray(0, end)
}

const extendedLength = 0x10

function mendMp(flags: number, type: number, value: Uint8Array): Uint8Array {
  // RFC 4760 3 and 4: AFI and SAFI, and for routes that can be reached the next hop with its length and an octet.
  const prefixesAt = type === mpTypes.reach ? 3 + 1 + value[3] + 1 : 3
  if ((type !== mpTypes.reach && type !== mpTypes.unreach) || !(prefixesAt <= value.length)) return empty
  const kept = Buffer.concat([value.subarray(0, prefixesAt), wholePrefixes(value.subarray(prefixesAt))])
  return Buffer.concat([Uint8Array.of(flags | extendedLength, type), u16(kept.length), kept])
}
