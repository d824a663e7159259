import { describe, expect, it } from 'vitest'
import type { Pod } from './objects.ts'
import { buildSlices, type SlicedService } from './slices.ts'

const zones = new Map([
  ['node1', 'zone-a'],
  ['node2', 'zone-b'],
])

function pod(number: number, over: { ready?: boolean; ending?: boolean; ports?: number } = {}): Pod {
  const { ready = true, ending = false, ports = 8080 } = over
  return {
    metadata: {
      name: `web-${number}`,
      namespace: 'default',
      uid: `uid-${number}`,
      labels: { app: 'web' },
      ...(ending ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: {
      nodeName: number % 2 === 1 ? 'node1' : 'node2',
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: ports }] }],
    },
    status: {
      phase: 'Running',
      podIPs: [{ ip: `10.244.1.${number}` }, { ip: `fd00:10:244:1::${number}` }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

const service = (spec: Partial<SlicedService['spec']> = {}): SlicedService => ({
  metadata: { name: 'web', namespace: 'default', uid: 'service', labels: { team: 'a' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7'],
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [{ name: 'web', port: 80, targetPort: 'http' }],
    ...spec,
  },
})

describe('buildSlices', () => {
  it('describes an endpoint completely', () => {
    const [slice, ...more] = buildSlices(service(), [pod(1)], zones)
    expect(more).toEqual([])
    expect(slice.metadata.labels).toEqual({
      team: 'a',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    })
    expect(slice).toMatchObject({
      addressType: 'IPv4',
      ports: [{ name: 'web', protocol: 'TCP', port: 8080 }],
      endpoints: [
        {
          addresses: ['10.244.1.1'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'node1',
          zone: 'zone-a',
          targetRef: { kind: 'Pod', namespace: 'default', name: 'web-1', uid: 'uid-1' },
        },
      ],
    })
  })

  it.each([
    [{ ready: true, ending: false }, {}, { ready: true, serving: true, terminating: false }],
    [{ ready: false, ending: false }, {}, { ready: false, serving: false, terminating: false }],
    [{ ready: true, ending: true }, {}, { ready: false, serving: true, terminating: true }],
    [{ ready: false, ending: true }, {}, { ready: false, serving: false, terminating: true }],
    [
      { ready: false, ending: true },
      { publishNotReadyAddresses: true },
      { ready: true, serving: false, terminating: true },
    ],
  ])('a pod that is %j of a Service with %j has conditions %j', (state, spec, conditions) => {
    const [slice] = buildSlices(service(spec), [pod(1, state)], zones)
    expect(slice.endpoints[0].conditions).toEqual(conditions)
  })

  it('has one slice for each family', () => {
    const slices = buildSlices(service({ ipFamilies: ['IPv6', 'IPv4'] }), [pod(1)], zones)
    expect(slices.map((slice) => [slice.addressType, slice.endpoints[0].addresses[0]])).toEqual([
      ['IPv6', 'fd00:10:244:1::1'],
      ['IPv4', '10.244.1.1'],
    ])
  })

  it('has one slice for each set of resolved ports', () => {
    const slices = buildSlices(service(), [pod(1), pod(2, { ports: 9090 }), pod(3)], zones)
    expect(slices.map((slice) => [slice.ports[0].port, slice.endpoints.length])).toEqual([
      [8080, 2],
      [9090, 1],
    ])
    expect(new Set(slices.map((slice) => slice.metadata.name)).size).toBe(2)
  })

  it('holds at most 100 endpoints in a slice, under names that stay', () => {
    const pods = Array.from({ length: 101 }, (_, at) => pod(at + 1))
    const slices = buildSlices(service(), pods, zones)
    expect(slices.map((slice) => slice.endpoints.length)).toEqual([100, 1])
    const fewer = buildSlices(service(), pods.slice(0, 50), zones)
    expect(fewer[0].metadata.name).toBe(slices[0].metadata.name)
  })

  it('has an empty slice when nothing matches, and none when there is nothing to match', () => {
    expect(buildSlices(service(), [], zones)).toMatchObject([{ endpoints: [], ports: [] }])
    expect(buildSlices(service({ selector: {} }), [pod(1)], zones)).toEqual([])
    expect(buildSlices(service({ type: 'ExternalName' }), [pod(1)], zones)).toEqual([])
  })

  it('leaves out pods that have ended, have no address or do not match', () => {
    const ended: Pod = { ...pod(1), status: { ...pod(1).status, phase: 'Failed' } }
    const young: Pod = { ...pod(2), status: { phase: 'Pending' } }
    const other: Pod = { ...pod(3), metadata: { ...pod(3).metadata, labels: { app: 'db' } } }
    expect(buildSlices(service(), [ended, young, other], zones)[0].endpoints).toEqual([])
  })

  it('marks the slices of headless Services', () => {
    const [slice] = buildSlices(
      service({ clusterIP: 'None', clusterIPs: ['None'], ports: [] }),
      [pod(1)],
      zones,
    )
    expect(slice.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '')
    expect(slice.ports).toEqual([])
  })

  it.each([
    ['PreferClose', { forZones: [{ name: 'zone-b' }] }],
    ['PreferSameZone', { forZones: [{ name: 'zone-b' }] }],
    ['PreferSameNode', { forZones: [{ name: 'zone-b' }], forNodes: [{ name: 'node2' }] }],
    [undefined, undefined],
  ])('trafficDistribution %s gives the hints %j', (trafficDistribution, hints) => {
    const given = trafficDistribution === undefined ? {} : { trafficDistribution }
    expect(buildSlices(service(given), [pod(2)], zones)[0].endpoints[0].hints).toEqual(hints)
  })
})
