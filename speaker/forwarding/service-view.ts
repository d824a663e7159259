import type { Endpoint } from './service-ports.ts'
import type { Frontend } from './plan.ts'
import type { Planner } from './planner.ts'
import type { ForwardingServiceView, FrontendView } from './view.ts'

/** A Service as the admin API shows it; undefined when forwarding does not know it. */
export function serviceView(
  planner: Planner,
  key: string,
  programmed: boolean,
): ForwardingServiceView | undefined {
  const plan = planner.plan(key)
  if (plan === undefined) return undefined
  const conflicts = planner
    .conflicts(key)
    .map(({ frontend, holder }) => `${frontendText(frontend)} belongs to the older Service ${holder}`)
  const errors = [
    ...(plan.skipped === '' ? [] : [`not forwarded: ${plan.skipped}`]),
    ...(plan.affinity ? ['sessionAffinity ClientIP is not kept: each connection chooses anew'] : []),
    ...conflicts,
  ]
  return {
    key,
    programmed,
    frontends: plan.frontends.map(frontendView),
    error: errors.join('; '),
  }
}

function frontendView(frontend: Frontend): FrontendView {
  // With externalTrafficPolicy Local an external client meets the endpoints of this node only.
  const endpoints = frontend.local ?? frontend.endpoints
  return {
    kind: frontend.kind,
    address: frontend.address || '*',
    protocol: frontend.protocol,
    port: frontend.port,
    verdict: frontend.noEndpoints === '' ? 'forward' : frontend.noEndpoints,
    endpoints: endpoints.map((endpoint) => hostPort(endpoint)),
  }
}

const hostPort = ({ address, port }: Pick<Endpoint, 'address' | 'port'>): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const frontendText = (frontend: Frontend): string => {
  const { protocol, port, address } = frontend
  return address === '' ? `NodePort ${port}/${protocol}` : `${hostPort({ address, port })}/${protocol}`
}
