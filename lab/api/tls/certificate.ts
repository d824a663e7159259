import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { addressToBytes, tryParseAddress } from '#inet/address.ts'
import {
  bitString,
  boolean,
  context,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  utf8String,
} from './der.ts'

/** A certificate with its key, as PEM. */
export interface CertificatePair {
  readonly cert: string
  readonly key: string
}

/** An authority that has signed nothing yet. */
export interface Authority extends CertificatePair {
  readonly name: string
  readonly privateKey: KeyObject
  /** SHA-1 of the public key, RFC 5280 section 4.2.1.2 */
  readonly keyId: Buffer
}

const DAY = 24 * 3600 * 1000
const ECDSA_WITH_SHA256 = sequence(objectIdentifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))

/** Extensions: id-ce arcs, RFC 5280 section 4.2.1. */
const idCe = (arc: number) => objectIdentifier(0x55, 0x1d, arc)
const SERVER_AUTH = objectIdentifier(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01)

/** A certificate authority of our own, good for ten years. @param now milliseconds since 1970 */
export function makeAuthority(name: string, now: number): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const keyId = keyIdOf(spki)
  const extensions = [
    extension(idCe(19), true, sequence(boolean(true))),
    // keyCertSign, cRLSign
    extension(idCe(15), true, bitString(Buffer.of(0x06), 1)),
    extension(idCe(14), false, octetString(keyId)),
  ]
  const cert = certificate(name, privateKey, name, spki, extensions, now)
  return { name, cert, key: pemKey(privateKey), privateKey, keyId }
}

/**
 * A certificate for a TLS server.
 * @param names host names and addresses that clients connect to
 */
export function makeServerCertificate(
  authority: Authority,
  name: string,
  names: readonly string[],
  now: number,
): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const extensions = [
    extension(idCe(19), true, sequence()),
    // digitalSignature
    extension(idCe(15), true, bitString(Buffer.of(0x80), 7)),
    extension(idCe(37), false, sequence(SERVER_AUTH)),
    extension(idCe(35), false, sequence(context(0, authority.keyId))),
    extension(idCe(17), false, sequence(...names.map(generalName))),
  ]
  const cert = certificate(authority.name, authority.privateKey, name, spki, extensions, now)
  return { cert, key: pemKey(privateKey) }
}

/** RFC 5280 section 4.1. */
function certificate(
  issuer: string,
  signer: KeyObject,
  subject: string,
  spki: Buffer,
  extensions: readonly Buffer[],
  now: number,
): string {
  const serial = randomBytes(16)
  // Positive, and never with a leading zero octet.
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    context(0, integer(Buffer.of(2)), true),
    integer(serial),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    sequence(generalizedTime(now - DAY), generalizedTime(now + 3650 * DAY)),
    distinguishedName(subject),
    spki,
    context(3, sequence(...extensions), true),
  )
  const signature = bitString(sign('sha256', body, signer))
  return pem('CERTIFICATE', sequence(body, ECDSA_WITH_SHA256, signature))
}

const extension = (id: Buffer, critical: boolean, value: Buffer): Buffer =>
  sequence(id, ...(critical ? [boolean(true)] : []), octetString(value))

const distinguishedName = (commonName: string): Buffer =>
  sequence(set(sequence(objectIdentifier(0x55, 0x04, 0x03), utf8String(commonName))))

/** GeneralName: iPAddress or dNSName. */
function generalName(name: string): Buffer {
  const address = tryParseAddress(name)
  return address === undefined
    ? context(2, Buffer.from(name))
    : context(7, Buffer.from(addressToBytes(address)))
}

const keyIdOf = (spki: Buffer): Buffer => createHash('sha1').update(spki).digest()

const pemKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`
