import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../source.ts'
import { messagesSchema, peerQuery, routesSchema } from './schemas.ts'

/** `bgp/routes`, `bgp/messages`, `bfd/sessions`. */
export function addBgpRoutes(server: FastifyInstance, { bgp }: AdminSource): void {
  server.get<{ Querystring: { peer: string } }>(
    '/api/v1/bgp/routes',
    {
      schema: {
        summary: 'Adj-RIB-Out: what a peer has been sent, what waits, what cannot be sent',
        querystring: peerQuery,
        response: { 200: routesSchema },
      },
    },
    ({ query }) => bgp.routes(query.peer),
  )
  server.get<{ Querystring: { peer: string } }>(
    '/api/v1/bgp/messages',
    {
      schema: {
        summary: 'The last hundred messages of a session, both ways, in words',
        querystring: peerQuery,
        response: { 200: messagesSchema },
      },
    },
    ({ query }) => bgp.messages(query.peer),
  )
}
