import type { Service } from './service.ts'

/**
 * Is this Service for us? Of type LoadBalancer, and its class is the one we were told to serve, or it has none and
 * neither have we (KEP-1959; upstream's --lb-class).
 * @returns '' when it is, otherwise why not
 */
export function classRefusal(
  service: Service,
  loadBalancerClass: string,
): '' | 'NotLoadBalancer' | 'ClassNotOurs' {
  if (service.type !== 'LoadBalancer') return 'NotLoadBalancer'
  return (service.loadBalancerClass ?? '') === loadBalancerClass ? '' : 'ClassNotOurs'
}
