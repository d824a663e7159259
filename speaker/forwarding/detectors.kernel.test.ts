import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cleanup, must, run } from '../../test/netns.ts'
import type { LocalDetector } from './config.ts'
import { service, slice } from './fixtures.ts'
import type { Forwarder } from './forwarder.ts'
import { a, base, buildLab, c, kinds, targets, type Lab } from './packet-lab.ts'

/** Pods that are known by the interface they come in by: `pod-a`, `pod-b`, `pod-c`. */

let lab: Lab

beforeAll(async () => {
  lab = await buildLab('det')
})

beforeEach(async () => {
  await must(lab.node, 'nft', ['flush', 'ruleset'])
  await run(lab.node, 'conntrack', ['-F'])
})

afterAll(cleanup)

const serve = async (forwarder: Forwarder, external: 'Local' | 'Cluster' = 'Cluster') => {
  await run(lab.node, 'conntrack', ['-F'])
  forwarder.setService('ns/s', service('s', { ...base, external }), [slice('s', [a, c], targets)])
  await forwarder.sync()
  expect(forwarder.view().lastError).toBeUndefined()
}

const prefix: LocalDetector = { by: 'interface-prefix', prefix: 'pod-' }
const bridge: LocalDetector = { by: 'bridge', name: 'pod-b' }

describe.each([
  ['interface prefix', prefix, 'c 10.1.1.2'],
  ['bridge', bridge, 'c 10.1.3.1'],
] as const)('%s', (_, detector, another) => {
  test('a pod keeps its address towards a ClusterIP, whoever else asks does not', async () => {
    const forwarder = await lab.start({ detector })
    await serve(forwarder)
    const { a: other, b, client, node } = lab.agents
    expect(await kinds(b.ask('tcp', '10.96.0.1', 80, 20))).toEqual(['a 10.1.2.2', 'c 10.1.2.2'])
    expect(await kinds(client.ask('tcp', '10.96.0.1', 80, 20))).toEqual(['a 10.1.1.1', 'c 10.1.3.1'])
    expect(await kinds(node.ask('tcp', '10.96.0.1', 80, 20))).toEqual(['a 10.1.1.1', 'c 10.1.3.1'])
    // By the bridge only pod b is one; an endpoint reaches itself masqueraded in any case.
    expect(await kinds(other.ask('tcp', '10.96.0.1', 80, 20))).toEqual(['a 10.1.1.1', another])
    await forwarder.stop()
  })

  test('with externalTrafficPolicy Local a pod reaches every endpoint', async () => {
    const forwarder = await lab.start({ detector })
    await serve(forwarder, 'Local')
    const { b, client, node } = lab.agents
    expect(await kinds(b.ask('udp', '203.0.113.1', 80, 20))).toEqual(['a 10.1.2.2', 'c 10.1.2.2'])
    expect(await kinds(b.ask('tcp', '192.168.0.1', 30_080, 20))).toEqual(['a 10.1.2.2', 'c 10.1.2.2'])
    expect(await kinds(client.ask('tcp', '203.0.113.1', 80, 10))).toEqual(['a 192.168.0.9'])
    expect(await kinds(node.ask('tcp', '203.0.113.1', 80, 20))).toEqual(['a 10.1.1.1', 'c 10.1.3.1'])
    await forwarder.stop()
  })

  test('masqueradeAll holds for pods too', async () => {
    const forwarder = await lab.start({ detector, masqueradeAll: true })
    await serve(forwarder)
    expect(await kinds(lab.agents.b.ask('tcp', '10.96.0.1', 80, 20))).toEqual(['a 10.1.1.1', 'c 10.1.3.1'])
    await forwarder.stop()
  })
})

test('another detector is another program, in both directions; the same one changes nothing', async () => {
  const programs = new Set<string>()
  for (const detector of [prefix, bridge, { by: 'nothing' } as const, prefix]) {
    const forwarder = await lab.start({ detector })
    await serve(forwarder)
    programs.add(await must(lab.node, 'nft', ['list', 'set', 'ip', 'fairlead', 'program']))
    const rules = await must(lab.node, 'nft', ['list', 'table', 'ip', 'fairlead'])
    expect(rules.includes('iifname')).toBe(detector.by !== 'nothing')
    await must(lab.node, 'nft', ['-f', '-'], `flush ruleset\n${rules}`)
    await forwarder.stop()
  }
  expect(programs.size).toBe(3)
})
