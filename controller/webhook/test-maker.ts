import { makeAuthority, makeCertificate } from '#kube/test-certificates.ts'
import { AUTHORITY_NAME, type CertificateMaker, type ServingCertificate } from './certificate.ts'

/** For tests: certificates from 2020 to 2120, whatever the time is; `made` are all of them. */
export class TestMaker implements CertificateMaker {
  readonly made: ServingCertificate[] = []

  async make(names: readonly string[]): Promise<ServingCertificate> {
    const authority = makeAuthority(AUTHORITY_NAME)
    const { cert, key } = makeCertificate(authority, 'fairlead-webhook', names)
    const one = { cert, key, ca: authority.cert }
    this.made.push(one)
    return one
  }
}
