import { describe, expect, it } from 'vitest'
import { nodeHosts } from './addressing.ts'
import { nodeBatch, podBatches, podRemovalBatches, switchBatch } from './batches.ts'

describe('batches', () => {
  const nodes = nodeHosts(2, [4, 6])

  it('connects every machine to the switch', () => {
    const { namespace, lines } = switchBatch(nodes, [4, 6])
    expect(namespace).toBe('')
    for (const name of ['client', 'router', 'node1', 'node2']) {
      expect(lines).toContain(`link set lan-${name} master lan0 up`)
    }
    expect(lines).toContain('route add 10.244.2.0/24 via 192.168.1.12')
  })

  it('routes the pods of the other nodes, not its own', () => {
    const { lines } = nodeBatch(nodes[0], nodes, [4, 6])
    expect(lines).toContain('route add fd00:10:244:2::/64 via fd00:192:168:1::12')
    expect(lines.join('\n')).not.toContain('10.244.1.0')
  })

  it('hangs a pod on a cable of its own, with host routes only', () => {
    const link = {
      node: nodes[0],
      number: 2,
      namespace: 'default.web.2',
      addresses: [{ family: 4, address: '10.244.1.2' }],
    } as const
    const { cable, ends } = podBatches(link)
    const [onNode, inPod] = ends
    expect(cable.namespace).toBe('')
    expect(cable.lines[0]).toBe('netns add default.web.2')
    expect(onNode.namespace).toBe('node1')
    expect(onNode.lines).toContain('route add 10.244.1.2/32 dev veth2 src 192.168.1.11')
    expect(inPod.namespace).toBe('default.web.2')
    expect(inPod.lines).toContain('route add default via 169.254.1.1 dev eth0 onlink')
    expect(podRemovalBatches(link).map((batch) => batch.lines)).toEqual([
      ['link del veth2'],
      ['netns del default.web.2'],
    ])
  })
})
