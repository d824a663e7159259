import { describe, expect, it } from 'vitest'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import type { JsonObject } from '../../json.ts'
import { makeServer } from '../../test-server.ts'
import { IpPool } from './ip-pool.ts'
import type { ServiceObject } from './service.ts'

const key = { namespace: 'default', name: 'web' }

function setUp(serviceCidrs?: string[], ports = { first: 30_000, last: 30_010 }) {
  const server = makeServer({ ...(serviceCidrs ? { serviceCidrs } : {}), nodePortRange: ports })
  const api = server.local()
  const create = async (spec: JsonObject, name = 'web') =>
    (await api.create(resources.services, {
      metadata: { namespace: 'default', name },
      spec: { ports: [{ port: 80 }], ...spec },
    } as KubeObject)) as unknown as ServiceObject
  return { api, create, patch: patcher(api) }
}

const patcher =
  (api: KubeApi) =>
  async (spec: JsonObject, name = 'web'): Promise<ServiceObject> =>
    (await api.patch(
      resources.services,
      { ...key, name },
      { spec },
      { type: 'merge' },
    )) as unknown as ServiceObject

const refused = (text: string) =>
  expect.objectContaining({ code: 'FL_KUBE_INVALID', status: 422, message: expect.stringContaining(text) })

describe('defaults', () => {
  it('fills in a ClusterIP Service', async () => {
    const { create } = setUp()
    expect((await create({})).spec).toEqual({
      type: 'ClusterIP',
      clusterIP: '10.96.1.1',
      clusterIPs: ['10.96.1.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    })
  })

  it('fills in a LoadBalancer with local traffic', async () => {
    const { create } = setUp()
    const { spec, status } = await create({
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
    })
    expect(spec).toMatchObject({
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 30_001,
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      ports: [{ port: 80, nodePort: 30_000 }],
    })
    expect(status).toEqual({ loadBalancer: {} })
  })

  it('allocates no node ports when told not to, but takes those asked for', async () => {
    const { create } = setUp()
    const { spec } = await create({
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81, nodePort: 30_005 },
      ],
    })
    expect(spec.ports?.map(({ nodePort }) => nodePort)).toEqual([undefined, 30_005])
  })

  it('gives both protocols of a port one node port', async () => {
    const { create } = setUp()
    const ports = ['TCP', 'UDP'].map((protocol) => ({ name: protocol.toLowerCase(), port: 53, protocol }))
    const { spec } = await create({ type: 'NodePort', ports })
    expect(spec.ports?.map(({ nodePort }) => nodePort)).toEqual([30_000, 30_000])
  })
})

describe('families', () => {
  it('gives both families when preferred, the default family first', async () => {
    const { create } = setUp()
    const { spec } = await create({ ipFamilyPolicy: 'PreferDualStack' })
    expect(spec).toMatchObject({
      clusterIPs: ['10.96.1.1', 'fd00:10:96::101'],
      ipFamilies: ['IPv4', 'IPv6'],
    })
  })

  it('gives the order that is asked for', async () => {
    const { create } = setUp()
    const { spec } = await create({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] })
    expect(spec.clusterIPs?.[0]).toMatch(/^fd00/)
    expect(spec.clusterIP).toBe(spec.clusterIPs?.[0])
  })

  it('knows what the cluster has not', async () => {
    const { create } = setUp(['10.96.0.0/16'])
    expect((await create({ ipFamilyPolicy: 'PreferDualStack' })).spec.clusterIPs).toHaveLength(1)
    await expect(create({ ipFamilyPolicy: 'RequireDualStack' }, 'b')).rejects.toEqual(
      refused('this cluster is not configured for dual-stack services'),
    )
    await expect(create({ ipFamilies: ['IPv6'] }, 'c')).rejects.toEqual(
      refused('spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
    )
  })

  it('adds a family, and gives it up again', async () => {
    const { create, patch } = setUp()
    const before = (await create({})).spec.clusterIP
    const dual = await patch({ ipFamilyPolicy: 'RequireDualStack' })
    expect(dual.spec.clusterIPs).toEqual([before, 'fd00:10:96::101'])
    const single = await patch({ ipFamilyPolicy: 'SingleStack' })
    expect(single.spec).toMatchObject({ clusterIPs: [before], ipFamilies: ['IPv4'] })
    const other = await create({ clusterIP: 'fd00:10:96::101', ipFamilies: ['IPv6'] }, 'other')
    expect(other.spec.clusterIP).toBe('fd00:10:96::101')
  })

  it('takes headless Services as they are', async () => {
    const { create } = setUp()
    expect((await create({ clusterIP: 'None' })).spec).toMatchObject({
      clusterIPs: ['None'],
      ipFamilyPolicy: 'RequireDualStack',
      ipFamilies: ['IPv4', 'IPv6'],
    })
    expect((await create({ clusterIP: 'None', selector: { a: 'b' } }, 'b')).spec).toMatchObject({
      ipFamilyPolicy: 'SingleStack',
    })
  })
})

describe('addresses and ports that are taken', () => {
  it('refuses addresses of others and outside the range', async () => {
    const { create } = setUp()
    await create({ clusterIP: '10.96.3.3' })
    await expect(create({ clusterIP: '10.96.3.3' }, 'b')).rejects.toEqual(refused('already allocated'))
    await expect(create({ clusterIP: '10.97.0.1' }, 'b')).rejects.toEqual(
      refused('does not match the current range'),
    )
    await expect(create({ clusterIP: 'nonsense' }, 'b')).rejects.toEqual(
      refused('must be a valid IP address'),
    )
  })

  it('refuses node ports of others and outside the range', async () => {
    const { create, patch } = setUp()
    await create({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_004 }] })
    await expect(create({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_004 }] }, 'b')).rejects.toEqual(
      refused('spec.ports[0].nodePort: Invalid value: 30004: provided port is already allocated'),
    )
    await expect(create({ type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }, 'b')).rejects.toEqual(
      refused('The range of valid ports is 30000-30010'),
    )
    await create({ type: 'NodePort' }, 'b')
    await expect(patch({ ports: [{ port: 80, nodePort: 30_004 }] }, 'b')).rejects.toEqual(
      refused('already allocated'),
    )
  })

  it('releases both on deletion and on a change of type, and nothing on a failed write', async () => {
    const { api, create, patch } = setUp(undefined, { first: 30_000, last: 30_000 })
    const first = await create({ type: 'NodePort' })
    await expect(create({ type: 'NodePort' }, 'b')).rejects.toMatchObject({ status: 500 })
    await patch({ type: 'ClusterIP' })
    const second = await create({ type: 'NodePort', clusterIP: '10.96.9.9' }, 'b')
    expect(second.spec.ports?.[0]?.nodePort).toBe(30_000)
    await api.delete(resources.services, key)
    expect((await create({ clusterIP: first.spec.clusterIP }, 'c')).spec.clusterIP).toBe(first.spec.clusterIP)
  })
})

describe('changes', () => {
  it('keeps what an update does not repeat', async () => {
    const { api, create } = setUp()
    const { spec } = await create({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
    const { metadata } = await api.get(resources.services, key)
    const bare = {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, targetPort: 8080 }],
    }
    const after = (await api.update(resources.services, {
      metadata,
      spec: bare,
    } as KubeObject)) as unknown as ServiceObject
    expect(after.spec).toEqual({
      ...spec,
      ports: [{ ...spec.ports![0], targetPort: 8080 }],
    })
  })

  it('drops what another type does not have, also the load balancer status', async () => {
    const { api, create, patch } = setUp()
    await create({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerClass: 'x.io/y' })
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }
    const given = await api.patch(
      resources.services,
      key,
      { status },
      { type: 'merge', subresource: 'status' },
    )
    expect(given).toMatchObject({
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } },
    })
    const { spec, status: after } = await patch({ type: 'ClusterIP' })
    expect(Object.keys(spec).sort()).toEqual([
      'clusterIP',
      'clusterIPs',
      'internalTrafficPolicy',
      'ipFamilies',
      'ipFamilyPolicy',
      'ports',
      'sessionAffinity',
      'type',
    ])
    expect(spec.ports?.[0]).not.toHaveProperty('nodePort')
    expect(after).toEqual({ loadBalancer: {} })
    const late = api.patch(resources.services, key, { status }, { type: 'merge', subresource: 'status' })
    await expect(late).rejects.toEqual(refused("may only be used when `spec.type` is 'LoadBalancer'"))
  })

  it.each([
    [
      {},
      { clusterIP: '10.96.7.7', clusterIPs: ['10.96.7.7'] },
      'spec.clusterIPs[0]: Invalid value: ["10.96.7.7"]: may not change once set',
    ],
    [{ type: 'LoadBalancer', loadBalancerClass: 'a' }, { loadBalancerClass: 'b' }, 'may not change once set'],
    [{ ipFamilies: ['IPv4'] }, { ipFamilies: ['IPv6'] }, 'as indicated by `ipFamilies[0]`'],
    [{}, { ports: null }, 'spec.ports: Required value'],
    [{}, { type: 'Other' }, 'spec.type: Unsupported value: "Other"'],
    [{}, { ports: [{ port: 1 }, { port: 2 }] }, 'spec.ports[0].name: Required value'],
    [
      {},
      {
        ports: [
          { name: 'a', port: 1 },
          { name: 'a', port: 1 },
        ],
      },
      'Duplicate value',
    ],
    [{}, { ports: [{ port: 0 }] }, 'must be between 1 and 65535, inclusive'],
    [{}, { externalTrafficPolicy: 'Local' }, 'may only be set for externally-accessible services'],
    [{}, { loadBalancerSourceRanges: ['10.0.0.0/8'] }, "may only be used when `type` is 'LoadBalancer'"],
    [{ type: 'LoadBalancer' }, { loadBalancerSourceRanges: ['10.0.0.0/40'] }, 'must be a valid CIDR value'],
    [{}, { type: 'ExternalName' }, 'spec.externalName: Required value'],
    [{}, { externalIPs: ['1.2.3'] }, 'spec.externalIPs[0]: Invalid value'],
  ])('%j refuses %j', async (spec, change, text) => {
    const { create, patch } = setUp()
    await create(spec)
    await expect(patch(change)).rejects.toEqual(refused(text))
  })
})

it('walks a range to its end and says when it is full', () => {
  const pool = new IpPool('192.0.2.0/29')
  const taken = new Set<string>()
  for (;;) {
    const address = pool.pick((one) => taken.has(one))
    if (address === undefined) break
    taken.add(address)
  }
  expect([...taken]).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5', '192.0.2.6'])
})
