import type { IncomingMessage, ServerResponse } from 'node:http'
import { aggregated, coreVersions, group, groupList, resourceList } from '../discovery/discovery.ts'
import type { JsonObject } from '../json.ts'
import { document, documentIndex, documentV2 } from '../openapi/document.ts'
import {
  badRequest,
  internalError,
  noSuchResource,
  notAcceptable,
  StatusError,
  unauthorized,
} from '../status.ts'
import { checkAccess } from './access.ts'
import { negotiate, type Form } from './accept.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import type { Faults } from './faults.ts'
import { includeObject } from './query.ts'
import { serveResource, setWarnings } from './resources.ts'
import { send, sendText } from './respond.ts'
import { resourcePath } from './route.ts'
import type { Services } from './services.ts'

const JSON_FORM: Form = { as: 'json' }

/** What `/version` says: the release whose behaviour is imitated. */
const VERSION = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3+fairlead-lab',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: process.version,
  compiler: 'node',
  platform: `${process.platform}/${process.arch}`,
}

/** Answers one request, whatever it is. Never rejects. */
export async function handle(
  services: Services,
  faults: Faults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(`https://server${request.url ?? '/'}`)
    if (/^\/(healthz|livez|readyz)(\/|$)/.test(url.pathname)) {
      sendText(response, 200, 'ok')
      return
    }
    const { delayMs, status } = faults.next()
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
    if (status !== undefined) {
      throw status === 500
        ? internalError('a fault of the lab')
        : new StatusError(status, 'Fault', 'a fault of the lab')
    }
    await answer(services, url, request, response)
  } catch (error) {
    fail(response, error)
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const status = error instanceof StatusError ? error : internalError(String(error))
  if (status.code === 429 || status.code === 503) response.setHeader('retry-after', '1')
  send(response, status.code, status.toStatus(), JSON_FORM)
}

async function answer(
  services: Services,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const user = token === undefined ? undefined : services.authenticator.authenticate(token)
  if (user === undefined) throw unauthorized()
  const { pathname: path, searchParams: query } = url
  // OpenAPI v2 is asked for as protobuf only, which this server does not speak: the client goes on without.
  const form = negotiate(request.headers.accept)
  if (form === undefined) throw notAcceptable(['application/json', 'application/yaml'])
  const body = await readBody(request)
  const include = includeObject(query)
  const exchange: Exchange = { request, response, user, path, query, body, form, include, warnings: [] }
  const segments = segmentsOf(path)
  const at = resourcePath(segments)
  if (services.enforce) checkAccess(services, exchange, at)
  if (at !== undefined) {
    try {
      serveResource(services, at, exchange)
    } catch (error) {
      // A refusal comes with the warnings, too.
      setWarnings(exchange)
      throw error
    }
    return
  }
  const found = request.method === 'GET' ? fixedDocument(services, segments, exchange) : undefined
  if (found === undefined) throw noSuchResource()
  const plain = form.as === 'discovery' && found.kind !== 'APIGroupDiscoveryList'
  send(response, 200, found, plain ? JSON_FORM : form)
}

function segmentsOf(path: string): string[] {
  try {
    return path
      .split('/')
      .filter((one) => one !== '')
      .map(decodeURIComponent)
  } catch {
    throw badRequest('the path is not encoded as a URL')
  }
}

/** Documents that are not resources: version, discovery and OpenAPI. */
function fixedDocument(
  { backend }: Services,
  segments: readonly string[],
  { form }: Exchange,
): JsonObject | undefined {
  const { types } = backend
  const [first, second, third] = segments
  switch (first) {
    case undefined:
      return {
        paths: ['/api', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
      }
    case 'version':
      return VERSION
    case 'api':
      if (second !== undefined) return resourceList(types, '', second)
      return form.as === 'discovery' ? aggregated(types, true, form.version) : coreVersions()
    case 'apis':
      if (third !== undefined) return resourceList(types, second!, third)
      if (second !== undefined) return group(types, second)
      return form.as === 'discovery' ? aggregated(types, false, form.version) : groupList(types)
    case 'openapi':
      if (second === 'v2') return documentV2(types)
      if (second !== 'v3') return undefined
      return third === undefined ? documentIndex(types) : document(types, segments.slice(2).join('/'))
    default:
      return undefined
  }
}
