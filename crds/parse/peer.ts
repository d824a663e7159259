import { isMappedV4, tryParseAddress, type Address } from '#inet/address.ts'
import type { BgpPeer } from '../config.ts'
import { formatDuration, parseDuration } from './duration.ts'
import type { Fields } from './fields.ts'
import type { Metadata } from './metadata.ts'
import { readSelectors } from './selector.ts'

const MAX_ASN = 4_294_967_295
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
  if (peer.ebgpMultiHop && (peer.peerASN === peer.myASN || peer.dynamicASN === 'internal'))
    spec.error('FL_PEER_ASN', 'ebgpMultiHop', 'invalid ebgp-multihop parameter set for an ibgp peer')
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
  return {
    myASN,
    peerASN,
    dynamicASN: (dynamicASN || undefined) as BgpPeer['dynamicASN'],
    localASN: spec.integer('localASN', 1, MAX_ASN),
  }
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
      `${timers}invalid hold time "${formatDuration(hold)}": must be 0 or >=3s`,
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
