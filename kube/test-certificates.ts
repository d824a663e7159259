import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate and its key, as PEM. */
export interface TestCertificate {
  readonly name: string
  readonly cert: string
  readonly key: string
  readonly privateKey: KeyObject
}

/** A certificate authority for tests. */
export const makeAuthority = (name: string): TestCertificate => make(name)

/** A certificate for a server (`names`: host names and IPv4 addresses) or a client (`name` is its user). */
export const makeCertificate = (
  issuer: TestCertificate,
  name: string,
  names: readonly string[] = [],
): TestCertificate => make(name, issuer, names)

// X.509 v3 (RFC 5280 section 4.1) in DER, P-256 with SHA-256.
function make(name: string, issuer?: TestCertificate, names: readonly string[] = []): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const serial = randomBytes(8)
  serial[0] = (serial[0]! & 0x7f) | 0x01
  const extensions = [
    sequence(oid(0x55, 0x1d, 0x13), octets(issuer ? sequence() : sequence(der(0x01, Buffer.from([0xff]))))),
    ...(names.length > 0
      ? [sequence(oid(0x55, 0x1d, 0x11), octets(sequence(...names.map(generalName))))]
      : []),
  ]
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    commonName(issuer?.name ?? name),
    sequence(generalizedTime('20200101000000Z'), generalizedTime('21200101000000Z')),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey)
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.of(0), signature])))
  const base64 = whole
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')
  return {
    name,
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    privateKey,
  }
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, Buffer.concat(parts))
const oid = (...bytes: number[]): Buffer => der(0x06, Buffer.from(bytes))
const octets = (content: Buffer): Buffer => der(0x04, content)
const generalizedTime = (text: string): Buffer => der(0x18, Buffer.from(text))
const commonName = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))))
const generalName = (name: string): Buffer =>
  isIP(name) === 4 ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name))
