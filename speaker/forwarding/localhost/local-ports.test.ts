import { describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { service, slice, testNode } from '../fixtures.ts'
import { planService } from '../plan.ts'
import { Affinity, attempts, localPortsOf } from './local-ports.ts'

const ports = (made: Service, ...slices: EndpointSlice[]) =>
  localPortsOf({ key: 'ns/s', service: made, slices, plan: planService(made, slices, testNode) })

const nodePort = {
  type: 'NodePort' as const,
  ports: [
    { name: 'tcp', port: 80, nodePort: 30_080 },
    { name: 'udp', port: 80, nodePort: 30_080, protocol: 'UDP' as const },
  ],
}
const targets = [
  { name: 'tcp', port: 8080 },
  { name: 'udp', port: 8080, protocol: 'UDP' as const },
]

describe('what is offered on loopback', () => {
  test('TCP NodePorts, in each family of the Service', () => {
    const both = service('s', { ...nodePort, clusterIPs: ['172.30.0.1', 'fd00:172:30::1'] })
    expect(ports(both, slice('s', ['10.0.0.1'], targets), slice('s', ['fd00:10::1'], targets))).toMatchObject(
      [
        { family: 4, port: 30_080, targets: [{ address: '10.0.0.1', port: 8080 }], affinityMs: undefined },
        { family: 6, port: 30_080, targets: [{ address: 'fd00:10::1', port: 8080 }] },
      ],
    )
  })

  test('every endpoint, even with externalTrafficPolicy Local: this node asks', () => {
    const local = service('s', { ...nodePort, external: 'Local' })
    expect(ports(local, slice('s', [{ address: '10.0.0.1', node: 'other' }], targets))).toMatchObject([
      { targets: [{ address: '10.0.0.1' }] },
    ])
  })

  test('nothing without endpoints or NodePort, nor for UDP', () => {
    expect(ports(service('s', nodePort))).toEqual([])
    expect(ports(service('s'), slice('s', ['10.0.0.1']))).toEqual([])
    const udp = { ...nodePort, ports: nodePort.ports.slice(1) }
    expect(ports(service('s', udp), slice('s', ['10.0.0.1'], targets))).toEqual([])
  })

  test('no endpoint on loopback: it would be called by this node and not by the Pod', () => {
    const made = service('s', { ...nodePort, clusterIPs: ['172.30.0.1', 'fd00:172:30::1'] })
    const own = [slice('s', ['127.0.0.1', '10.0.0.1', '127.8.9.1'], targets), slice('s', ['::1'], targets)]
    expect(ports(made, ...own)).toMatchObject([{ family: 4, targets: [{ address: '10.0.0.1' }] }])
  })

  test('session affinity with its timeout', () => {
    const [port] = ports(
      service('s', { ...nodePort, affinity: 300 }),
      slice('s', ['10.0.0.1', '10.0.0.2'], targets),
    )
    expect(port.affinityMs).toBe(300_000)
  })
})

const target = (index: number) => ({ address: `10.0.0.${index}`, port: 80 })
const five = [1, 2, 3, 4, 5].map(target)

describe('attempts', () => {
  test('begin anywhere and differ', () => {
    const first = new Set<string>()
    for (let step = 0; step < 5; step++) {
      const order = attempts(five, undefined, () => step / 5)
      expect(new Set(order).size).toBe(4)
      first.add(order[0].address)
    }
    expect(first.size).toBe(5)
  })

  test('begin with the kept one', () => {
    expect(attempts(five, five[2], () => 0)[0]).toBe(five[2])
    expect(new Set(attempts(five, five[2], () => 0.99)).size).toBe(4)
  })

  test('are as few as there are endpoints', () => {
    expect(attempts(five.slice(0, 1), undefined, () => 0.5)).toEqual([target(1)])
    expect(attempts([], undefined, () => 0.5)).toEqual([])
  })
})

describe('affinity', () => {
  test('lasts until its time', () => {
    const affinity = new Affinity()
    expect(affinity.kept(five, 0)).toBeUndefined()
    affinity.keep(target(2), 100)
    expect(affinity.kept(five, 99)).toEqual(target(2))
    expect(affinity.kept(five, 100)).toBeUndefined()
  })

  test('dies with its endpoint', () => {
    const affinity = new Affinity()
    affinity.keep(target(2), 100)
    expect(affinity.kept([target(1), { address: '10.0.0.2', port: 81 }], 0)).toBeUndefined()
  })
})
