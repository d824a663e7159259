import { X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import { makeAuthority, makeServerCertificate } from './certificate.ts'

it('makes a certificate that its authority vouches for, with names and addresses', () => {
  const now = Date.now()
  const authority = makeAuthority('an authority', now)
  const pair = makeServerCertificate(authority, 'server', ['localhost', '10.0.0.1', 'fd00::1'], now)
  const ca = new X509Certificate(authority.cert)
  const certificate = new X509Certificate(pair.cert)
  expect(ca.ca).toBe(true)
  expect(ca.verify(ca.publicKey)).toBe(true)
  expect(certificate.ca).toBe(false)
  expect(certificate.checkIssued(ca)).toBe(true)
  expect(certificate.verify(ca.publicKey)).toBe(true)
  expect(certificate.checkHost('localhost')).toBe('localhost')
  expect(certificate.checkIP('10.0.0.1')).toBe('10.0.0.1')
  expect(certificate.checkIP('fd00::1')).toBe('fd00::1')
  expect(certificate.checkIP('10.0.0.2')).toBeUndefined()
  expect(Date.parse(certificate.validFrom)).toBeLessThan(now)
  expect(Date.parse(certificate.validTo)).toBeGreaterThan(now)
})
