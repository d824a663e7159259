import { tryParseAddress } from '#inet/address.ts'
import { fail, ok, unknown, warn, type Check } from '../check.ts'
import { addressElsewhere } from './elsewhere.ts'

const word = { 4: 'IPv4', 6: 'IPv6' } as const

/** Check 4: what the Service wants of IPv4 and IPv6 must be what the pools have. */
export const familiesCheck: Check = {
  id: 'families',
  question: 'Are its address families consistent?',
  run(evidence) {
    const { service, allocation, pools } = evidence
    if (service === undefined) return unknown('there is no Service')
    const elsewhere = addressElsewhere(evidence)
    if (elsewhere !== undefined) return elsewhere
    const wanted = familiesOf(service.clusterIPs)
    if (wanted.length === 0) {
      return fail(
        'it has no cluster IP, which decides the families of its address',
        'a headless Service (clusterIP: None) gets no external address',
      )
    }
    if (service.ipFamilyPolicy === 'RequireDualStack' && wanted.length < 2) {
      return fail(
        'it requires dual stack but has one cluster IP',
        'give the cluster two service CIDRs, or change ipFamilyPolicy',
      )
    }
    if (pools === undefined || allocation === undefined) return unknown('only the controller knows the pools')
    const missing = wanted.filter((family) => !pools.some(({ families }) => families.includes(family)))
    const text = missing.map((family) => word[family]).join(' and ')
    if (
      missing.length === wanted.length ||
      (missing.length > 0 && service.ipFamilyPolicy === 'RequireDualStack')
    ) {
      return fail(`it needs ${text}, and no pool has any`, `add ${text} addresses to a pool`)
    }
    if (missing.length > 0)
      return warn(`no pool has ${text}`, `add ${text} addresses to a pool for dual stack`)
    const given = familiesOf(allocation.addresses)
    if (given.length > 0 && given.length < wanted.length) {
      return warn(
        `it wants ${wanted.map((one) => word[one]).join(' and ')} and has ${given.map((one) => word[one]).join()}`,
        'put both families into one pool',
      )
    }
    return ok(`${wanted.map((family) => word[family]).join(' and ')}, ${service.ipFamilyPolicy}`)
  },
}

const familiesOf = (texts: readonly string[]): (4 | 6)[] =>
  [...new Set(texts.flatMap((text) => tryParseAddress(text)?.family ?? []))].sort()
