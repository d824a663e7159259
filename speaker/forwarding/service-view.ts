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
    ...named(planner.problems(key)),
    ...conflicts,
  ]
  return {
    key,
    programmed,
    frontends: plan.frontends.map(frontendView),
    error: errors.join('; '),
  }
}

const NAMED_PROBLEMS = 5

/** The first few; a slice may hold a hundred bad ports. */
const named = (problems: readonly string[]): readonly string[] => {
  const more = problems.length - NAMED_PROBLEMS
  return more > 0 ? [...problems.slice(0, NAMED_PROBLEMS), `and ${more} more`] : problems
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
