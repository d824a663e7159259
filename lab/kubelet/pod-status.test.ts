import { describe, expect, it } from 'vitest'
import type { Pod } from '../cluster/objects.ts'
import {
  echoPorts,
  podStatus,
  READY_LABEL,
  terminationMs,
  TERMINATION_LABEL,
  type PodFacts,
} from './pod-status.ts'

const pod = (over: Partial<Pod['metadata']> = {}, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'web', uid: 'u', ...over },
  spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...spec },
})

const up: PodFacts = {
  addresses: ['10.244.1.2', 'fd00:10:244:1::2'],
  hostAddresses: ['192.168.1.11'],
  serving: true,
  nodeReady: true,
  problem: '',
}

const NOW = '2026-01-01T00:00:00Z'
const LATER = '2026-01-01T00:01:00Z'

describe('echoPorts', () => {
  it('serves 80/TCP when nothing is declared, as nginx does', () => {
    expect(echoPorts(pod())).toEqual([{ protocol: 'TCP', port: 80 }])
  })

  it('serves every declared TCP and UDP port once', () => {
    const ports = [
      { containerPort: 53, protocol: 'UDP' },
      { containerPort: 53 },
      { containerPort: 53 },
      { containerPort: 38412, protocol: 'SCTP' },
    ] as const
    expect(echoPorts(pod({}, { containers: [{ name: 'c', ports }] }))).toEqual([
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ])
  })
})

describe('terminationMs', () => {
  it('is one second, the label, or the grace period when that is shorter', () => {
    expect(terminationMs(pod())).toBe(1000)
    expect(terminationMs(pod({ labels: { [TERMINATION_LABEL]: '5' } }))).toBe(5000)
    expect(terminationMs(pod({ labels: { [TERMINATION_LABEL]: '50' } }))).toBe(30_000)
    expect(terminationMs(pod({ labels: { [TERMINATION_LABEL]: 'soon' } }))).toBe(1000)
    expect(terminationMs({ ...pod(), metadata: { name: 'web', deletionGracePeriodSeconds: 0 } })).toBe(0)
  })
})

const ready = (of: Pod, facts: PodFacts) =>
  podStatus(of, facts, NOW).conditions?.find((one) => one.type === 'Ready')

describe('podStatus', () => {
  it('is Running and Ready with its addresses once it serves', () => {
    const status = podStatus(pod(), up, NOW)
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.244.1.2', hostIP: '192.168.1.11' })
    expect(status.podIPs).toHaveLength(2)
    expect(ready(pod(), up)).toEqual({ type: 'Ready', status: 'True', lastTransitionTime: NOW })
  })

  it.each([
    ['the label says so', pod({ labels: { [READY_LABEL]: 'false' } }), up, 'ReadinessProbeFailed'],
    ['its node is not ready', pod(), { ...up, nodeReady: false }, 'NodeNotReady'],
    ['it does not serve yet', pod(), { ...up, serving: false }, 'ContainersNotReady'],
    ['it cannot serve', pod(), { ...up, serving: false, problem: 'EADDRINUSE' }, 'ContainerCannotRun'],
  ])('is not ready when %s', (_, of, facts, reason) => {
    expect(ready(of, facts)).toMatchObject({ status: 'False', reason })
  })

  it('stays the same while nothing changes', () => {
    const first = podStatus(pod(), up, NOW)
    expect(podStatus({ ...pod(), status: first }, up, LATER)).toEqual(first)
  })
})
