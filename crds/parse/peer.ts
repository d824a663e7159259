import { isMappedV4, tryParseAddress, type Address } from '#inet/address.ts'
import { peerRoles, type BgpPeer } from '../config.ts'
import { formatDuration, parseDuration } from './duration.ts'
import type { Fields } from './fields.ts'
import type { Metadata } from './metadata.ts'
import { notePeerAddress } from './peer-address.ts'
import { readSelectors } from './selector.ts'

const MAX_ASN = 4_294_967_295
/** Besides 0, the numbers that no speaker may have. Those for documentation (RFC 5398) are in everybody's examples. */
const RESERVED_ASNS: ReadonlyMap<number, string> = new Map([
  [23_456, 'RFC 6793: in the place of two octets it stands for longer numbers'],
  [65_535, 'RFC 7300'],
  [MAX_ASN, 'RFC 7300'],
])
const MAX_HOLD_MS = 65_535_000
/** Linux: TCP_MD5SIG_MAXKEYLEN; FRR has the same limit. */
export const MAX_PASSWORD_OCTETS = 80

/** BGPPeer, v1beta2 or v1beta1 (whose fields are a subset). References are checked in parse.ts. */
export function parsePeer(metadata: Metadata, spec: Fields): BgpPeer {
  const dynamicASN = spec.string('dynamicASN')
  const passwordSecret = spec.object('passwordSecret')
  const text = (name: string) => spec.string(name) || undefined
  const peer: BgpPeer = clean({
    name: metadata.name,
    ...readAsns(spec, dynamicASN),
    ...readEndpoint(spec),
    peerPort: spec.integer('peerPort', 0, 16_384) || 179,
    ...readTimers(spec),
    routerID: readRouterId(spec),
    nodeSelectors: readSelectors(
      spec,
      'nodeSelectors',
      `failed to convert peer ${metadata.name} node selector`,
    ),
    password: text('password'),
    passwordSecret:
      passwordSecret === undefined ? undefined : readSecretRef(passwordSecret, metadata.namespace),
    bfdProfile: text('bfdProfile'),
    enableGracefulRestart: spec.boolean('enableGracefulRestart'),
    ebgpMultiHop: spec.boolean('ebgpMultiHop'),
    vrf: spec.string('vrf') ?? '',
    dualStackAddressFamily: spec.boolean('dualStackAddressFamily'),
    ttlSecurity: spec.integer('ttlSecurity', 1, 254),
    listen: spec.boolean('listen') || undefined,
    ...readRole(spec),
  })
  if (peer.password !== undefined && peer.passwordSecret !== undefined)
    spec.error(
      'FL_CRD_EXCLUSIVE',
      'passwordSecret',
      `can not have both password and secret ref set in peer config "${metadata.namespace}/${metadata.name}"`,
    )
  // The message says nothing of the password but that it is too long.
  if (peer.password !== undefined && Buffer.byteLength(peer.password) > MAX_PASSWORD_OCTETS)
    spec.error(
      'FL_PEER_PASSWORD',
      'password',
      `a password for TCP MD5 has at most ${MAX_PASSWORD_OCTETS} octets`,
    )
  const internal = peer.peerASN === peer.myASN || peer.dynamicASN === 'internal'
  if (peer.ebgpMultiHop && internal)
    spec.error('FL_PEER_ASN', 'ebgpMultiHop', 'invalid ebgp-multihop parameter set for an ibgp peer')
  if (peer.ebgpMultiHop && peer.ttlSecurity !== undefined)
    spec.error('FL_PEER_TTL', 'ttlSecurity', 'ttlSecurity and ebgpMultiHop exclude each other')
  // RFC 9234 4.1: a role says what two ASes are to each other.
  if (peer.role !== undefined && internal)
    spec.error('FL_PEER_ROLE', 'role', 'a role is for peers of another AS')
  // Upstream's deprecated switch without effect: known, so that it is not reported as unknown.
  spec.boolean('disableMP')
  spec.finish()
  return peer
}

function readAsns(
  spec: Fields,
  dynamicASN: string | undefined,
): Pick<BgpPeer, 'myASN' | 'peerASN' | 'dynamicASN' | 'localASN'> {
  const myASN = spec.integer('myASN', 0, MAX_ASN) ?? 0
  const peerASN = spec.integer('peerASN', 0, MAX_ASN) || undefined
  if (myASN === 0) spec.error('FL_PEER_ASN', 'myASN', 'missing local ASN')
  if (!dynamicASN && peerASN === undefined)
    spec.error('FL_PEER_ASN', 'peerASN', 'missing peer ASN and dynamicASN')
  if (dynamicASN && peerASN !== undefined)
    spec.error('FL_PEER_ASN', 'dynamicASN', 'both peer ASN and dynamicASN specified')
  if (dynamicASN && dynamicASN !== 'internal' && dynamicASN !== 'external')
    spec.error('FL_CRD_VALUE', 'dynamicASN', `invalid dynamicASN ${dynamicASN}`)
  const localASN = spec.integer('localASN', 1, MAX_ASN)
  for (const [field, asn] of Object.entries({ myASN, peerASN, localASN })) {
    const reserved = asn === undefined ? undefined : RESERVED_ASNS.get(asn)
    if (reserved !== undefined)
      spec.error('FL_PEER_ASN', field, `${asn} is a reserved AS number (${reserved})`)
  }
  return {
    myASN,
    peerASN,
    dynamicASN: (dynamicASN || undefined) as BgpPeer['dynamicASN'],
    localASN,
  }
}

function readRole(spec: Fields): Pick<BgpPeer, 'role' | 'strictRole'> {
  const text = spec.string('role') || undefined
  const strictRole = spec.boolean('strictRole') || undefined
  const role = peerRoles.find((one) => one === text)
  if (text !== undefined && role === undefined)
    spec.error('FL_CRD_VALUE', 'role', `invalid role ${text}: must be one of ${peerRoles.join(', ')}`)
  if (strictRole && text === undefined) spec.error('FL_PEER_ROLE', 'strictRole', 'strictRole needs a role')
  return { role, strictRole }
}

function readEndpoint(spec: Fields): Pick<BgpPeer, 'peerAddress' | 'interface' | 'sourceAddress'> {
  const peerAddress = readAddress(spec, 'peerAddress', 'BGPPeer address')
  const device = spec.string('interface') || undefined
  const sourceAddress = readAddress(spec, 'sourceAddress', 'source IP')
  if (!spec.string('peerAddress') && device === undefined)
    spec.error('FL_CRD_REQUIRED', 'peerAddress', 'peer has no Address or Interface specified')
  if (spec.string('peerAddress') && device !== undefined)
    spec.error('FL_CRD_EXCLUSIVE', 'interface', 'peer has both Address and Interface specified')
  if (peerAddress !== undefined && sourceAddress !== undefined && peerAddress.family !== sourceAddress.family)
    spec.error('FL_PEER_ADDRESS', 'sourceAddress', 'source IP is of another family than the peer address')
  if (peerAddress !== undefined) notePeerAddress(spec, peerAddress)
  return { peerAddress, interface: device, sourceAddress }
}

function readAddress(spec: Fields, name: string, words: string): Address | undefined {
  const text = spec.string(name)
  if (!text) return undefined
  const address = tryParseAddress(text)
  // The kernel would open a session over IPv4 for what the rest of the configuration takes for IPv6.
  if (address === undefined || isMappedV4(address))
    spec.error('FL_PEER_ADDRESS', name, `invalid ${words} ${JSON.stringify(text)}`)
  return address
}

function readRouterId(spec: Fields): string | undefined {
  const text = spec.string('routerID')
  if (!text) return undefined
  const id = tryParseAddress(text)
  // RFC 6286 2.1: any value of four octets but zero.
  if (id?.family !== 4 || id.value === 0n)
    spec.error('FL_PEER_ADDRESS', 'routerID', `invalid router ID ${JSON.stringify(text)}`)
  return text
}

/** Upstream's rule: with only one of hold and keepalive time given, the other follows from it as 3 to 1. */
function readTimers(spec: Fields): Pick<BgpPeer, 'holdTime' | 'keepaliveTime' | 'connectTime'> {
  const hold = readDuration(spec, 'holdTime')
  const keepalive = readDuration(spec, 'keepaliveTime')
  const connect = readDuration(spec, 'connectTime')
  const timers = 'invalid BGPPeer timers: '
  // RFC 4271 4.2: zero or at least three seconds, as 16 bits of seconds.
  if (hold !== undefined && hold !== 0 && (hold < 3000 || hold > MAX_HOLD_MS))
    spec.error(
      'FL_PEER_TIMERS',
      'holdTime',
      `${timers}invalid hold time "${formatDuration(hold)}": must be 0 or between 3s and 65535s`,
    )
  if (hold !== undefined && keepalive !== undefined && keepalive > hold)
    spec.error(
      'FL_PEER_TIMERS',
      'keepaliveTime',
      `${timers}invalid keepaliveTime "${formatDuration(keepalive)}", must be lower than holdTime "${formatDuration(hold)}"`,
    )
  if (hold === undefined && keepalive !== undefined && keepalive * 3 > MAX_HOLD_MS)
    spec.error('FL_PEER_TIMERS', 'keepaliveTime', `${timers}keepaliveTime must be at most a third of 65535s`)
  if (connect !== undefined && (connect < 1000 || connect > 65_535_000))
    spec.error('FL_PEER_TIMERS', 'connectTime', 'connect time should be between 1 seconds to 65535')
  else if (connect !== undefined && connect % 1000 !== 0)
    spec.error('FL_PEER_TIMERS', 'connectTime', 'connect time should contain a whole number of seconds')
  return {
    holdTime: hold ?? (keepalive === undefined ? undefined : keepalive * 3),
    keepaliveTime: keepalive ?? (hold === undefined ? undefined : Math.floor(hold / 3)),
    connectTime: connect,
  }
}

function readDuration(spec: Fields, name: string): number | undefined {
  const text = spec.string(name)
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= 0) return ms
  spec.error('FL_CRD_VALUE', name, `${JSON.stringify(text)} is not a duration such as 90s`)
  return undefined
}

function readSecretRef(fields: Fields, namespace: string): BgpPeer['passwordSecret'] {
  const reference = {
    // A Secret elsewhere is never read (upstream): an empty namespace stands for MetalLB's own.
    namespace: fields.string('namespace') || namespace,
    name: fields.string('name') ?? '',
  }
  fields.finish()
  return reference.name === '' ? undefined : reference
}

/** Without the keys whose value is undefined, so that equal peers are deeply equal however they were made. */
const clean = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
