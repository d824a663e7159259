import { get, patch, post, put, remove, type Dialogue } from './dialogue.ts'

const SERVICES = '/api/v1/namespaces/default/services'
const ONE = `${SERVICES}/one`
const POOLS = '/apis/metallb.io/v1beta1/namespaces/default/ipaddresspools'

const service = (spec: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'one', ...metadata },
  spec,
})
const port = (name: string, port: number, more: object = {}): object => ({ name, port, ...more })
const as = (manager: string, more = ''): string => `${ONE}?fieldManager=${manager}${more}`
const status = (manager: string, more = ''): string => `${ONE}/status?fieldManager=${manager}${more}`
const condition = (type: string, reason: string): object => ({
  type,
  status: 'True',
  reason,
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})
const about = (name: string, ...steps: Dialogue['steps']): Dialogue => ({ name: `apply: ${name}`, steps })

export const applyDialogues: readonly Dialogue[] = [
  about(
    'create, change, let go',
    patch(
      'apply',
      as('a'),
      service({ ports: [port('http', 80)], selector: { app: 'x' } }, { labels: { l: '1' } }),
    ),
    patch(
      'apply',
      as('a'),
      service({ ports: [port('http', 80)], selector: { app: 'x' } }, { labels: { l: '1' } }),
    ),
    patch('apply', as('b'), service({ ports: [port('https', 443)] }, { labels: { m: '2' } })),
    patch('apply', as('a'), service({ ports: [port('http', 80)] })),
    patch('apply', as('a'), service({})),
    get(ONE),
    remove(ONE),
  ),
  about(
    'conflicts',
    patch('apply', as('a'), service({ ports: [port('http', 80)], sessionAffinity: 'ClientIP' })),
    patch('apply', as('b'), service({ ports: [port('http', 80)], sessionAffinity: 'None' })),
    patch(
      'apply',
      as('b'),
      service({ ports: [port('http', 80, { targetPort: 8080 })], sessionAffinity: 'None', type: 'NodePort' }),
    ),
    patch('apply', as('b', '&force=true'), service({ ports: [port('http', 80)], sessionAffinity: 'None' })),
    patch('merge', as('c'), { spec: { sessionAffinity: 'ClientIP' } }),
    patch('apply', as('b'), service({ ports: [port('http', 80)], sessionAffinity: 'None' })),
    patch('apply', as('b'), service({ ports: [port('http', 80)] })),
    get(ONE),
    remove(ONE),
  ),
  about(
    'what cannot be applied',
    patch('apply', ONE, service({ ports: [port('http', 80)] })),
    patch('apply', as('a'), { ...service({ ports: [port('http', 80)] }), kind: 'Pod' }),
    patch('apply', as('a'), { metadata: { name: 'one' }, spec: { ports: [port('http', 80)] } }),
    patch('apply', as('a'), service({ ports: [port('http', 80)] }, { name: 'two' })),
    patch('apply', as('a'), service({ ports: [port('http', 80)] }, { managedFields: [{ manager: 'x' }] })),
    patch('apply', as('a'), service({ ports: [port('http', 80), port('http', 80)] })),
    patch('apply', as('a'), service({ ports: [port('http', 80)], colour: 'red' })),
    patch('apply', as('a'), service({ ports: [{ name: 'x' }] })),
    patch('apply', as('a'), service({ ports: 'x' })),
    patch('apply', as('a'), service({ ports: [port('http', 80)] }, { resourceVersion: '1' })),
    patch('apply', as('a'), service({ ports: [port('http', 80)] }, { uid: 'x' })),
    get(ONE),
    remove(ONE),
  ),
  about(
    'conditions in the status',
    post(SERVICES, service({ ports: [port('http', 80)], type: 'LoadBalancer' })),
    patch('merge', status('old'), { status: { conditions: [condition('example.com/A', 'One')] } }),
    patch('apply', status('a', '&force=true'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'one' },
      status: { conditions: [condition('example.com/B', 'One')] },
    }),
    patch('apply', status('b'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'one' },
      status: { conditions: [condition('example.com/B', 'Two')] },
    }),
    patch('apply', status('a', '&force=true'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'one' },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    }),
    patch('apply', status('a', '&force=true'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'one', annotations: { x: 'y' } },
      status: {},
    }),
    get(ONE),
    remove(ONE),
  ),
  about(
    'from kubectl to the server',
    post(
      `${SERVICES}?fieldManager=kubectl-client-side-apply`,
      service({ ports: [port('http', 80)] }, { labels: { a: 'b' } }),
    ),
    patch('apply', as('kubectl'), service({ ports: [port('http', 80)] }, { labels: { a: 'b' } })),
    patch('json', ONE, [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }]),
    patch('apply', as('kubectl'), service({ ports: [port('http', 80)] }, { labels: { a: 'c' } })),
    remove(ONE),
  ),
  about(
    'who updated what',
    post(
      `${SERVICES}?fieldManager=a`,
      service(
        { ports: [port('http', 80)], selector: { app: 'x' }, type: 'LoadBalancer' },
        { labels: { one: '1' }, annotations: { n: '' }, finalizers: ['example.com/hold'] },
      ),
      { as: 'made' },
    ),
    patch('merge', as('b'), {
      metadata: { labels: { two: '2' } },
      spec: { selector: { app: 'y', tier: 'z' } },
    }),
    patch('strategic', as('c'), { spec: { ports: [port('https', 443)] } }),
    patch('merge', status('d'), { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } }),
    patch('merge', status('d'), { metadata: { annotations: { from: 'status' } } }),
    patch('merge', as('b'), {
      metadata: { labels: { one: null } },
      spec: { externalTrafficPolicy: 'Local' },
    }),
    patch('merge', as('e'), { metadata: { finalizers: null } }),
    put(as('f'), service({ ports: [port('https', 443)], type: 'ClusterIP' })),
    remove(ONE),
  ),
  about(
    'a custom resource',
    patch('apply', `${POOLS}/p?fieldManager=a`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: 'p' },
      spec: { addresses: ['192.0.2.0/24'] },
    }),
    patch('apply', `${POOLS}/p?fieldManager=b`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: 'p' },
      spec: { addresses: ['192.0.3.0/24'] },
    }),
    patch('apply', `${POOLS}/p?fieldManager=b`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: 'p' },
      spec: { avoidBuggyIPs: true },
    }),
    patch('merge', `${POOLS}/p?fieldManager=c`, {
      spec: {
        serviceAllocation: {
          priority: 1,
          namespaces: ['x'],
          serviceSelectors: [{ matchLabels: { a: 'b' } }],
        },
      },
    }),
    patch('merge', `${POOLS}/p/status?fieldManager=d`, {
      status: { assignedIPv4: 1, assignedIPv6: 0, availableIPv4: 2, availableIPv6: 0 },
    }),
    patch('apply', `${POOLS}/p?fieldManager=a`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: 'p' },
      spec: { addresses: ['192.0.2.0/24'], colour: 'red' },
    }),
    remove(`${POOLS}/p`),
  ),
]
