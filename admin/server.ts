import fastify, { type FastifyInstance } from 'fastify'
import swagger from '@fastify/swagger'
import type { SimulationRequest } from '#controller/simulate-request.ts'
import type { Authorizer } from './auth.ts'
import { addBgpRoutes } from './bgp/routes.ts'
import { addDashboard } from './dashboard/dashboard.ts'
import { AdminError } from './errors.ts'
import { explain } from './explain/explain.ts'
import { addForwardingRoutes } from './forwarding/routes.ts'
import { addLayer2Routes } from './layer2/routes.ts'
import { answerProbe, type ProbeOptions } from './probes.ts'
import {
  detailSchema,
  explainQuery,
  explanationSchema,
  listSchema,
  serviceParams,
  simulationRequest,
  simulationSchema,
} from './schemas.ts'
import type { AdminSource, DocumentList } from './source.ts'

export interface AdminOptions extends ProbeOptions {
  readonly version: string
  readonly source: AdminSource
  /** absent behind a Unix socket, where the file's mode decides */
  readonly authorize?: Authorizer
}

/** A configuration of thousands of objects; all other requests have no body. */
const SIMULATION_LIMIT = 4 * 2 ** 20

/** The whole admin API: probes, metrics, `/openapi.json`, and everything under `/api/v1`. */
export async function createAdminServer(options: AdminOptions): Promise<FastifyInstance> {
  const server = fastify({ logger: false, bodyLimit: 1024 })
  // Before any route: a plugin takes the error handler that stands when it is registered.
  server.setErrorHandler((error: Error & { statusCode?: number; code?: string }, _request, reply) =>
    reply
      .code(error.statusCode ?? 500)
      .send({ code: error.code ?? 'FL_ADMIN_INTERNAL', message: error.message }),
  )
  await server.register(swagger, {
    openapi: {
      info: {
        title: `Fairlead ${options.source.component}`,
        description: 'What this process knows, and the reason for whatever is not working. Read-only.',
        version: options.version,
      },
    },
  })
  addProbes(server, options)
  if (options.source.component === 'controller') addDashboard(server)
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger())
  await server.register((api, _options, done) => {
    addApi(api, options)
    done()
  })
  return server
}

function addProbes(server: FastifyInstance, probes: ProbeOptions): void {
  const add = (path: string, summary: string) => {
    const schema = { summary, response: { 200: { type: 'string' }, 503: { type: 'string' } } }
    server.get(path, { schema }, (request, reply) => {
      reply.hijack()
      answerProbe(probes, request.raw, reply.raw)
    })
  }
  add('/healthz', 'The process is alive')
  add('/readyz', 'The process does its work; 503 and the reason otherwise')
  add('/metrics', 'Prometheus metrics')
}

function addApi(server: FastifyInstance, { source, authorize }: AdminOptions): void {
  if (authorize !== undefined) {
    server.addHook('onRequest', (request) =>
      authorize(request.headers.authorization, request.url.split('?')[0]),
    )
  }
  const list = (path: string, summary: string, read: () => Promise<DocumentList>) =>
    server.get(path, { schema: { summary, response: { 200: listSchema } } }, read)

  const document = { response: { 200: detailSchema } }
  server.get('/api/v1/status', { schema: { summary: 'State of this process', ...document } }, () =>
    source.status(),
  )
  server.get(
    '/api/v1/config',
    { schema: { summary: 'Configuration in force, and its problems', ...document } },
    () => source.config(),
  )
  list('/api/v1/services', 'Services of type LoadBalancer', () => source.services())
  list('/api/v1/pools', 'Address pools and their use', () => source.pools())
  list('/api/v1/nodes', 'Nodes, and whether they may announce', () => source.nodes())
  list('/api/v1/layer2', 'Addresses announced by ARP and NDP, and who holds them', () => source.layer2())
  list('/api/v1/bgp/peers', 'BGP sessions', () => source.bgpPeers())
  list('/api/v1/bfd/sessions', 'BFD sessions, of BGP and of layer 2', () => source.bfdSessions())
  addBgpRoutes(server, source)
  list('/api/v1/forwarding/services', 'Frontends in the kernel', () => source.forwardingServices())
  addForwardingRoutes(server, source)
  addLayer2Routes(server, source)

  const one = { params: serviceParams }
  server.get<{ Params: { namespace: string; name: string } }>(
    '/api/v1/services/:namespace/:name',
    { schema: { summary: 'Everything about one Service', ...one, ...document } },
    async ({ params }) => {
      const key = `${params.namespace}/${params.name}`
      const found = await source.service(key)
      if (found === undefined) throw new AdminError('FL_ADMIN_NOT_FOUND', 404, `there is no Service ${key}`)
      return found
    },
  )
  server.get<{ Params: { namespace: string; name: string }; Querystring: { client?: string } }>(
    '/api/v1/services/:namespace/:name/explain',
    {
      schema: {
        summary: 'Why does its address not work?',
        ...one,
        querystring: explainQuery,
        response: { 200: explanationSchema },
      },
    },
    async ({ params, query }) =>
      explain(await source.evidence(`${params.namespace}/${params.name}`, query.client)),
  )
  const { simulate } = source
  if (simulate === undefined) return
  server.post<{ Body: SimulationRequest }>(
    '/api/v1/simulate',
    {
      bodyLimit: SIMULATION_LIMIT,
      schema: {
        summary: 'Which Services would move, lose or gain an address? Changes nothing',
        body: simulationRequest,
        response: { 200: simulationSchema },
      },
    },
    ({ body }) => simulate(body),
  )
}
