import { BgpError } from '../errors.ts'
import { Reader } from './reader.ts'
import { cutText, printable } from './text.ts'
import { Writer } from './writer.ts'

/**
 * RFC 5492 capabilities that we know, by code: RFC 4760, RFC 2918, RFC 8950, RFC 9234, RFC 4724, RFC 6793,
 * draft-walton-bgp-hostname-capability.
 */
export const capabilityCodes = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedNextHop: 5,
  role: 9,
  gracefulRestart: 64,
  fourOctetAS: 65,
  hostname: 73,
} as const

export type Capability =
  | { readonly kind: 'multiprotocol'; readonly afi: number; readonly safi: number }
  | { readonly kind: 'routeRefresh' }
  /** routes of this AFI and SAFI may have a next hop of that AFI */
  | { readonly kind: 'extendedNextHop'; readonly families: readonly ExtendedNextHopFamily[] }
  /** RFC 9234 4.1; also numbers that are no role */
  | { readonly kind: 'role'; readonly value: number }
  | GracefulRestartCapability
  | { readonly kind: 'fourOctetAS'; readonly as: number }
  | { readonly kind: 'hostname'; readonly host: string; readonly domain: string }
  /** RFC 5492 3: ignored, never an error */
  | { readonly kind: 'unknown'; readonly code: number; readonly value: readonly number[] }

interface ExtendedNextHopFamily {
  readonly afi: number
  readonly safi: number
  readonly nextHopAfi: number
}

/** RFC 4724 3, and the N bit of RFC 8538 2. */
export interface GracefulRestartCapability {
  readonly kind: 'gracefulRestart'
  /** R: the speaker has just restarted */
  readonly restarting: boolean
  /** N: restarts cover NOTIFICATIONs and the hold timer, too */
  readonly notification: boolean
  /** seconds, 12 bits */
  readonly restartTime: number
  readonly families: readonly {
    readonly afi: number
    readonly safi: number
    /** F: its packets were forwarded all the while */
    readonly forwarding: boolean
  }[]
}

const restartingFlag = 0x8000
const notificationFlag = 0x4000
const restartTimeMask = 0x0fff
const forwardingFlag = 0x80

/** As FRR does: longer names are cut. */
const maxNameLength = 64

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
  const wrongLength = () => malformed(`capability ${code} has ${value.length} octets`)
  const reader = new Reader(value, wrongLength)
  const exactly = (fits: boolean): void => {
    if (!fits) throw wrongLength()
  }
  switch (code) {
    case capabilityCodes.multiprotocol: {
      // RFC 4760 8: AFI, a reserved octet, SAFI.
      exactly(value.length === 4)
      const afi = reader.u16()
      reader.u8()
      return { kind: 'multiprotocol', afi, safi: reader.u8() }
    }
    case capabilityCodes.routeRefresh:
      return { kind: 'routeRefresh' }
    case capabilityCodes.extendedNextHop:
      // RFC 8950 4: AFI, SAFI (two octets here) and AFI of the next hop, any number of times.
      exactly(value.length % 6 === 0)
      return {
        kind: 'extendedNextHop',
        families: Array.from({ length: value.length / 6 }, () => ({
          afi: reader.u16(),
          safi: reader.u16(),
          nextHopAfi: reader.u16(),
        })),
      }
    case capabilityCodes.role:
      exactly(value.length === 1)
      return { kind: 'role', value: reader.u8() }
    case capabilityCodes.gracefulRestart:
      exactly(value.length % 4 === 2)
      return readGracefulRestart(reader)
    case capabilityCodes.fourOctetAS:
      exactly(value.length === 4)
      return { kind: 'fourOctetAS', as: reader.u32() }
    case capabilityCodes.hostname:
      return readHostname(value)
    default:
      return { kind: 'unknown', code, value: [...value] }
  }
}

function readGracefulRestart(reader: Reader): GracefulRestartCapability {
  const head = reader.u16()
  const families = Array.from({ length: reader.remaining / 4 }, () => ({
    afi: reader.u16(),
    safi: reader.u8(),
    forwarding: (reader.u8() & forwardingFlag) !== 0,
  }))
  return {
    kind: 'gracefulRestart',
    restarting: (head & restartingFlag) !== 0,
    notification: (head & notificationFlag) !== 0,
    restartTime: head & restartTimeMask,
    families,
  }
}

/** A name is for people to read: a broken one is ignored, it does not cost the session. */
function readHostname(value: Uint8Array): Capability {
  const hostEnd = 1 + value[0]
  const domainEnd = hostEnd + 1 + value[hostEnd]
  // A missing length octet makes the sum NaN.
  if (!(domainEnd <= value.length)) {
    return { kind: 'unknown', code: capabilityCodes.hostname, value: [...value] }
  }
  const host = printable(value.subarray(1, hostEnd))
  return { kind: 'hostname', host, domain: printable(value.subarray(hostEnd + 1, domainEnd)) }
}

/** All capabilities one after the other, as the value of one parameter. */
export function writeCapabilities(capabilities: readonly Capability[]): Uint8Array {
  // Opt Parm Len is one octet, and the parameter has a header of two.
  const writer = new Writer(253)
  for (const capability of capabilities) {
    const { code, value } = encodeCapability(capability)
    writer.u8(code).u8(value.length).put(value)
  }
  return writer.bytes()
}

function encodeCapability(capability: Capability): { code: number; value: ArrayLike<number> } {
  const value = new Writer(255)
  switch (capability.kind) {
    case 'multiprotocol':
      value.u16(capability.afi).u8(0).u8(capability.safi)
      break
    case 'routeRefresh':
      break
    case 'extendedNextHop':
      for (const { afi, safi, nextHopAfi } of capability.families) value.u16(afi).u16(safi).u16(nextHopAfi)
      break
    case 'role':
      value.u8(capability.value)
      break
    case 'gracefulRestart': {
      const { restarting, notification, restartTime, families } = capability
      value.u16(
        (restarting ? restartingFlag : 0) |
          (notification ? notificationFlag : 0) |
          Math.min(restartTime, restartTimeMask),
      )
      for (const { afi, safi, forwarding } of families) {
        value
          .u16(afi)
          .u8(safi)
          .u8(forwarding ? forwardingFlag : 0)
      }
      break
    }
    case 'fourOctetAS':
      value.u32(capability.as)
      break
    case 'hostname':
      for (const name of [capability.host, capability.domain]) {
        const octets = cutText(name, maxNameLength)
        value.u8(octets.length).put(octets)
      }
      break
    case 'unknown':
      return capability
  }
  return { code: capabilityCodes[capability.kind], value: value.bytes() }
}
