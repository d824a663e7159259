import { get, patch, post, put, remove, type Dialogue } from './dialogue.ts'

const base = '/apis/metallb.io'
const POOLS = `${base}/v1beta1/namespaces/default/ipaddresspools`
const P = `${POOLS}/p`
const PEERS = `${base}/v1beta2/namespaces/default/bgppeers`
const OLD_PEERS = `${base}/v1beta1/namespaces/default/bgppeers`

const pool = (spec: unknown, more: object = {}): object => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name: 'p' },
  spec,
  ...more,
})
const peer = (version: string, spec: object): object => ({
  apiVersion: `metallb.io/${version}`,
  kind: 'BGPPeer',
  metadata: { name: 'peer' },
  spec: { myASN: 1, peerASN: 2, peerAddress: '192.0.2.1', ...spec },
})
/** Of an object that two versions updated, a real server forgets the managers at the third update. */
const FORGOTTEN = { differs: 'managedFields' }

const about = (name: string, ...steps: Dialogue['steps']): Dialogue => ({
  name: `custom resource: ${name}`,
  steps,
})
const tried = (body: unknown, path = POOLS) => [post(path, body), remove(P)]
const counters = { assignedIPv4: 1, assignedIPv6: 0, availableIPv4: 2, availableIPv6: 0 }

export const customDialogues: readonly Dialogue[] = [
  about(
    'its life',
    post(POOLS, pool({ addresses: ['192.0.2.0/24'] }), { as: 'made' }),
    get(P),
    put(P, pool({ addresses: ['192.0.2.0/25'] })),
    put(
      P,
      pool(
        { addresses: ['192.0.2.0/25'] },
        { metadata: { name: 'p', resourceVersion: '{made:metadata.resourceVersion}' } },
      ),
      { as: 'second' },
    ),
    put(
      P,
      pool(
        { addresses: ['192.0.2.0/26'] },
        { metadata: { name: 'p', resourceVersion: '{made:metadata.resourceVersion}' } },
      ),
    ),
    patch('merge', P, { spec: { autoAssign: false } }),
    patch('merge', P, { spec: { autoAssign: null } }),
    patch('merge', P, { metadata: { labels: { a: 'b' } } }),
    patch('merge', P, { status: counters }),
    patch('merge', `${P}/status`, {
      status: counters,
      spec: { autoAssign: false },
      metadata: { labels: { c: 'd' } },
    }),
    patch('merge', `${P}/status`, { status: { ...counters, assignedIPv4: 3 } }),
    get(`${P}/status`),
    patch('strategic', P, { spec: {} }),
    patch('json', P, [{ op: 'replace', path: '/spec/addresses/0', value: '192.0.2.0/27' }]),
    put(`${POOLS}/q`, pool({ addresses: [] }, { metadata: { name: 'q' } })),
    remove(P, { preconditions: { uid: 'other' } }),
    remove(P),
  ),
  about(
    'what the schema refuses',
    ...tried(pool({})),
    ...tried(pool(undefined)),
    ...tried(pool(null)),
    ...tried(pool('x')),
    ...tried(pool({ addresses: 'x' })),
    ...tried(pool({ addresses: [1] })),
    ...tried(pool({ addresses: [null] })),
    ...tried(pool({ addresses: null })),
    ...tried(pool({ addresses: ['192.0.2.0/24'], autoAssign: 'yes', serviceAllocation: { priority: 1 } })),
    ...tried(pool({ addresses: ['192.0.2.0/24'], serviceAllocation: { priority: '1' } })),
    ...tried(pool({ addresses: ['192.0.2.0/24'], autoAssign: null })),
    ...tried(pool({ addresses: ['192.0.2.0/24'], colour: 'red' })),
    ...tried(pool({ addresses: ['192.0.2.0/24'], colour: 'red' }), `${POOLS}?fieldValidation=Strict`),
    ...tried(pool({ addresses: ['192.0.2.0/24'], colour: 'red' }), `${POOLS}?fieldValidation=Ignore`),
    ...tried({ ...pool({ addresses: ['192.0.2.0/24'] }), extra: true }),
    ...tried({ ...pool({ addresses: ['192.0.2.0/24'] }), kind: 'Pool' }),
    post(
      POOLS,
      { ...pool({ addresses: ['192.0.2.0/24'] }), apiVersion: 'metallb.io/v1' },
      { differs: 'the warnings' },
    ),
    ...tried({ metadata: { name: 'p' }, spec: { addresses: ['192.0.2.0/24'] } }),
    ...tried(pool({ addresses: ['192.0.2.0/24'] }, { metadata: { name: 'P_' } })),
    ...tried(
      pool({ addresses: ['192.0.2.0/24'] }, { metadata: { name: 'p', generation: 5, colour: 'red' } }),
    ),
    ...tried(pool({ addresses: ['192.0.2.0/24'] }, { status: counters })),
    post(`${POOLS}`, pool({ addresses: ['192.0.2.0/24'] })),
    patch(
      'merge',
      `${P}/status`,
      { status: { ...counters, assignedIPv4: 'x' } },
      { differs: 'the path in the words' },
    ),
    patch('merge', `${P}/status`, { status: { assignedIPv4: 1 } }),
    patch('merge', P, { spec: { addresses: null } }),
    patch('merge', P, { spec: null }),
    remove(P),
  ),
  about(
    'limits and enumerations',
    post(PEERS, peer('v1beta2', { peerPort: 70_000 })),
    post(PEERS, peer('v1beta2', { peerPort: 0, myASN: -1, dynamicASN: 'odd', holdTime: 5 })),
    post(PEERS, peer('v1beta2', { nodeSelectors: [{ matchExpressions: [{ key: 'a' }] }] })),
    post(PEERS, peer('v1beta2', {})),
    post(OLD_PEERS, peer('v1beta1', {})),
    get(`${PEERS}/peer`),
    get(`${OLD_PEERS}/peer`),
    patch('merge', `${OLD_PEERS}/peer`, { spec: { holdTime: '90s' } }),
    get(`${PEERS}/peer`),
    get(OLD_PEERS),
    patch('merge', `${PEERS}/peer`, { spec: { vrf: 'red', interface: null } }, FORGOTTEN),
    get(`${OLD_PEERS}/peer`, FORGOTTEN),
    remove(`${OLD_PEERS}/peer`),
    post(`${base}/v1beta1/namespaces/default/bfdprofiles`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'BFDProfile',
      metadata: { name: 'b' },
      spec: { receiveInterval: 1, detectMultiplier: 300 },
    }),
    post(`${base}/v1beta1/namespaces/default/bfdprofiles`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'BFDProfile',
      metadata: { name: 'b' },
    }),
    remove(`${base}/v1beta1/namespaces/default/bfdprofiles/b`),
  ),
  about(
    'status objects',
    post(`${base}/v1beta1/namespaces/default/servicel2statuses`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'ServiceL2Status',
      metadata: { name: 's' },
      spec: {},
      status: { node: 'x' },
    }),
    patch('merge', `${base}/v1beta1/namespaces/default/servicel2statuses/s/status`, {
      status: { node: 'n', serviceName: 's', serviceNamespace: 'd', interfaces: [{ name: 'eth0' }] },
    }),
    patch('merge', `${base}/v1beta1/namespaces/default/servicel2statuses/s/status`, {
      status: { node: 'm' },
    }),
    patch('merge', `${base}/v1beta1/namespaces/default/servicel2statuses/s/status`, {
      status: { interfaces: [{}] },
    }),
    remove(`${base}/v1beta1/namespaces/default/servicel2statuses/s`),
    post(`${base}/v1beta1/namespaces/default/configurationstates`, {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'ConfigurationState',
      metadata: { name: 'c' },
    }),
    patch('merge', `${base}/v1beta1/namespaces/default/configurationstates/c/status`, {
      status: { result: 'Odd' },
    }),
    patch('merge', `${base}/v1beta1/namespaces/default/configurationstates/c/status`, {
      status: { result: 'Valid', conditions: [{ type: 'x' }] },
    }),
    patch(
      'apply',
      `${base}/v1beta1/namespaces/default/configurationstates/c/status?fieldManager=a&force=true`,
      {
        apiVersion: 'metallb.io/v1beta1',
        kind: 'ConfigurationState',
        metadata: { name: 'c' },
        status: {
          result: 'Valid',
          conditions: [
            {
              type: 'x',
              status: 'True',
              reason: 'R',
              message: '',
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        },
      },
    ),
    patch(
      'apply',
      `${base}/v1beta1/namespaces/default/configurationstates/c/status?fieldManager=b&force=true`,
      {
        apiVersion: 'metallb.io/v1beta1',
        kind: 'ConfigurationState',
        metadata: { name: 'c' },
        status: {
          conditions: [
            {
              type: 'y',
              status: 'True',
              reason: 'R',
              message: '',
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        },
      },
    ),
    patch(
      'apply',
      `${base}/v1beta1/namespaces/default/configurationstates/c/status?fieldManager=a&force=true`,
      { apiVersion: 'metallb.io/v1beta1', kind: 'ConfigurationState', metadata: { name: 'c' }, status: {} },
    ),
    remove(`${base}/v1beta1/namespaces/default/configurationstates/c`),
  ),
]
