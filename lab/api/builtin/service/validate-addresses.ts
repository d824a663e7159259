import { tryParseAddress } from '#inet/address.ts'
import { validateIP } from '../ip-rules.ts'
import { cause, type Cause } from '../../status.ts'
import type { ServiceSpec } from './service.ts'

const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack']

/** ValidateServiceClusterIPsRelatedFields: addresses, families and policy against each other. */
export function validateClusterIPs(spec: ServiceSpec): Cause[] {
  if (spec.type === 'ExternalName') return []
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec
  const causes: Cause[] = []
  const field = 'spec.clusterIPs'
  if (clusterIP && clusterIPs.length === 0) causes.push(cause.required(field))
  else if (clusterIP && clusterIPs[0] !== clusterIP) {
    causes.push(cause.invalid(field, clusterIPs, 'first value must match `clusterIP`'))
  } else if (!clusterIP && clusterIPs.length > 0) {
    causes.push(cause.invalid(field, clusterIPs, 'must be empty when `clusterIP` is not specified'))
  }
  ipFamilies.forEach((family, i) => {
    if (family !== 'IPv4' && family !== 'IPv6') {
      causes.push(cause.unsupported(`spec.ipFamilies[${i}]`, family, ['IPv4', 'IPv6']))
    }
    if (ipFamilies.indexOf(family) < i) causes.push(cause.duplicate(`spec.ipFamilies[${i}]`, family))
  })
  if (ipFamilyPolicy !== undefined && !POLICIES.includes(ipFamilyPolicy)) {
    causes.push(cause.unsupported('spec.ipFamilyPolicy', ipFamilyPolicy, POLICIES))
  }
  const wrong = validateEach(clusterIPs, field)
  causes.push(...wrong)
  if (clusterIPs.length > 2) causes.push(cause.invalid(field, clusterIPs, 'may only hold up to 2 values'))
  if (wrong.length > 0) return causes
  return [...causes, ...validateFamilies(clusterIPs, ipFamilies, field)]
}

function validateEach(clusterIPs: readonly string[], field: string): Cause[] {
  return clusterIPs.flatMap((address, i) => {
    if (i === 0 && address === 'None') {
      return clusterIPs.length > 1
        ? [cause.invalid(field, clusterIPs, "'None' must be the first and only value")]
        : []
    }
    return validateIP(`${field}[${i}]`, address)
  })
}

function validateFamilies(
  clusterIPs: readonly string[],
  ipFamilies: readonly string[],
  field: string,
): Cause[] {
  const families = clusterIPs.map((address) => tryParseAddress(address)?.family)
  const causes: Cause[] = []
  if (families.length > 1 && families[0] === families[1]) {
    causes.push(cause.invalid(field, clusterIPs, 'may specify no more than one IP for each IP family'))
  }
  families.forEach((family, i) => {
    const wanted = ipFamilies[i]
    if (family === undefined || wanted === undefined || wanted === `IPv${family}`) return
    const article = `expected an ${wanted} value as indicated by \`ipFamilies[${i}]\``
    causes.push(cause.invalid(`${field}[${i}]`, clusterIPs[i], article))
  })
  return causes
}
