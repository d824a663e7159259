import { expect, test } from 'vitest'
import type { SpeakerView } from '#speaker/view.ts'
import type { WireAnswer } from '#speaker/wire/protocol.ts'
import { bgpSource } from './source.ts'

const sourceOf = (answer: WireAnswer | undefined) =>
  bgpSource(
    () =>
      ({
        node: 'node1',
        peers: [{ peer: { name: 'tor-1' } }],
        ask: async () => answer,
      }) as unknown as SpeakerView,
  )

test('what the wire thread answers', async () => {
  const routes = [{ prefix: '192.0.2.1/32', state: 'sent' as const }]
  const source = sourceOf({ about: 'routes', routes, total: 1 })
  expect(await source.routes('tor-1')).toEqual({ node: 'node1', peer: 'tor-1', total: 1, items: routes })
  const message = { at: 5, direction: 'in' as const, octets: 19, text: 'KEEPALIVE' }
  const log = sourceOf({ about: 'messages', messages: [message] })
  expect(await log.messages('tor-1')).toEqual({ node: 'node1', peer: 'tor-1', items: [message] })
})

test('a peer that is not there, and a thread that does not answer', async () => {
  await expect(sourceOf({ about: 'nobody' }).routes('tor-2')).rejects.toMatchObject({
    statusCode: 404,
    message: 'node1 has no BGP peer tor-2: its peers are tor-1',
  })
  await expect(sourceOf(undefined).messages('tor-1')).rejects.toMatchObject({ statusCode: 503 })
})
