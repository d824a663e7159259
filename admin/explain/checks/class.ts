import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import { fail, ok, warn, type Check } from '../check.ts'
import { takenFrontends } from './frontends.ts'

/** Check 1: nothing else matters while the Service is another controller's. */
export const classCheck: Check = {
  id: 'class',
  question: 'Is the Service ours?',
  run(evidence) {
    const { key, service, loadBalancerClass, statusManagers = [] } = evidence
    if (service === undefined) {
      return fail(`there is no Service ${key}`, 'check the namespace and the name: kubectl get services -A')
    }
    const refusal = classRefusal(service, loadBalancerClass)
    if (refusal === 'NotLoadBalancer') {
      // Its frontends are ours to forward all the same, so what is wrong with them is told by the checks below.
      if (service.externalIPs.length > 0 || takenFrontends(evidence).length > 0) {
        return ok(`its type is ${service.type}: it is forwarded, and gets no address from a pool`)
      }
      return fail(`its type is ${service.type}`, 'set spec.type: LoadBalancer to get an external address')
    }
    if (refusal === 'ClassNotOurs') {
      const theirs =
        service.loadBalancerClass === undefined ? 'no class' : `class ${service.loadBalancerClass}`
      const ours = loadBalancerClass === '' ? 'Services without a class' : `class ${loadBalancerClass}`
      return fail(
        `it asks for ${theirs}, Fairlead serves ${ours}`,
        'create the Service again with the right spec.loadBalancerClass (it cannot be changed), or start Fairlead with --lb-class',
      )
    }
    if (statusManagers.length > 0) {
      return warn(
        `status.loadBalancer is also written by ${statusManagers.join(', ')}`,
        'run one load balancer controller only: two of them overwrite each other (k3s: --disable servicelb)',
      )
    }
    return ok(`type LoadBalancer, ${loadBalancerClass === '' ? 'no class' : `class ${loadBalancerClass}`}`)
  },
}
