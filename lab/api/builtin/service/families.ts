import { tryParseAddress } from '#inet/address.ts'
import { cause, type Cause } from '../../status.ts'
import { equalJson } from '../../json.ts'
import { validateClusterIPs } from './validate-addresses.ts'
import type { IpFamily, ServiceObject, ServiceSpec } from './service.ts'

interface ClusterFamilies {
  readonly configured: readonly IpFamily[]
  readonly first: IpFamily
}

/**
 * Is this an update of a PreferDualStack Service that does not touch its families? Such a Service is neither
 * upgraded nor downgraded when the cluster's families change.
 */
export function keepsDualStack({ spec }: ServiceObject, old: ServiceObject): boolean {
  const before = old.spec
  return (
    before.type === spec.type &&
    (spec.ipFamilyPolicy ?? before.ipFamilyPolicy) === 'PreferDualStack' &&
    before.ipFamilyPolicy === 'PreferDualStack' &&
    equalJson(spec.clusterIPs, before.clusterIPs) &&
    equalJson(spec.ipFamilies, before.ipFamilies)
  )
}

/**
 * Fills in `ipFamilyPolicy` and `ipFamilies` from the addresses, the old Service and the cluster: the storage's
 * initIPFamilyFields.
 */
export function initFamilies(
  service: ServiceObject,
  old: ServiceObject | undefined,
  cluster: ClusterFamilies,
): Cause[] {
  const { spec } = service
  if (spec.type === 'ExternalName') return []
  const headlessWithoutSelector = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0
  spec.ipFamilyPolicy ??=
    old?.spec.ipFamilyPolicy ?? (headlessWithoutSelector ? 'RequireDualStack' : 'SingleStack')
  const early = validateClusterIPs(spec)
  if (early.length > 0) return early

  const causes = old === undefined ? [] : fitToOld(spec, old.spec)
  if (spec.ipFamilyPolicy === 'SingleStack') causes.push(...tooManyForSingleStack(spec))
  causes.push(...inferFamilies(spec, cluster))
  if (causes.length > 0) return causes

  if (headlessWithoutSelector) {
    spec.ipFamilies = completed(spec.ipFamilies ?? [], spec.ipFamilyPolicy, cluster.first, true)
    return []
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && cluster.configured.length < 2) {
    const why = 'this cluster is not configured for dual-stack services'
    causes.push(cause.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why))
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (!cluster.configured.includes(family)) {
      causes.push(cause.invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'))
    }
  }
  if (causes.length > 0) return causes
  const dual = cluster.configured.length === 2
  spec.ipFamilies = completed(spec.ipFamilies ?? [], spec.ipFamilyPolicy, cluster.first, dual)
  return []
}

/** A change to single stack gives the second family up; any other reduction is an error. */
function fitToOld(spec: ServiceSpec, before: ServiceSpec): Cause[] {
  const causes: Cause[] = []
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (equalJson(spec.clusterIPs, before.clusterIPs)) spec.clusterIPs = (spec.clusterIPs ?? []).slice(0, 1)
    if (equalJson(spec.ipFamilies, before.ipFamilies)) spec.ipFamilies = (spec.ipFamilies ?? []).slice(0, 1)
    return causes
  }
  const reduced = (now: readonly string[] = [], then: readonly string[] = []) =>
    now.length > 0 && now.length < then.length
  const field = 'spec.ipFamilyPolicy'
  if (reduced(spec.clusterIPs, before.clusterIPs)) {
    const why = "must be 'SingleStack' to release the secondary cluster IP"
    causes.push(cause.invalid(field, spec.ipFamilyPolicy, why))
  }
  if (reduced(spec.ipFamilies, before.ipFamilies)) {
    const why = "must be 'SingleStack' to release the secondary IP family"
    causes.push(cause.invalid(field, spec.ipFamilyPolicy, why))
  }
  return causes
}

function tooManyForSingleStack(spec: ServiceSpec): Cause[] {
  const why = (what: string) =>
    `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
  const causes: Cause[] = []
  if ((spec.clusterIPs ?? []).length === 2) {
    causes.push(cause.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why('cluster IPs')))
  }
  if ((spec.ipFamilies ?? []).length === 2) {
    causes.push(cause.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why('IP families')))
  }
  return causes
}

/** An address that the client chose says its family. */
function inferFamilies(spec: ServiceSpec, cluster: ClusterFamilies): Cause[] {
  const causes: Cause[] = []
  for (const [i, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === 'None') break
    const family: IpFamily = tryParseAddress(address)?.family === 6 ? 'IPv6' : 'IPv4'
    if (i < (spec.ipFamilies ?? []).length) continue
    if (cluster.configured.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family]
    else {
      const why = `${family} is not configured on this cluster`
      causes.push(cause.invalid(`spec.clusterIPs[${i}]`, spec.clusterIPs, why))
    }
  }
  return causes
}

function completed(
  families: readonly IpFamily[],
  policy: string,
  first: IpFamily,
  dual: boolean,
): IpFamily[] {
  const own = families.length === 0 ? [first] : [...families]
  if (policy !== 'SingleStack' && own.length === 1 && dual) own.push(own[0] === 'IPv4' ? 'IPv6' : 'IPv4')
  return own
}
