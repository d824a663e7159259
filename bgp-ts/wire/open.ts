import { addressFromBytes, addressToBytes, formatAddress, parseAddress } from '#inet/address.ts'
import { BgpError } from '../errors.ts'
import { readCapabilities, writeCapabilities, type Capability } from './capabilities.ts'
import { maxMessageLength, writeMessage } from './header.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

/** RFC 6793: stands in the two octets of My Autonomous System for a number that does not fit. */
export const asTrans = 23456

/**
 * RFC 4271 4.2
 *
 *      0        1-2     3-4         5-8              9              10..
 *      version  My AS   hold time   BGP identifier   Opt Parm Len   optional parameters
 */
export interface OpenMessage {
  readonly type: 'open'
  /** the two-octet field, 23456 for larger numbers */
  readonly myAS: number
  /** seconds, as on the wire */
  readonly holdTime: number
  /** dotted quad */
  readonly routerId: string
  readonly capabilities: readonly Capability[]
}

const capabilitiesParameter = 2
const extendedParameters = 255

const malformed = (why: string) => new BgpError('FL_BGP_OPEN_MALFORMED', why)

/** @throws BgpError 2/0, 2/1 (data: version 4), 2/4. What the values mean is for `open-check.ts`. */
export function decodeOpen(body: Uint8Array): OpenMessage {
  const reader = new Reader(body, () => malformed('the OPEN ends early'))
  const version = reader.u8()
  // RFC 4271 6.2: before the rest, which another version may lay out otherwise.
  if (version !== 4) {
    throw new BgpError('FL_BGP_OPEN_VERSION', `the peer speaks BGP version ${version}, we speak 4`, [0, 4])
  }
  const myAS = reader.u16()
  const holdTime = reader.u16()
  const routerId = formatAddress(addressFromBytes(reader.take(4)))
  return { type: 'open', myAS, holdTime, routerId, capabilities: readParameters(reader) }
}

function readParameters(reader: Reader): Capability[] {
  let length = reader.u8()
  // RFC 9072 2: parameter type 255 in the first place means two-octet lengths, whatever Opt Parm Len says.
  const extended = length !== 0 && reader.peek() === extendedParameters
  if (extended) {
    reader.u8()
    length = reader.u16()
  }
  if (length !== reader.remaining) {
    throw malformed(`optional parameters of ${length} octets, but ${reader.remaining} octets follow`)
  }
  const capabilities: Capability[] = []
  while (reader.remaining > 0) {
    const type = reader.u8()
    const value = reader.take(extended ? reader.u16() : reader.u8())
    // RFC 4271 6.2
    if (type !== capabilitiesParameter) {
      throw new BgpError('FL_BGP_OPEN_PARAMETER', `optional parameter ${type} is not supported`)
    }
    // RFC 5492 4: there may be several parameters, each with one or more capabilities.
    capabilities.push(...readCapabilities(value))
  }
  return capabilities
}

export function encodeOpen(message: OpenMessage): Uint8Array {
  const writer = new Writer(maxMessageLength)
  writer
    .u8(4)
    .u16(message.myAS)
    .u16(message.holdTime)
    .put(addressToBytes(parseAddress(message.routerId)))
  const capabilities = writeCapabilities(message.capabilities)
  if (capabilities.length === 0) writer.u8(0)
  else
    writer
      .u8(capabilities.length + 2)
      .u8(capabilitiesParameter)
      .u8(capabilities.length)
      .put(capabilities)
  return writeMessage('open', writer.bytes())
}
