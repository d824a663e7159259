import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../source.ts'
import { timelineQuery, timelineSchema } from './schemas.ts'

/** `layer2/timeline`, of a process that announces. */
export function addLayer2Routes(server: FastifyInstance, { layer2Timeline }: AdminSource): void {
  if (layer2Timeline === undefined) return
  server.get<{ Querystring: { address?: string } }>(
    '/api/v1/layer2/timeline',
    {
      schema: {
        summary: 'What happened to an address on this node',
        querystring: timelineQuery,
        response: { 200: timelineSchema },
      },
    },
    ({ query }) => layer2Timeline(query.address),
  )
}
