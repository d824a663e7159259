import { formatAddress } from '#inet/address.ts'
import { formatRange } from '#inet/range.ts'
import { keyOf } from '#kube/api.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Controller } from './controller.ts'
import { POOL_ANNOTATION } from './request.ts'
import { Session } from './session.ts'
import { simulateRequest } from './simulate-request.ts'
import { ADDRESS_ASSIGNED } from './status-patch.ts'
import type { ControllerView, PoolView, ServiceView } from './view.ts'

/** What the controller knows, as the admin API reads it. Cheap while leading; a replica that stands by computes. */
export function viewOf(
  controller: Controller,
  identity: string,
  leader: boolean,
  loadBalancerClass: string,
): ControllerView {
  const { inputs, session } = controller
  const { config, problems } = inputs.config
  return {
    identity,
    leader,
    synced: inputs.missing.length === 0,
    apiContact: inputs.lastContact(),
    loadBalancerClass,
    config,
    problems,
    get pools() {
      return poolViews(controller, loadBalancerClass)
    },
    namespaces: inputs.namespaces.store,
    *services() {
      for (const service of inputs.services.store.values())
        yield serviceView(service, session, loadBalancerClass)
    },
    service(key) {
      const service = inputs.services.store.get(key)
      return service === undefined ? undefined : serviceView(service, session, loadBalancerClass)
    },
    simulate: (request) =>
      simulateRequest(request, {
        objects: inputs.config.objects(),
        now: { config, problems, reservations: [...inputs.reservations.store.values()] },
        namespace: controller.namespace,
        services: [...inputs.services.store.values()],
        namespaces: inputs.namespaces.store.values(),
        loadBalancerClass,
      }),
  }
}

function poolViews({ inputs, session }: Controller, loadBalancerClass: string): PoolView[] {
  const { config, problems } = inputs.config
  // Who stands by has allocated nothing and counts what the Services say.
  const counted =
    session ??
    new Session(
      loadBalancerClass,
      config,
      problems,
      inputs.namespaces.store.values(),
      [...inputs.services.store.values()],
      [...inputs.reservations.store.values()],
    )
  return config.pools.map(({ name, ranges, excludes = [], autoAssign }) => {
    const none = { v4: 0n, v6: 0n }
    const { capacity, assigned } = counted.counts(name) ?? { capacity: none, assigned: none }
    const texts = { ranges: ranges.map(formatRange), excludes: excludes.map(formatRange) }
    return { name, ...texts, autoAssign, capacity, assigned }
  })
}

function serviceView(service: Service, session: Session | undefined, loadBalancerClass: string): ServiceView {
  const notOurs = classRefusal(service, loadBalancerClass)
  if (notOurs !== '')
    return { service, ours: false, addresses: [], pool: '', reason: notOurs, message: '', considered: [] }
  const decision = session?.outcome(keyOf(service))
  if (decision !== undefined) {
    const { addresses, pool, reason, message } = decision
    const chosen = pool.split(',').map((name) => ({ pool: name, refused: '' }))
    const considered = pool === '' || decision.considered.length > 0 ? decision.considered : chosen
    return { service, ours: true, addresses: addresses.map(formatAddress), pool, reason, message, considered }
  }
  // Not decided here: what the Service says of itself.
  const condition = service.conditions.find(({ type }) => type === ADDRESS_ASSIGNED)
  return {
    service,
    ours: true,
    addresses: service.ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    pool: service.annotations[POOL_ANNOTATION] ?? '',
    reason: condition?.reason ?? 'Pending',
    message: condition?.message ?? 'not yet decided',
    considered: [],
  }
}
