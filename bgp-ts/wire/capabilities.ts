import { BgpError } from '../errors.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

/** RFC 5492 capabilities that we know, by code: RFC 4760, RFC 2918, RFC 6793. */
const capabilityCodes = { multiprotocol: 1, routeRefresh: 2, fourOctetAS: 65 } as const

export type Capability =
  | { readonly kind: 'multiprotocol'; readonly afi: number; readonly safi: number }
  | { readonly kind: 'routeRefresh' }
  | { readonly kind: 'fourOctetAS'; readonly as: number }
  /** RFC 5492 3: ignored, never an error */
  | { readonly kind: 'unknown'; readonly code: number; readonly value: readonly number[] }

const malformed = (why: string) => new BgpError('FL_BGP_OPEN_MALFORMED', why)

/** The capabilities in the value of one optional parameter of type 2 (RFC 5492 4). @throws BgpError 2/0 */
export function readCapabilities(bytes: Uint8Array): Capability[] {
  const reader = new Reader(bytes, () => malformed('a capability runs past the end of its parameter'))
  const capabilities: Capability[] = []
  while (reader.remaining > 0) {
    const code = reader.u8()
    capabilities.push(readCapability(code, reader.take(reader.u8())))
  }
  return capabilities
}

function readCapability(code: number, value: Uint8Array): Capability {
  const reader = new Reader(value, () => malformed(`capability ${code} has ${value.length} octets`))
  switch (code) {
    case capabilityCodes.multiprotocol: {
      // RFC 4760 8: AFI, a reserved octet, SAFI.
      if (value.length !== 4)
        throw malformed(`the multiprotocol capability has ${value.length} octets, not 4`)
      const afi = reader.u16()
      reader.u8()
      return { kind: 'multiprotocol', afi, safi: reader.u8() }
    }
    case capabilityCodes.routeRefresh:
      return { kind: 'routeRefresh' }
    case capabilityCodes.fourOctetAS:
      if (value.length !== 4) throw malformed(`the 4-octet AS capability has ${value.length} octets, not 4`)
      return { kind: 'fourOctetAS', as: reader.u32() }
    default:
      return { kind: 'unknown', code, value: [...value] }
  }
}

/** All capabilities one after the other, as the value of one parameter. */
export function writeCapabilities(capabilities: readonly Capability[]): Uint8Array {
  // Opt Parm Len is one octet, and the parameter has a header of two.
  const writer = new Writer(253)
  for (const capability of capabilities) {
    switch (capability.kind) {
      case 'multiprotocol':
        writer.u8(capabilityCodes.multiprotocol).u8(4)
        writer.u16(capability.afi).u8(0).u8(capability.safi)
        break
      case 'routeRefresh':
        writer.u8(capabilityCodes.routeRefresh).u8(0)
        break
      case 'fourOctetAS':
        writer.u8(capabilityCodes.fourOctetAS).u8(4).u32(capability.as)
        break
      case 'unknown':
        writer.u8(capability.code).u8(capability.value.length).put(capability.value)
    }
  }
  return writer.bytes()
}
