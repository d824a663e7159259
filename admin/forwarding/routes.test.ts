import { connect, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FastifyInstance } from 'fastify'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import { service, slice } from '#speaker/forwarding/fixtures.ts'
import type { SpeakerView } from '#speaker/view.ts'
import { createAdminServer } from '../server.ts'
import { speakerSource } from '../speaker-source.ts'
import { TestForwarder } from './test-forwarder.ts'

let world: TestForwarder
let server: FastifyInstance
const slices: EndpointSlice[] = []

/** The parts of a speaker's view that forwarding and explain read. */
const view = (): SpeakerView =>
  ({
    node: 'node-1',
    forwarding: world.forwarder.view(),
    services: () => world.services,
    service: (key: string) => world.services.find(({ namespace, name }) => `${namespace}/${name}` === key),
    slices: () => slices,
    layer2: [],
    peers: [],
    problems: [],
    interfaces: [],
  }) as unknown as SpeakerView

beforeEach(async () => {
  world = new TestForwarder()
  world.put(
    service('web', { ingress: [{ ip: '1.2.3.4' }], external: 'Local' }),
    slice('web', [{ address: '10.180.1.9', node: 'node-2' }]),
  )
  world.put(
    service('late', {
      created: '2026-02-01T00:00:00Z',
      clusterIPs: ['172.30.0.9'],
      externalIPs: ['1.2.3.4'],
    }),
    slice('late', ['10.180.1.9']),
  )
  await world.start()
  server = await createAdminServer({
    ready: () => ({ ok: true, reason: '' }),
    metrics: async () => ({ text: '', contentType: 'text/plain' }),
    version: '1',
    source: speakerSource({ view, loadBalancerClass: '' }),
  })
})

afterEach(async () => {
  await server.close()
  await world.forwarder.stop()
})

const get = (path: string) => server.inject({ url: `/api/v1/${path}` })

test('trace', async () => {
  const answer = await get('forwarding/trace?from=203.0.113.2&to=1.2.3.4:80')
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({
    to: '1.2.3.4:80/tcp',
    verdict: 'drop',
    service: 'ns/web',
    frontend: 'LoadBalancer 1.2.3.4:80/tcp',
    endpoints: [],
    steps: expect.arrayContaining([
      { chain: expect.any(String), rule: expect.any(Number), text: expect.any(String) },
    ]),
  })
  const refused = await get('forwarding/trace?from=x&to=1.2.3.4:80')
  expect([refused.statusCode, refused.json().code]).toEqual([400, 'FL_ADMIN_ARGUMENT'])
})

test('dump', async () => {
  world.plane.meddle((elements) => elements[4]['drop-frontends'].clear())
  const answer = await get('forwarding/dump?differences=true')
  expect(answer.json()).toMatchObject({
    missing: 1,
    unplanned: 0,
    items: [
      {
        service: 'ns/web',
        differences: 1,
        elements: [{ mark: '+', collection: 'drop-frontends', frontend: '1.2.3.4:80/tcp', planned: '' }],
      },
    ],
  })
  const missing = await get('forwarding/dump?service=ns/no')
  expect([missing.statusCode, missing.json().code]).toEqual([404, 'FL_ADMIN_NOT_FOUND'])
})

test('a dump of many elements is whole, and ends when the client goes', async () => {
  const addresses = Array.from({ length: 1200 }, (_, at) => `10.181.${at >> 8}.${at & 255}`)
  world.put(service('large', { clusterIPs: ['172.30.0.70'] }), slice('large', addresses))
  await world.clock.advance(1)
  const answer = await get('forwarding/dump?service=ns/large')
  expect(answer.body.length).toBeGreaterThan(65_536)
  const { items, same } = answer.json() as {
    items: { service: string; elements: { more?: number }[] }[]
    same: number
  }
  expect(items.map(({ service }) => service)).toEqual(['ns/large'])
  expect(items[0].elements.reduce((sum, { more = 1 }) => sum + more, 0)).toBe(same)

  const listing = Promise.withResolvers<void>()
  const listed = Promise.withResolvers<void>()
  const list = world.plane.list.bind(world.plane)
  world.plane.list = () => (listing.resolve(), listed.promise.then(list))
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  const noticed = new Promise((resolve) =>
    server.server.once('connection', (socket) => socket.once('close', resolve)),
  )
  const client = connect(port, '127.0.0.1')
  const path = '/api/v1/forwarding/dump?service=ns/large'
  client.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
  await listing.promise
  client.destroy()
  await noticed
  listed.resolve()
  world.plane.list = list
  // Whoever asks next does not wait for ever for one that nobody reads.
  const next = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
  expect([next.status, ((await next.json()) as { same: number }).same]).toEqual([200, same])
})

test('status counts the Services', async () => {
  expect((await get('status')).json().forwarding).toMatchObject({
    mode: 'full',
    forwarding: true,
    synced: true,
    reason: '',
    services: 2,
    programmed: 2,
  })
})

test('explain: what a policy drops here, and what an older Service has', async () => {
  const checks = async (name: string, query = '') => {
    const { checks } = (await get(`services/ns/${name}/explain${query}`)).json() as {
      checks: { id: string; verdict: string; evidence: string }[]
    }
    return Object.fromEntries(checks.map(({ id, verdict, evidence }) => [id, [verdict, evidence]]))
  }
  expect(await checks('web')).toMatchObject({
    frontends: ['ok', expect.anything()],
    forwarding: ['ok', '2 addresses and ports are in the kernel of node-1'],
    'node-endpoints': ['warn', expect.stringContaining('externalTrafficPolicy is Local and node-1')],
  })
  expect(await checks('late')).toMatchObject({
    frontends: ['fail', 'ExternalIP 1.2.3.4:80/tcp belongs to the older Service ns/web'],
  })
})
