import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { cleanup, must, until } from '../../test/netns.ts'
import { service, slice } from './fixtures.ts'
import type { Forwarder } from './forwarder.ts'
import { a, buildLab, kinds, ports, targets, type Lab } from './packet-lab.ts'

/** Packets to an address that a Service had, where a router still sends them to this node. */

/** How long nothing must come for a packet to count as lost. */
const SILENCE = 300

let lab: Lab
let forwarder: Forwarder

const vips = { 4: '203.0.113.1', 6: 'fd00:99::1' }

beforeAll(async () => {
  lab = await buildLab('vac')
})

beforeEach(async () => {
  await must(lab.node, 'nft', ['flush', 'ruleset'])
  forwarder = await lab.start()
  return () => forwarder.stop()
})

afterAll(cleanup)

const set = async (there: boolean) => {
  const made = service('s', {
    clusterIPs: ['10.96.0.1', 'fd00:96::1'],
    ports,
    ingress: Object.values(vips).map((ip) => ({ ip })),
  })
  const slices = [slice('s', [a], targets), slice('s', [{ ...a, address: 'fd00:1:1::2' }], targets)]
  forwarder.setService('ns/s', there ? made : undefined, there ? slices : [])
  await forwarder.sync()
  expect(forwarder.view().lastError).toBeUndefined()
}

const returned = async () => {
  const plane = lab.plane()
  const { returned } = await plane.counters()
  plane.close()
  return returned
}

test.each([4, 6] as const)(
  'IPv%i: what came from the router is refused and not sent back',
  async (family) => {
    const { client, b } = lab.agents
    const vip = vips[family]
    await set(true)
    expect((await client.ask('tcp', vip, 80))[0]).toMatch(/^a /)
    await set(false)
    // The node's way to the address is by the very network from which the client's packets come.
    expect(await kinds(client.ask('tcp', vip, 80))).toEqual(['EHOSTUNREACH'])
    const before = await returned()
    expect(before).toBeGreaterThan(0)
    // A pod's packets go to wherever the address is now; nobody is there.
    const [answer] = await b.ask('tcp', vip, 80, 1, SILENCE)
    expect(['timeout', 'EHOSTUNREACH']).toContain(answer)
    expect(await returned()).toBe(before)
    await set(true)
    expect((await client.ask('tcp', vip, 80))[0]).toMatch(/^a /)
  },
)

test.each([4, 6] as const)(
  'IPv%i: who has the address now is reached by pods and from elsewhere',
  async (family) => {
    const vip = vips[family]
    const [ip, next] = family === 4 ? [['-4'], '192.168.0.9'] : [['-6'], 'fd00:2::9']
    await set(true)
    await set(false)
    await must(lab.client, 'ip', ['addr', 'add', `${vip}/${family === 4 ? 32 : 128}`, 'dev', 'lo'])
    await must(lab.node, 'ip', [...ip, 'route', 'add', vip, 'via', next])
    for (const agent of [lab.agents.b, lab.agents.blocked, lab.agents.node]) {
      await until('an answer of the other machine', async () => {
        const [answer] = await agent.ask('tcp', vip, 8080, 1, 1000)
        return answer.startsWith('client ') ? true : undefined
      })
    }
    // Its own network is another matter: what would go back there is refused as long as it may be a loop.
    await must(lab.node, 'ip', [...ip, 'route', 'del', vip])
    await must(lab.client, 'ip', ['addr', 'del', `${vip}/${family === 4 ? 32 : 128}`, 'dev', 'lo'])
  },
)
