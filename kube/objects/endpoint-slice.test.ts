import { expect, it } from 'vitest'
import { projectEndpointSlice } from './endpoint-slice.ts'

const metadata = { name: 'web-1', namespace: 'shop' }

it('takes the API defaults for what is null or absent', () => {
  const slice = projectEndpointSlice({
    metadata,
    addressType: 'IPv6',
    ports: [{}],
    endpoints: [
      { addresses: ['fd00::1', 'fd00::2'] },
      { addresses: ['fd00::3'], conditions: { ready: null, serving: null, terminating: null } },
      { addresses: ['fd00::4'], conditions: { ready: false } },
      { addresses: ['fd00::5'], conditions: { ready: false, serving: true, terminating: true } },
      { addresses: ['fd00::6'], conditions: { ready: false, terminating: true } },
      { addresses: ['fd00::7'], conditions: { ready: false, serving: false, terminating: true } },
    ],
  } as never)
  expect(slice).toMatchObject({
    namespace: 'shop',
    name: 'web-1',
    service: '',
    addressType: 'IPv6',
    ports: [{ name: '', protocol: 'TCP', port: 0 }],
  })
  expect(
    slice.endpoints.map(({ address, ready, serving, terminating }) => [address, ready, serving, terminating]),
  ).toEqual([
    ['fd00::1', true, true, false],
    ['fd00::3', true, true, false],
    ['fd00::4', false, false, false],
    ['fd00::5', false, true, true],
    ['fd00::6', false, true, true],
    ['fd00::7', false, false, true],
  ])
  expect(slice.endpoints[0]).toMatchObject({ nodeName: '', zoneHints: [], nodeHints: [], pod: '' })
  expect(slice).not.toHaveProperty('triggerTime')
})

it('keeps Service, trigger time, node, hints and Pod', () => {
  const slice = projectEndpointSlice({
    metadata: {
      ...metadata,
      labels: { 'kubernetes.io/service-name': 'web' },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:00Z' },
    },
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        nodeName: 'n1',
        hints: { forZones: [{ name: 'z1' }], forNodes: [{ name: 'n1' }] },
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-abc' },
      },
      { addresses: ['10.0.0.2'], targetRef: { kind: 'VirtualMachine', name: 'vm' } },
    ],
  } as never)
  expect(slice).toMatchObject({
    service: 'web',
    addressType: 'IPv4',
    triggerTime: '2026-01-01T00:00:00Z',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: [{ nodeName: 'n1', zoneHints: ['z1'], nodeHints: ['n1'], pod: 'shop/web-abc' }, { pod: '' }],
  })
})

it('takes null lists, as the API sends them for a Service without endpoints', () => {
  const slice = projectEndpointSlice({ metadata, ports: null, endpoints: null } as never)
  expect([slice.ports, slice.endpoints]).toEqual([[], []])
})
