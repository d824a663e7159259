import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import { ok, unknown, type Finding } from '../check.ts'
import type { Evidence } from '../evidence.ts'

/** What the checks of its address find for a Service that gets none from us; undefined for those that may get one. */
export function addressElsewhere({
  service,
  loadBalancerClass,
}: Pick<Evidence, 'service' | 'loadBalancerClass'>): Finding | undefined {
  if (service === undefined) return undefined
  switch (classRefusal(service, loadBalancerClass)) {
    case 'NotLoadBalancer':
      return ok(`its type is ${service.type}: it gets no address of its own`)
    case 'ClassNotOurs':
      return unknown('its address is for another controller to give')
    default:
      return undefined
  }
}
