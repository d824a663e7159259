import { cause, type Cause } from '../../status.ts'
import { isHeadless, needsHealthCheck, type ServiceObject } from './service.ts'

/** What may not change in an update: addresses, families, class, health check port. */
export function validateServiceChange(service: ServiceObject, old: ServiceObject): Cause[] {
  const { spec } = service
  const before = old.spec
  const causes: Cause[] = []
  if (spec.type !== 'ExternalName' && before.type !== 'ExternalName') {
    causes.push(...validateAddressChange(service, old), ...validateFamilyChange(service, old))
  }
  if (before.type === 'LoadBalancer' && spec.type === 'LoadBalancer') {
    if (spec.loadBalancerClass !== before.loadBalancerClass) {
      causes.push(cause.invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set'))
    }
  }
  if (needsHealthCheck(old) && needsHealthCheck(service)) {
    if (spec.healthCheckNodePort !== before.healthCheckNodePort) {
      causes.push(cause.forbidden('spec.healthCheckNodePort', 'field is immutable'))
    }
  }
  return causes
}

function validateAddressChange(service: ServiceObject, old: ServiceObject): Cause[] {
  if (isHeadless(service) && isHeadless(old)) return []
  const now = service.spec.clusterIPs ?? []
  const then = old.spec.clusterIPs ?? []
  const field = 'spec.clusterIPs'
  const causes: Cause[] = []
  if (then.length > 0 && now.length === 0) {
    causes.push(cause.invalid(`${field}[0]`, now, 'primary clusterIP can not be unset'))
  }
  const compared = now.length === then.length ? then.length : Math.min(1, now.length, then.length)
  for (let i = 0; i < compared; i += 1) {
    if (now[i] !== then[i]) causes.push(cause.invalid(`${field}[${i}]`, now, 'may not change once set'))
  }
  if (then.length === 2 && now.length === 1 && service.spec.ipFamilyPolicy !== 'SingleStack') {
    const why = "must be set to 'SingleStack' when releasing the secondary clusterIP"
    causes.push(cause.invalid('spec.ipFamilyPolicy', service.spec.ipFamilyPolicy, why))
  }
  return causes
}

function validateFamilyChange(service: ServiceObject, old: ServiceObject): Cause[] {
  // Headless Services may change their families.
  if (isHeadless(service) || isHeadless(old)) return []
  const now = service.spec.ipFamilies ?? []
  const then = old.spec.ipFamilies ?? []
  const compared = now.length === then.length ? then.length : Math.min(1, now.length, then.length)
  const causes: Cause[] = []
  for (let i = 0; i < compared; i += 1) {
    if (now[i] !== then[i]) causes.push(cause.invalid('spec.ipFamilies[0]', now, 'may not change once set'))
  }
  if (then.length === 2 && now.length === 1 && service.spec.ipFamilyPolicy !== 'SingleStack') {
    const why = "must be set to 'SingleStack' when releasing the secondary ipFamily"
    causes.push(cause.invalid('spec.ipFamilyPolicy', service.spec.ipFamilyPolicy, why))
  }
  return causes
}
