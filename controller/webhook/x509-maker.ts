// The library asks for decorator metadata before it is loaded.
import 'reflect-metadata'
import { randomBytes, type webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { AUTHORITY_NAME, type CertificateMaker } from './certificate.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const LIFE_MS = 90 * 24 * 3_600_000
/** Clocks of nodes differ. */
const EARLY_MS = 3_600_000

/** Certificates by the library @peculiar/x509: ECDSA with P-256 and SHA-256, valid for 90 days (RFC 5280). */
export const x509Maker: CertificateMaker = {
  async make(names, now) {
    const validity = { notBefore: new Date(now - EARLY_MS), notAfter: new Date(now + LIFE_MS) }
    const authorityKeys = await generateKeys()
    const authority = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity,
      serialNumber: serialNumber(),
      name: `CN=${AUTHORITY_NAME}`,
      keys: authorityKeys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
      ],
    })
    const keys = await generateKeys()
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity,
      serialNumber: serialNumber(),
      // RFC 5280 bounds a common name to 64 characters; the names are in the extension.
      subject: 'CN=fairlead-webhook',
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey: authorityKeys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
        await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
      ],
    })
    return {
      cert: pem(certificate),
      key: await privateKeyPem(keys.privateKey),
      ca: pem(authority),
    }
  },
}

/** `extractable`, because the key goes into the Secret that the replicas share. */
const generateKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

/** Positive and of 16 octets (RFC 5280 4.1.2.2). */
function serialNumber(): string {
  const octets = randomBytes(16)
  octets[0] = (octets[0] & 0x7f) | 0x01
  return octets.toString('hex')
}

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem').trim()}\n`

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const octets = await crypto.subtle.exportKey('pkcs8', key)
  return `${x509.PemConverter.encode(octets, 'PRIVATE KEY').trim()}\n`
}
