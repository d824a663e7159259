import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { answerProbe, type ProbeOptions } from './probes.ts'
import type { AdminOptions } from './server.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Probes and metrics alone. */
export function createProbeListener(probes: ProbeOptions): Server {
  return createServer((request, response) => {
    if (!answerProbe(probes, request, response)) refuse(response, 404, 'there are probes and metrics here')
  })
}

/**
 * Probes, metrics and the admin API. The API, with its framework, schemas and validators, takes 20 MB, so it is loaded
 * when somebody asks for the first time; kubelets and Prometheus never do.
 */
export function createAdminListener(options: AdminOptions): Server {
  let api: Promise<Handler> | undefined
  return createServer((request, response) => {
    if (answerProbe(options, request, response)) return
    api ??= loadApi(options)
    api.then(
      (handle) => handle(request, response),
      (error: unknown) => {
        // Not for ever: the next one may succeed.
        api = undefined
        refuse(response, 500, String(error))
      },
    )
  })
}

async function loadApi(options: AdminOptions): Promise<Handler> {
  const { createAdminServer } = await import('./server.ts')
  const server = await createAdminServer(options)
  await server.ready()
  return (request, response) => server.routing(request, response)
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const code = status === 404 ? 'FL_ADMIN_NOT_FOUND' : 'FL_ADMIN_INTERNAL'
  const text = JSON.stringify({ code, message })
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(text)
}
