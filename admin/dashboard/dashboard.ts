import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'

/** Path, file and content type of everything the dashboard consists of. */
const files = [
  ['/', new URL('index.html', import.meta.url), 'text/html; charset=utf-8'],
  ['/dashboard/style.css', new URL('style.css', import.meta.url), 'text/css; charset=utf-8'],
  ['/dashboard/page.js', new URL('page.js', import.meta.url), 'text/javascript; charset=utf-8'],
] as const

/** Only our own files run and only our own API is asked, whatever a name in the cluster may contain. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Serves the dashboard: static files over the API of the same server. */
export function addDashboard(server: FastifyInstance): void {
  for (const [path, file, type] of files) {
    const content = readFileSync(file)
    server.get(path, { schema: { hide: true } }, (_request, reply) =>
      reply
        .type(type)
        .header('content-security-policy', POLICY)
        .header('x-content-type-options', 'nosniff')
        .send(content),
    )
  }
}
