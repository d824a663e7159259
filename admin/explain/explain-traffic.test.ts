import { describe, expect, test } from 'vitest'
import type { Service } from '#kube/objects/service.ts'
import type { FrontendView } from '#speaker/forwarding/view.ts'
import type { Evidence, ForwardingEvidence } from './evidence.ts'
import { explain } from './explain.ts'
import { announced, evidence, forwarding, frontend, result, service } from './test-evidence.ts'

/** Rows of what is given, the verdict, and words of the evidence. */
const finds = (id: string, rows: readonly (readonly [Partial<Evidence>, string, string])[]) =>
  test.each(rows)(`${id} %#: %j`, (more, verdict, words) => {
    const found = result(id, more)
    expect(found).toMatchObject({ verdict, evidence: expect.stringContaining(words) })
    expect(found?.remedy === '').toBe(verdict === 'ok' || verdict === 'unknown')
  })

describe('5 frontends', () => {
  const claimed = (status: string) => ({
    ...service(),
    conditions: [
      { type: 'fairlead.io/FrontendsClaimed', status, reason: '', message: 'is x/y', lastTransitionTime: '' },
    ] as Service['conditions'],
  })
  finds('frontends', [
    [{}, 'ok', 'no older Service'],
    [{ forwarding: forwarding({ taken: ['a is b/c’s', 'd is e/f’s'] }) }, 'fail', 'a is b/c’s; d is e/f’s'],
    [{ forwarding: undefined, service: claimed('False') }, 'fail', 'is x/y'],
    [{ forwarding: undefined, service: claimed('True') }, 'ok', ''],
    [{ forwarding: undefined }, 'ok', ''],
  ])
})

describe('7 forwarding', () => {
  const other = { ...service(), labels: { 'service.kubernetes.io/service-proxy-name': 'other' } }
  const speaker = (node: string, mode: string, synced = true, reason = '') => ({ node, mode, synced, reason })
  const cluster = (...speakers: NonNullable<Evidence['speakers']>) => ({ forwarding: undefined, speakers })
  const onNode = (more: Partial<ForwardingEvidence>) => ({ forwarding: forwarding(more) })
  const proxy = 'kube-proxy is on this node'
  finds('forwarding', [
    [{}, 'ok', '2 addresses and ports are in the kernel of node1'],
    [{ service: other }, 'unknown', 'leaves it to another proxy: other'],
    [onNode({ mode: 'off', forwarding: false }), 'unknown', 'forwarding is off on node1'],
    [onNode({ forwarding: false, reason: proxy }), 'warn', `does not forward on node1: ${proxy}`],
    [onNode({ programmed: false, lastError: 'no memory' }), 'fail', 'node1 could not program it: no memory'],
    [onNode({ programmed: false }), 'warn', 'node1 has not programmed it yet'],
    [onNode({ programmed: false, taken: ['x'] }), 'unknown', 'nothing that it claims is its own'],
    [onNode({ programmed: true, lastError: 'no memory' }), 'ok', 'in the kernel of node1'],
    [onNode({ problems: ['port 0 is none'] }), 'warn', 'port 0 is none'],
    [onNode({ problems: Array.from({ length: 9 }, () => 'bad') }), 'warn', 'bad; and 4 more'],
    [
      onNode({ programmed: false, problems: ['a', 'cannot be programmed: b'] }),
      'fail',
      'cannot be programmed: b',
    ],
    [onNode({ problems: ['sessionAffinity is not kept: x'] }), 'ok', ''],
    [cluster(speaker('b', 'full'), speaker('a', 'full')), 'ok', 'by Fairlead on a, b'],
    [cluster(speaker('a', 'standby', true, proxy), speaker('b', 'full')), 'warn', `on a: ${proxy}`],
    [cluster(speaker('a', 'full', false), speaker('b', 'full')), 'warn', 'not everything is programmed on a'],
    [cluster(speaker('a', 'off')), 'unknown', 'forwarding is off on every node'],
    [{ forwarding: undefined }, 'unknown', 'the speakers could not be asked'],
  ])
})

describe('8 endpoints of the node', () => {
  const with_ = (...frontends: FrontendView[]) => ({ forwarding: forwarding({ frontends }) })
  const drop = { verdict: 'drop', endpoints: [] } as const
  finds('node-endpoints', [
    [{}, 'ok', '1 for what arrives at node1'],
    [with_(frontend('ClusterIP'), frontend('LoadBalancer', drop)), 'warn', 'externalTrafficPolicy is Local'],
    [with_(frontend('ClusterIP', drop), frontend('LoadBalancer')), 'warn', 'internalTrafficPolicy is Local'],
    [
      with_(frontend('ClusterIP', { verdict: 'reject' }), frontend('LoadBalancer', { verdict: 'reject' })),
      'fail',
      'no node has a usable endpoint for port 80/TCP',
    ],
    [with_(), 'unknown', 'node1 does not forward it'],
    [{ forwarding: forwarding({ forwarding: false }) }, 'unknown', 'node1 does not forward it'],
    [{ forwarding: undefined }, 'unknown', 'only a node'],
  ])
})

describe('9 announced', () => {
  const says = (...condition: Parameters<typeof announced>) => ({
    service: { ...service(), conditions: [announced(...condition)] },
  })
  const down = 'no BGP session that can carry IPv4 is up: tor: Bad Peer AS (node1)'
  test.each([
    [{}, 'ok', 'announced by node1 (layer2)'],
    [says('False', 'NoSessionUp', down), 'fail', `NoSessionUp: ${down}`],
    [says('False', 'SomethingNew', 'x'), 'fail', 'SomethingNew: x'],
    [{ service: { ...service(), conditions: [] } }, 'unknown', 'has not said yet'],
    [{ service: service({ type: 'ClusterIP' }) }, 'ok', 'no address of its own'],
  ] as const)('%#', (more, verdict, words) => {
    expect(result('announced', more)).toMatchObject({ verdict, evidence: expect.stringContaining(words) })
  })

  test('a Service that no router can have does not pass', () => {
    expect(explain(evidence(says('False', 'NoSessionUp', down)))).toMatchObject({
      verdict: 'fail',
      headline: expect.stringContaining('Is its address announced? NoSessionUp'),
    })
  })
})

describe('10 sources', () => {
  const only = (...loadBalancerSourceRanges: string[]) => service({ loadBalancerSourceRanges })
  const client = '203.0.113.130'
  finds('sources', [
    [{}, 'ok', 'everybody may'],
    [{ service: only('203.0.113.0/25') }, 'ok', 'only from 203.0.113.0/25: ask about one with --client'],
    [{ service: only(' 203.0.113.0/24 '), client }, 'ok', `${client} may`],
    [{ service: only('203.0.113.0/25', '10.0.0.0/8'), client }, 'fail', `${client} is in none of`],
    [{ service: only('203.0.113.0/25'), client: 'fd00::1' }, 'ok', 'fd00::1 may'],
    [{ service: only('203.0.113.0/25'), client: 'me' }, 'unknown', 'me is not an IP address'],
    [{ service: only('10.0.0.0/8', 'x'), client }, 'warn', 'what is no range: x'],
  ])
})

describe('11 affinity', () => {
  const sticky = service({ sessionAffinity: 'ClientIP' })
  finds('affinity', [
    [{}, 'ok', 'not asked for'],
    [{ service: sticky }, 'ok', 'for 10800 s after its last connection, each node for itself'],
    [
      { service: service({ sessionAffinity: 'ClientIP', ports: [{ port: 80 }, { port: 443 }] }) },
      'ok',
      'each node and each port for itself',
    ],
    [
      { service: sticky, forwarding: forwarding({ problems: ['sessionAffinity is not kept: too many'] }) },
      'warn',
      'too many',
    ],
  ])
})
