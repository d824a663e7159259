import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeApi, KubeObject, Resource } from '#kube/api.ts'
import type { ApiServer } from './server.ts'
import { hasKubectl, Kubectl } from './test-kubectl.ts'
import { makeServer } from './test-server.ts'

const missing = hasKubectl() ? '' : ' (skipped: there is no kubectl on this machine)'

const deploymentType: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
}

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'echo', image: 'echo:1', ports: [{ containerPort: 8080 }] }] },
}
const deployment = (replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { replicas, selector: { matchLabels: { app: 'web' } }, template },
})
const service = (...ports: object[]) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports },
})
const http = { name: 'http', port: 80, targetPort: 8080 }
const https = { name: 'https', port: 443 }

const column = (name: string, type: string, jsonPath: string) => ({ name, type, jsonPath })
const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'pools.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'pools', singular: 'pool', kind: 'Pool', shortNames: ['pl'] },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['addresses'],
                properties: {
                  addresses: { type: 'array', description: 'What it holds.', items: { type: 'string' } },
                  auto: { type: 'boolean', default: true },
                  size: { type: 'integer', maximum: 9 },
                  color: {
                    type: 'string',
                    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'color is fixed' }],
                  },
                },
              },
              status: { type: 'object', properties: { free: { type: 'integer' } } },
            },
          },
        },
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.free' },
        },
        additionalPrinterColumns: [
          column('Auto', 'boolean', '.spec.auto'),
          column('Addresses', 'string', '.spec.addresses'),
          { ...column('Free', 'integer', '.status.free'), priority: 1 },
        ],
      },
    ],
  },
}
const pool = (spec: object) => ({
  apiVersion: 'example.com/v1',
  kind: 'Pool',
  metadata: { name: 'first', namespace: 'shop' },
  spec,
})

describe.skipIf(missing !== '')(`kubectl${missing}`, () => {
  let server: ApiServer
  let api: KubeApi
  let kubectl: Kubectl
  const ok = (args: string, ...input: object[]) => kubectl.ok(args, ...input)
  const jsonOf = async (args: string) => JSON.parse(await ok(`${args} -o json`))
  const rows = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s{2,}/))

  beforeAll(async () => {
    server = makeServer()
    api = server.local()
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
    kubectl = new Kubectl(server.kubeconfig(`https://127.0.0.1:${port}`, 'admin'))
    await ok('create namespace shop')
  })
  afterAll(async () => {
    kubectl?.close()
    await server?.close()
  })

  it('finds its way', async () => {
    expect(await ok('version')).toContain('Server Version: v1.36')
    const types = rows(await ok('api-resources --no-headers'))
    expect(types.find(([name]) => name === 'services')).toEqual(['services', 'svc', 'v1', 'true', 'Service'])
    expect(types.find(([name]) => name === 'endpointslices')).toContain('discovery.k8s.io/v1')
    expect(await ok('api-versions')).toContain('coordination.k8s.io/v1')
    expect(await ok('auth whoami -o jsonpath={.status.userInfo.username}')).toBe('admin')
    expect(await ok('auth can-i create services')).toBe('yes\n')
    expect(await ok('explain service.spec.ports.nodePort')).toMatch(
      /FIELD: nodePort <integer>[^]*port on each node/,
    )
    expect(await ok('explain deployment --recursive')).toContain('progressDeadlineSeconds')
  })

  it('applies, again and changed, as a client', async () => {
    const all = [deployment(3), service(http)]
    expect(await ok('apply -f -', ...all)).toBe('deployment.apps/web created\nservice/web created\n')
    expect(await ok('apply -f -', ...all)).toBe('deployment.apps/web unchanged\nservice/web unchanged\n')
    const before = await jsonOf('get service web -n shop')
    expect(before.spec).toMatchObject({
      clusterIP: '10.96.1.1',
      ports: [{ ...http, protocol: 'TCP', nodePort: 30_086 }],
    })
    const diff = await kubectl.run('diff -f -', service(https, http))
    expect(diff.out).toContain('+  - name: https')
    expect(await ok('apply -f -', service(https, http))).toBe('service/web configured\n')
    const ports = (await jsonOf('get service web -n shop')).spec.ports
    expect(ports.map(({ name, nodePort }: { name: string; nodePort: number }) => [name, nodePort])).toEqual([
      ['https', expect.any(Number)],
      ['http', 30_086],
    ])
    await ok('apply -f -', service(http))
    expect((await jsonOf('get service web -n shop')).spec.ports).toHaveLength(1)
  })

  it('applies on the server, and meets conflicts', async () => {
    await ok('scale deployment web -n shop --replicas 5')
    const refused = await kubectl.run('apply --server-side -f -', deployment(3))
    expect(refused.err).toContain('.spec.replicas')
    expect(refused.code).not.toBe(0)
    await ok('apply --server-side --force-conflicts -f -', deployment(3))
    const { metadata, spec } = JSON.parse(
      await ok('get deployment web -n shop -o json --show-managed-fields'),
    )
    expect(spec.replicas).toBe(3)
    const apply = metadata.managedFields.find((one: { operation: string }) => one.operation === 'Apply')
    expect(apply).toMatchObject({ manager: 'kubectl', fieldsV1: { 'f:spec': { 'f:replicas': {} } } })
  })

  it('prints tables, wide and by label', async () => {
    expect(rows(await ok('get service web -n shop -o wide'))).toEqual([
      ['NAME', 'TYPE', 'CLUSTER-IP', 'EXTERNAL-IP', 'PORT(S)', 'AGE', 'SELECTOR'],
      ['web', 'LoadBalancer', '10.96.1.1', '<pending>', '80:30086/TCP', expect.any(String), 'app=web'],
    ])
    expect(rows(await ok('get deployments -A --no-headers'))[0]?.slice(0, 5)).toEqual([
      'shop',
      'web',
      '0/3',
      '0',
      '0',
    ])
    expect(await ok('get services -n shop -l app=none -o name')).toBe('')
    expect(await ok('get services -A --field-selector metadata.name=kubernetes -o name')).toBe(
      'service/kubernetes\n',
    )
    expect(await ok('get all -n shop -o name')).toBe('service/web\ndeployment.apps/web\n')
    expect(await ok('get service web -n shop -o yaml')).toContain('clusterIP: 10.96.1.1')
    await Promise.all(
      ['a', 'b', 'c'].map((name) => ok(`create configmap ${name} -n shop --from-literal k=v`)),
    )
    expect(await ok('get configmaps -n shop --chunk-size 1 -o name')).toBe(
      'configmap/a\nconfigmap/b\nconfigmap/c\n',
    )
  })

  it('patches in every way, labels, annotates, edits', async () => {
    const target = 'service web -n shop'
    await ok(`patch ${target} -p '{"spec":{"ports":[{"port":80,"nodePort":30080}]}}'`)
    await ok(`patch ${target} --type merge -p '{"spec":{"sessionAffinity":"ClientIP"}}'`)
    await ok(
      `patch ${target} --type json -p '[{"op":"add","path":"/metadata/labels","value":{"color":"red"}}]'`,
    )
    await ok(`label ${target} tier=front`)
    await ok(`annotate ${target} example.com/note=hello`)
    await ok(`edit ${target}`)
    await ok(
      `patch ${target} --subresource status --type merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.9"}]}}}'`,
    )
    expect(await jsonOf(`get ${target}`)).toMatchObject({
      metadata: { labels: { color: 'blue', tier: 'front' }, annotations: { 'example.com/note': 'hello' } },
      spec: {
        ports: [{ name: 'http', port: 80, nodePort: 30_080, targetPort: 8080 }],
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.9', ipMode: 'VIP' }] } },
    })
    expect(await ok(`get ${target}`)).toContain('192.0.2.9')
  })

  it('hears what is wrong', async () => {
    const immutable = await kubectl.run(
      `patch service web -n shop --type merge -p '{"spec":{"clusterIP":"10.96.5.5","clusterIPs":["10.96.5.5"]}}'`,
    )
    expect(immutable.err).toContain(
      'spec.clusterIPs[0]: Invalid value: ["10.96.5.5"]: may not change once set',
    )
    const strict = await kubectl.run('apply -f -', service({ ...http, bogus: 1 }))
    expect(strict.err).toContain('strict decoding error: unknown field "spec.ports[0].bogus"')
    const warned = await kubectl.run('apply --validate=warn -f -', service({ ...http, bogus: 1 }))
    expect(warned).toMatchObject({ code: 0, err: expect.stringContaining('Warning: unknown field') })
    const absent = await kubectl.run('get service none -n shop')
    expect(absent.err).toBe('Error from server (NotFound): services "none" not found\n')
    const taken = await kubectl.run('create namespace shop')
    expect(taken.err).toBe('Error from server (AlreadyExists): namespaces "shop" already exists\n')
  })

  it('replaces, and says conflict for what is stale', async () => {
    const stale = await jsonOf('get configmap a -n shop')
    await ok('replace -f -', { ...stale, data: { k: 'w' } })
    const late = await kubectl.run('replace -f -', { ...stale, data: { k: 'x' } })
    expect(late.err).toContain(
      'the object has been modified; please apply your changes to the latest version',
    )
  })

  it('creates most things with a command of their own', async () => {
    await ok('create secret generic s -n shop --from-literal password=x')
    expect(await ok('get secret s -n shop -o jsonpath={.data.password}')).toBe('eA==')
    await ok('create deployment other -n shop --image echo:2 --replicas 0')
    expect((await jsonOf('get deployment other -n shop')).spec.replicas).toBe(0)
    await ok('create service nodeport np -n shop --tcp 80:8080')
    await ok('expose deployment other -n shop --port 81')
    await ok('create serviceaccount bob -n shop')
    expect(await ok('create token bob -n shop')).toMatch(/^ey/)
    await ok('create clusterrole reader --verb get --resource pods')
    await ok('create clusterrolebinding bob --clusterrole reader --serviceaccount shop:bob')
    expect(await ok('create configmap dry -n shop --from-literal a=b --dry-run=server -o name')).toBe(
      'configmap/dry\n',
    )
    expect((await kubectl.run('get configmap dry -n shop')).code).not.toBe(0)
  })

  it('follows a roll-out', async () => {
    const status = (updated: number) =>
      api.patch(
        deploymentType,
        { namespace: 'shop', name: 'web' },
        {
          status: {
            observedGeneration: 99,
            replicas: 3,
            updatedReplicas: updated,
            availableReplicas: updated,
          },
        },
        { type: 'merge', subresource: 'status' },
      )
    await status(1)
    const done = kubectl.until('rollout status deployment web -n shop', (out) => out.includes('successfully'))
    await status(3)
    expect(await done).toContain('deployment "web" successfully rolled out')
  })

  it('watches, and waits', async () => {
    const seen = kubectl.until('get configmaps -n shop -w --no-headers', (out) =>
      /watched.*\n[^]*watched.*\n/.test(out),
    )
    await until(() => server.watches > 0)
    await ok('create configmap watched -n shop --from-literal a=b')
    await ok(`patch configmap watched -n shop --type merge -p '{"data":{"c":"d"}}'`)
    const lines = rows(await seen).filter(([name]) => name === 'watched')
    expect(lines.map(([, data]) => data)).toEqual(['1', '2'])

    const waiting = ok('wait deployment/web -n shop --for condition=Available --timeout 10s')
    const condition = { type: 'Available', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }
    await api.patch(
      deploymentType,
      { namespace: 'shop', name: 'web' },
      { status: { conditions: [condition] } },
      { type: 'merge', subresource: 'status' },
    )
    expect(await waiting).toContain('condition met')
  })

  it('describes', async () => {
    server.applyManifest([
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8080 }],
        endpoints: [{ addresses: ['10.244.1.2'], conditions: { ready: true } }],
      } as KubeObject,
    ])
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'shop' },
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Service',
        name: 'web',
        namespace: 'shop',
        uid: (await jsonOf('get service web -n shop')).metadata.uid,
      },
      type: 'Warning',
      reason: 'Tested',
      message: 'it was a test',
      lastTimestamp: '2026-01-01T00:00:00Z',
    }
    await ok('create -f -', event)
    const text = await ok('describe service web -n shop')
    expect(text).toContain('10.244.1.2:8080')
    expect(text).toMatch(/Warning\s+Tested\s.*it was a test/)
    expect(rows(await ok('get events -n shop --no-headers'))[0]?.slice(1)).toEqual([
      'Warning',
      'Tested',
      'service/web',
      'it was a test',
    ])
    expect(rows(await ok('get endpointslices -n shop --no-headers'))[0]?.slice(0, 4)).toEqual([
      'web-1',
      'IPv4',
      '8080',
      '10.244.1.2',
    ])
    expect(await ok('describe deployment web -n shop')).toContain('3 desired')
  })

  it('runs Pods on nodes, cordons, and deletes gracefully', async () => {
    await ok('apply -f -', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/worker': '' } },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
        nodeInfo: { kubeletVersion: 'v1.36.3' },
      },
    })
    await ok('cordon n1')
    const [, node] = rows(await ok('get node n1 -o wide'))
    expect([node?.[1], node?.[2], node?.at(5)]).toEqual(['Ready,SchedulingDisabled', 'worker', '192.0.2.1'])
    const overrides = JSON.stringify({ spec: { nodeName: 'n1' } })
    await ok(`run p -n shop --image echo:1 --overrides '${overrides}'`)
    expect(await ok('get pods -n shop --field-selector spec.nodeName=n1 -o name')).toBe('pod/p\n')
    await ok('delete pod p -n shop --wait=false')
    expect(rows(await ok('get pod p -n shop --no-headers'))[0]?.slice(1, 3)).toEqual(['0/1', 'Terminating'])
    const waiting = ok('wait pod/p -n shop --for delete --timeout 10s')
    await ok('delete pod p -n shop --grace-period 0 --force')
    await waiting
  })

  it('works with custom resources from the moment their CRD is there', async () => {
    await ok('apply -f -', crd)
    await ok('apply -f -', pool({ addresses: ['192.0.2.0/24'], color: 'red', size: 1 }))
    await ok('wait crd/pools.example.com --for condition=Established --timeout 5s')
    expect(rows(await ok('get pl -n shop'))).toEqual([
      ['NAME', 'AUTO', 'ADDRESSES'],
      ['first', 'true', '["192.0.2.0/24"]'],
    ])
    await ok(`patch pool first -n shop --type merge --subresource status -p '{"status":{"free":7}}'`)
    expect(rows(await ok('get pools -n shop -o wide'))[1]).toEqual(['first', 'true', '["192.0.2.0/24"]', '7'])
    expect(await ok('explain pool.spec.addresses')).toContain('What it holds.')
    await ok(
      'apply --server-side --force-conflicts -f -',
      pool({ addresses: ['198.51.100.0/24'], color: 'red' }),
    )
    expect(await ok('get pool first -n shop -o jsonpath={.spec.addresses[0]}')).toBe('198.51.100.0/24')
    await ok('scale pool first -n shop --replicas 4')
    expect((await jsonOf('get pool first -n shop')).spec.size).toBe(4)
    await ok('annotate pool first -n shop a=b')
    expect(await ok('describe pool first -n shop')).toContain('198.51.100.0/24')

    const wrong = async (change: object) =>
      (await kubectl.run(`patch pool first -n shop --type merge -p '${JSON.stringify({ spec: change })}'`))
        .err
    expect(await wrong({ color: 'green' })).toContain('spec.color: Invalid value: "green": color is fixed')
    expect(await wrong({ size: 10 })).toContain('spec.size in body should be less than or equal to 9')
    expect(await wrong({ addresses: null })).toContain('spec.addresses: Required value')
    const unknown = await kubectl.run(
      'apply -f -',
      pool({ addresses: ['192.0.2.0/24'], color: 'red', nonsense: 1 }),
    )
    expect(unknown.err).toContain('unknown field "spec.nonsense"')
    await ok('delete pool first -n shop')
    await ok('delete crd pools.example.com')
    // kubectl may still have the resource in its cache; the server no longer serves it either way.
    expect((await kubectl.run('get pools -n shop')).err).toMatch(/the server (doesn't have|could not find)/)
  })

  it('deletes: one, by label, all, and a namespace with what is in it', async () => {
    await ok('label configmap b -n shop drop=yes')
    expect(await ok('delete configmap -n shop -l drop=yes -o name')).toBe('configmap/b\n')
    await ok('delete service web -n shop')
    await ok('delete deployments --all -n shop --cascade=foreground --timeout 10s')
    expect(await ok('get deployments -n shop -o name')).toBe('')
    await ok('delete namespace shop --timeout 10s')
    expect((await kubectl.run('get namespace shop')).err).toContain('not found')
    expect(server.store.values('configmaps').filter(({ metadata }) => metadata.namespace === 'shop')).toEqual(
      [],
    )
  })
})

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within 5 s: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
