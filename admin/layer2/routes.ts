import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../source.ts'
import { timelineQuery, timelineSchema } from './schemas.ts'

/** `layer2/timeline`. */
export function addLayer2Routes(server: FastifyInstance, source: AdminSource): void {
  server.get<{ Querystring: { address?: string } }>(
    '/api/v1/layer2/timeline',
    {
      schema: {
        summary: 'What happened to an address on this node',
        querystring: timelineQuery,
        response: { 200: timelineSchema },
      },
    },
    ({ query }) => source.layer2Timeline(query.address),
  )
}
