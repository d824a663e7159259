import { createPrivateKey, X509Certificate } from 'node:crypto'

/** A certificate for a TLS server with its key, and the authorities that clients should trust, all as PEM. */
export interface ServingCertificate {
  readonly cert: string
  readonly key: string
  /** one or more certificates; the first is the issuer of `cert` */
  readonly ca: string
}

/** Makes a certificate for these host names, with an authority of its own whose key is thrown away. */
export interface CertificateMaker {
  /** @param now epoch milliseconds */
  make(names: readonly string[], now: number): Promise<ServingCertificate>
}

/** Common name of the authorities that a CertificateMaker makes. */
export const AUTHORITY_NAME = 'fairlead-webhook-ca'

/** good: may be served; due: may be served, and it is time for another one; unusable: may not be served */
export type CertificateState = 'good' | 'due' | 'unusable'

/** Judges what was found somewhere: nothing about it is trusted. */
export function certificateState(
  { cert, key, ca }: ServingCertificate,
  names: readonly string[],
  now: number,
): CertificateState {
  try {
    const leaf = new X509Certificate(cert)
    const issuer = new X509Certificate(splitBundle(ca)[0] ?? '')
    const [from, to] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)]
    const fits =
      leaf.checkPrivateKey(createPrivateKey(key)) &&
      leaf.checkIssued(issuer) &&
      leaf.verify(issuer.publicKey) &&
      names.every((name) => leaf.checkHost(name) !== undefined)
    if (!fits || now < from || now >= to || now >= Date.parse(issuer.validTo)) return 'unusable'
    return now >= from + ((to - from) * 2) / 3 ? 'due' : 'good'
  } catch {
    return 'unusable'
  }
}

/** The certificates of a PEM file, each as PEM. */
export const splitBundle = (pem: string): string[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map((one) => `${one}\n`)

/** At most this many authorities in a bundle: the present one, and those before it. */
const BUNDLE_LIMIT = 3

/**
 * A bundle with all of `wanted` first, then what is in `present` of our own former authorities that have not expired:
 * a replica that still serves the certificate before goes on being trusted.
 */
export function mergeBundles(wanted: string, present: string, now: number): string {
  const first = splitBundle(wanted)
  const kept = splitBundle(present).filter((one) => !first.includes(one) && isFormerAuthority(one, now))
  return [...first, ...kept].slice(0, BUNDLE_LIMIT).join('')
}

function isFormerAuthority(pem: string, now: number): boolean {
  try {
    const { subject, validTo } = new X509Certificate(pem)
    return subject === `CN=${AUTHORITY_NAME}` && Date.parse(validTo) > now
  } catch {
    return false
  }
}

/** Does a bundle have all authorities of another one? */
export function containsBundle(bundle: string, wanted: string): boolean {
  const present = new Set(splitBundle(bundle))
  return splitBundle(wanted).every((one) => present.has(one))
}
