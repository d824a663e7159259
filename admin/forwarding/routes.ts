import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { AdminSource, DocumentStream } from '../source.ts'
import type { DumpQuery } from './dump-source.ts'
import { dumpQuery, dumpSchema, traceQuery, traceSchema } from './schemas.ts'
import type { TraceQuery } from './trace-query.ts'

/** `forwarding/trace` and `forwarding/dump`. */
export function addForwardingRoutes(server: FastifyInstance, source: AdminSource): void {
  server.get<{ Querystring: TraceQuery }>(
    '/api/v1/forwarding/trace',
    {
      schema: {
        summary: 'What a packet would meet on this node',
        querystring: traceQuery,
        response: { 200: traceSchema },
      },
    },
    ({ query }) => source.forwardingTrace(query),
  )
  server.get<{ Querystring: DumpQuery }>(
    '/api/v1/forwarding/dump',
    {
      schema: {
        summary: 'The plan and the kernel side by side',
        querystring: dumpQuery,
        response: { 200: dumpSchema },
      },
    },
    async ({ query }, reply) => {
      const stream = await source.forwardingDump(query)
      return reply.type('application/json').send(Readable.from(pieces(stream)))
    },
  )
}

/** One JSON document, a Service at a time: with ten thousand of them it is megabytes. */
function* pieces({ head, items }: DocumentStream): Generator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"items":[`
  let first = true
  for (const item of items) {
    yield `${first ? '' : ','}${JSON.stringify(item)}`
    first = false
  }
  yield ']}'
}
