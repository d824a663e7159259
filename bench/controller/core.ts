import { Session } from '#controller/session.ts'
import { parseConfig } from '#crds/parse.ts'
import { projectService } from '#kube/objects/service.ts'

const USED = 65_000
const ROUNDS = 2000

/** Microseconds that each of many decisions takes for a new Service whose /16 pool has nearly all addresses in use. */
export function decideInFullPool(): number[] {
  const pool = { metadata: { name: 'p', namespace: 'n' }, spec: { addresses: ['10.64.0.0/16'] } }
  const rest = { l2Advertisements: [], bgpAdvertisements: [], peers: [], bfdProfiles: [], communities: [] }
  const { config } = parseConfig({ pools: [pool], ...rest })
  const session = new Session(
    '',
    config,
    [],
    [],
    Array.from({ length: USED }, (_one, index) => service(index)),
  )
  const samples: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const next = service(USED + round, false)
    const from = performance.now()
    session.decide(next)
    samples.push((performance.now() - from) * 1000)
    session.forget(`bench/s${USED + round}`)
  }
  return samples
}

const service = (index: number, assigned = true) =>
  projectService({
    metadata: { name: `s${index}`, namespace: 'bench', resourceVersion: '1', generation: 1 },
    spec: { type: 'LoadBalancer', clusterIPs: ['10.96.0.1'], ports: [{ port: 80, protocol: 'TCP' }] },
    status: assigned ? { loadBalancer: { ingress: [{ ip: `10.64.${index >> 8}.${index & 255}` }] } } : {},
  } as Parameters<typeof projectService>[0])
