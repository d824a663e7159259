import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
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
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const found = await source.forwardingDump(query, gone.signal)
      return reply.type('application/json').send(bodyOf(found, gone.signal))
    },
  )
}

/** A client that takes nothing for so long does not keep others waiting. */
const STALLED_MS = 30_000

/** About so many characters are made before others work. */
const PIECE = 65_536

function bodyOf(found: DocumentStream, gone: AbortSignal): Readable {
  const stalled = setTimeout(() => body.destroy(new Error('the client takes nothing')), STALLED_MS)
  stalled.unref()
  const body = Readable.from(pieces(found, () => stalled.refresh()))
  body.once('close', () => {
    clearTimeout(stalled)
    found.close()
  })
  if (gone.aborted) body.destroy()
  else gone.addEventListener('abort', () => body.destroy(), { once: true })
  return body
}

/** One JSON document, some elements at a time: with ten thousand Services, or one of many slots, it is megabytes. */
async function* pieces({ head, items }: DocumentStream, taken: () => void): AsyncGenerator<string> {
  let text = `${JSON.stringify(head).slice(0, -1)},"items":[`
  let firstItem = true
  for (const item of items) {
    text += `${firstItem ? '' : ','}${JSON.stringify(item.head).slice(0, -1)},"elements":[`
    firstItem = false
    let firstElement = true
    for (const element of item.elements) {
      text += `${firstElement ? '' : ','}${JSON.stringify(element)}`
      firstElement = false
      if (text.length < PIECE) continue
      yield text
      text = ''
      taken()
      await setImmediate()
    }
    text += ']}'
  }
  yield `${text}]}`
}
