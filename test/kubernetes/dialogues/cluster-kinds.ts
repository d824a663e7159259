import { get, patch, post, put, remove, type Dialogue } from './dialogue.ts'

const CORE = '/api/v1/namespaces/default'
const about = (name: string, ...steps: Dialogue['steps']): Dialogue => ({ name: `kind: ${name}`, steps })
const table = (path: string) => get(path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })
const object = (apiVersion: string, kind: string, more: object, metadata: object = {}): object => ({
  apiVersion,
  kind,
  metadata: { name: 'one', ...metadata },
  ...more,
})
const tried = (collection: string, ...bodies: object[]) =>
  bodies.flatMap((body) => [post(collection, body), remove(`${collection}/one`)])

const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
const slice = (more: object, metadata: object = {}): object =>
  object(
    'discovery.k8s.io/v1',
    'EndpointSlice',
    { addressType: 'IPv4', endpoints: [], ports: [], ...more },
    metadata,
  )
const endpoint = (...addresses: string[]): object => ({ addresses, conditions: { ready: true } })

/** A real server fills in what a kubelet would tell, and taints what is not ready. */
const FILLED = { differs: 'nodeInfo, times of conditions, the taint not-ready' }
const node = (): object =>
  object('v1', 'Node', {
    spec: { podCIDR: '10.244.0.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
  })

const event = (more: object, metadata: object = {}): object =>
  object(
    'v1',
    'Event',
    {
      involvedObject: { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 's' },
      reason: 'R',
      message: 'm',
      type: 'Normal',
      source: { component: 'c' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
      ...more,
    },
    metadata,
  )

export const kindDialogues: readonly Dialogue[] = [
  about(
    'Node',
    post('/api/v1/nodes', node(), FILLED),
    patch(
      'strategic',
      '/api/v1/nodes/one/status',
      { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      FILLED,
    ),
    patch('merge', '/api/v1/nodes/one', { metadata: { labels: { a: 'b' } } }, FILLED),
    patch('merge', '/api/v1/nodes/one', { spec: { podCIDR: '10.245.0.0/24', podCIDRs: ['10.245.0.0/24'] } }),
    patch('merge', '/api/v1/nodes/one', { spec: { unschedulable: true } }, FILLED),
    post('/api/v1/nodes', object('v1', 'Node', {}, { name: 'Bad_Name' })),
    remove('/api/v1/nodes/one'),
  ),
  about(
    'Namespace',
    post('/api/v1/namespaces', object('v1', 'Namespace', {}, { name: 'kept', labels: { a: 'b' } })),
    patch('merge', '/api/v1/namespaces/kept', {
      metadata: { labels: { 'kubernetes.io/metadata.name': 'x' } },
    }),
    patch('merge', '/api/v1/namespaces/kept', { spec: { finalizers: [] } }),
    post('/api/v1/namespaces', object('v1', 'Namespace', {}, { name: 'Bad.Name' })),
    remove('/api/v1/namespaces/default'),
    remove('/api/v1/namespaces/kube-system'),
  ),
  about(
    'Secret and ConfigMap',
    ...tried(
      `${CORE}/secrets`,
      object('v1', 'Secret', { stringData: { a: 'b' }, data: { c: 'ZA==' } }),
      object('v1', 'Secret', { data: { a: '!' } }),
      object('v1', 'Secret', { type: 'kubernetes.io/basic-auth', stringData: { password: 'x' } }),
      object('v1', 'Secret', { type: 'kubernetes.io/basic-auth', stringData: {} }),
      object('v1', 'Secret', { type: 'kubernetes.io/tls', data: {} }),
      object('v1', 'Secret', { data: { 'a b': '' } }),
    ),
    post(`${CORE}/secrets`, object('v1', 'Secret', { immutable: true, stringData: { a: 'b' } })),
    patch('merge', `${CORE}/secrets/one`, { stringData: { a: 'c' } }),
    patch('merge', `${CORE}/secrets/one`, { type: 'other' }),
    patch('merge', `${CORE}/secrets/one`, { immutable: false }),
    remove(`${CORE}/secrets/one`),
    ...tried(
      `${CORE}/configmaps`,
      object('v1', 'ConfigMap', { data: { a: 1 } }),
      object('v1', 'ConfigMap', { data: { a: 'b' }, binaryData: { a: '' } }),
      object('v1', 'ConfigMap', { data: { a: 'b' } }),
    ),
  ),
  about(
    'EndpointSlice',
    ...tried(
      slices,
      slice({}),
      slice({ addressType: undefined }),
      slice({ addressType: 'IPv5' }),
      slice({ endpoints: [endpoint()] }),
      slice({ endpoints: [endpoint('::1')] }),
      slice({ endpoints: [endpoint('127.0.0.1')] }),
      slice({ endpoints: [endpoint('10.0.0.1', '10.0.0.1')] }),
      slice({ endpoints: [{ addresses: ['10.0.0.1'], nodeName: 'N_', hostname: 'h_', zone: 'z' }] }),
      slice({ ports: [{ port: 0 }] }),
      slice({ ports: [{ port: 80, protocol: 'X', name: 'UP' }] }),
      slice({ ports: [{ port: 80 }, { port: 81 }] }),
      slice({ endpoints: [endpoint('010.0.0.1')] }),
    ),
    post(slices, slice({ endpoints: [endpoint('10.0.0.1')], ports: [{ port: 80 }] })),
    patch('merge', `${slices}/one`, { addressType: 'IPv6' }),
    patch('merge', `${slices}/one`, { endpoints: [endpoint('10.0.0.2')] }),
    patch('merge', `${slices}/one`, { metadata: { labels: { a: 'b' } } }),
    table(slices),
    remove(`${slices}/one`),
  ),
  about(
    'Event',
    ...tried(
      `${CORE}/events`,
      event({ involvedObject: { apiVersion: 'v1', kind: 'Service', namespace: 'kube-system', name: 's' } }),
      event({ involvedObject: { apiVersion: 'v1', kind: 'Node', name: 's' } }),
      event({ involvedObject: {} }),
      event({ reason: undefined, message: undefined, type: undefined }),
      event({ type: 'Odd' }),
      event({ count: 0 }),
      event({
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingComponent: 'c',
        reportingInstance: 'i',
        action: 'a',
      }),
      event({ eventTime: '2026-01-01T00:00:00.000000Z' }),
    ),
  ),
  about(
    'ServiceAccount and its token',
    post(`${CORE}/serviceaccounts`, object('v1', 'ServiceAccount', {})),
    post(`${CORE}/serviceaccounts/none/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {},
    }),
    post(`${CORE}/serviceaccounts/one/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 5 },
    }),
    remove(`${CORE}/serviceaccounts/one`),
  ),
  about(
    'reviews',
    post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'odd' } }),
    post('/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: {},
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { user: 'x', nonResourceAttributes: { path: '/api/v1/x', verb: 'get' } },
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: {
        user: 'x',
        groups: ['system:authenticated'],
        nonResourceAttributes: { path: '/api/v1/x', verb: 'get' },
      },
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: {
        user: 'x',
        groups: ['system:authenticated'],
        nonResourceAttributes: { path: '/metrics', verb: 'get' },
      },
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: {
        user: 'x',
        groups: ['system:unauthenticated'],
        nonResourceAttributes: { path: '/healthz', verb: 'get' },
      },
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: {
        user: 'x',
        groups: ['system:authenticated'],
        resourceAttributes: {
          group: 'authorization.k8s.io',
          resource: 'selfsubjectaccessreviews',
          verb: 'create',
        },
      },
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: {
        user: 'x',
        groups: ['system:masters'],
        resourceAttributes: { resource: 'pods', verb: 'delete', namespace: 'default' },
      },
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { user: 'x', resourceAttributes: { resource: 'pods', verb: 'get' } },
    }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec: { user: 'x' } }),
    post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { resourceAttributes: { resource: 'pods', verb: 'get' } },
    }),
    post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      spec: { resourceAttributes: { resource: 'pods', verb: 'get' } },
    }),
    get('/apis/authorization.k8s.io/v1/subjectaccessreviews'),
  ),
  about(
    'RBAC',
    ...tried(
      '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles',
      object('rbac.authorization.k8s.io/v1', 'Role', {
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }],
      }),
      object('rbac.authorization.k8s.io/v1', 'Role', { rules: [{ resources: ['pods'], verbs: ['get'] }] }),
      object('rbac.authorization.k8s.io/v1', 'Role', {
        rules: [{ nonResourceURLs: ['/x'], verbs: ['get'] }],
      }),
    ),
    ...tried(
      '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings',
      object('rbac.authorization.k8s.io/v1', 'RoleBinding', { roleRef: { kind: 'Role', name: 'x' } }),
      object('rbac.authorization.k8s.io/v1', 'RoleBinding', {
        roleRef: { kind: 'Odd', name: 'x', apiGroup: 'rbac.authorization.k8s.io' },
        subjects: [{ kind: 'ServiceAccount', name: 'x' }],
      }),
      object('rbac.authorization.k8s.io/v1', 'RoleBinding', {
        roleRef: { kind: 'Role', name: 'x', apiGroup: 'rbac.authorization.k8s.io' },
        subjects: [{ kind: 'User', name: 'x' }],
      }),
    ),
    post(
      '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings',
      object('rbac.authorization.k8s.io/v1', 'RoleBinding', {
        roleRef: { kind: 'Role', name: 'x', apiGroup: 'rbac.authorization.k8s.io' },
      }),
    ),
    patch('merge', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/one', {
      roleRef: { name: 'y' },
    }),
    remove('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/one'),
  ),
  about(
    'ServiceCIDR',
    get('/apis/networking.k8s.io/v1/servicecidrs', {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      differs: 'managedFields',
    }),
    put(
      '/apis/networking.k8s.io/v1/servicecidrs/none',
      object('networking.k8s.io/v1', 'ServiceCIDR', { spec: { cidrs: ['10.0.0.0/24'] } }, { name: 'none' }),
    ),
  ),
]
