import { get, patch, post, put, remove, type Dialogue, type Step } from './dialogue.ts'

const SERVICES = '/api/v1/namespaces/default/services'

/** A Service of one port with these fields in its spec. */
const service = (name: string, spec: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, ...metadata },
  spec: { ports: [{ port: 80 }], ...spec },
})

/** Creates a Service that may be refused, changes it, and removes it. */
const one = (name: string, spec: object, ...changes: object[]): Dialogue => ({
  name: `Service: ${name}`,
  steps: [
    post(SERVICES, service('one', spec), { as: 'made' }),
    ...changes.map((change): Step => patch('merge', `${SERVICES}/one`, { spec: change })),
    remove(`${SERVICES}/one`),
  ],
})

const condition = (type: string): object => ({
  type,
  status: 'True',
  reason: 'R',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})
const lb = (more: object = {}): object => ({ type: 'LoadBalancer', ...more })
const port = (more: object): object => ({ ports: [{ port: 80, ...more }] })

export const serviceDialogues: readonly Dialogue[] = [
  one('the least', {}),
  one('without ports', { ports: [] }),
  one('without ports or spec.clusterIP', { ports: undefined, clusterIP: 'None' }),
  one('a load balancer', lb()),
  one('a load balancer with everything of one', {
    ...lb({
      externalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
      allocateLoadBalancerNodePorts: false,
    }),
    loadBalancerClass: 'example.com/class',
    loadBalancerSourceRanges: ['10.0.0.0/8', 'fd00::/8'],
    loadBalancerIP: '192.0.2.1',
    internalTrafficPolicy: 'Local',
    trafficDistribution: 'PreferClose',
    publishNotReadyAddresses: true,
    externalIPs: ['192.0.2.9'],
  }),
  one('of both families', { ipFamilyPolicy: 'RequireDualStack' }),
  one('of both families, IPv6 first', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] }),
  one('preferably of both', { ipFamilyPolicy: 'PreferDualStack' }, { ipFamilyPolicy: 'SingleStack' }),
  one('IPv6', { ipFamilies: ['IPv6'] }),
  one(
    'one family becomes two',
    {},
    { ipFamilyPolicy: 'PreferDualStack' },
    { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIPs: null },
  ),
  one('families that cannot be', { ipFamilies: ['IPv4', 'IPv4'] }),
  one('an unknown family', { ipFamilies: ['IPv5'] }),
  one('two families for one', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] }),
  one('an unknown family policy', { ipFamilyPolicy: 'Both' }),
  one('the family is not changed', {}, { ipFamilies: ['IPv6'] }),
  one(
    'a chosen address',
    { clusterIP: '10.96.200.1' },
    { clusterIP: '10.96.200.2' },
    { clusterIP: '', clusterIPs: null },
  ),
  one('two chosen addresses', {
    clusterIPs: ['10.96.200.1', 'fd00:10:96::c801'],
    ipFamilyPolicy: 'RequireDualStack',
  }),
  one('chosen addresses of another order', { clusterIP: '10.96.200.1', clusterIPs: ['10.96.200.2'] }),
  one('an address out of range', { clusterIP: '10.97.0.1' }),
  one('an address that is none', { clusterIP: '10.96.1' }),
  one('headless', { clusterIP: 'None' }, lb()),
  one('headless for a load balancer', lb({ clusterIP: 'None' })),
  one(
    'a name',
    { type: 'ExternalName', externalName: 'example.com' },
    { type: 'ClusterIP', externalName: null },
  ),
  one('a name that is none', { type: 'ExternalName', externalName: 'not_a_name..' }),
  one('no name', { type: 'ExternalName' }),
  one('an unknown type', { type: 'Balancer' }),
  one('a port of 0', port({ port: 0 })),
  one('a port of 70000', port({ port: 70_000 })),
  one('a protocol that is none', port({ protocol: 'ICMP' })),
  one('a target port that is none', port({ targetPort: 'Not-A-Name!' })),
  one('a target port of 0', port({ targetPort: 70_000 })),
  one('an app protocol that is none', port({ appProtocol: 'a b' })),
  one('a name of a port that is none', port({ name: 'UPPER' })),
  one('two ports without names', { ports: [{ port: 80 }, { port: 81 }] }),
  one('two ports of one name', {
    ports: [
      { name: 'a', port: 80 },
      { name: 'a', port: 81 },
    ],
  }),
  one('one port twice', {
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 80 },
    ],
  }),
  one('a node port out of range', { type: 'NodePort', ...port({ nodePort: 80 }) }),
  one('a node port of a cluster Service', port({ nodePort: 30_000 })),
  one(
    'a node port of a load balancer without',
    lb({ allocateLoadBalancerNodePorts: false, ports: [{ port: 80, nodePort: 31_999 }] }),
  ),
  one('an affinity that is none', { sessionAffinity: 'Cookie' }),
  one('affinity', { sessionAffinity: 'ClientIP' }, { sessionAffinity: 'None' }),
  one('an affinity of two days', {
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 172_800 } },
  }),
  one('a configuration of no affinity', { sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } }),
  one('an external policy of a cluster Service', { externalTrafficPolicy: 'Local' }),
  one('an external policy that is none', lb({ externalTrafficPolicy: 'Near' })),
  one('an internal policy that is none', { internalTrafficPolicy: 'Near' }),
  one('a traffic distribution that is none', { trafficDistribution: 'Near' }),
  one(
    'the external policy changes',
    lb(),
    { externalTrafficPolicy: 'Local' },
    { externalTrafficPolicy: 'Cluster' },
  ),
  one('a health check port of one that has none', lb({ healthCheckNodePort: 32_000 })),
  one(
    'the health check port is not changed',
    lb({ externalTrafficPolicy: 'Local', healthCheckNodePort: 32_001 }),
    { healthCheckNodePort: 32_002 },
  ),
  one('source ranges that are none', lb({ loadBalancerSourceRanges: ['10.0.0.0', 'x'] })),
  one('source ranges of a cluster Service', { loadBalancerSourceRanges: ['10.0.0.0/8'] }),
  one('an address of a load balancer that is none', lb({ loadBalancerIP: 'x' })),
  one('a class of a cluster Service', { loadBalancerClass: 'example.com/a' }),
  one('a class that is none', lb({ loadBalancerClass: 'A b' })),
  one(
    'the class is not changed',
    lb({ loadBalancerClass: 'example.com/a' }),
    { loadBalancerClass: 'example.com/b' },
    { loadBalancerClass: null },
  ),
  one('a class does not come later', lb(), { loadBalancerClass: 'example.com/a' }),
  one('the type changes and the class goes', lb({ loadBalancerClass: 'example.com/a' }), {
    type: 'ClusterIP',
    loadBalancerClass: null,
  }),
  one('the type changes and the class stays', lb({ loadBalancerClass: 'example.com/a' }), {
    type: 'ClusterIP',
  }),
  one('the type changes', lb(), { type: 'NodePort' }, { type: 'ClusterIP' }, { type: 'LoadBalancer' }),
  one(
    'to a name and back',
    {},
    { type: 'ExternalName', externalName: 'a.example' },
    { type: 'ClusterIP', externalName: null },
  ),
  one('external addresses that are none', {
    externalIPs: ['x', '127.0.0.1', '0.0.0.0', '224.0.0.1', '169.254.1.1'],
  }),
  one('addresses with leading zeros', {
    externalIPs: ['192.000.002.001'],
    ...lb({ loadBalancerSourceRanges: ['010.0.0.0/8'] }),
  }),
  one('an IPv4 address as IPv6', { externalIPs: ['::ffff:192.0.2.1'] }),
  one('a selector that is none', { selector: { 'a b': 'c d' } }),
  one('an unknown field', { colour: 'red' }),
  {
    name: 'Service: two of one node port, two of one address',
    steps: [
      post(
        SERVICES,
        service('one', {
          type: 'NodePort',
          clusterIP: '10.96.200.1',
          ports: [{ port: 80, nodePort: 32_100 }],
        }),
      ),
      post(SERVICES, service('two', { type: 'NodePort', ports: [{ port: 80, nodePort: 32_100 }] })),
      post(SERVICES, service('two', { clusterIP: '10.96.200.1' })),
      post(
        SERVICES,
        service('two', { type: 'NodePort', ports: [{ port: 80, nodePort: 32_100, protocol: 'UDP' }] }),
      ),
      remove(`${SERVICES}/one`),
      remove(`${SERVICES}/two`),
    ],
  },
  {
    name: 'Service: status',
    steps: [
      post(SERVICES, service('one', lb()), { as: 'made' }),
      patch('merge', `${SERVICES}/one/status`, {
        metadata: { annotations: { a: 'b' }, labels: { c: 'd' } },
        spec: { externalTrafficPolicy: 'Local' },
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
      }),
      patch('merge', `${SERVICES}/one/status`, {
        status: {
          loadBalancer: {
            ingress: [{ ip: '192.0.2.1', ipMode: 'VIP', ports: [{ port: 80, protocol: 'TCP' }] }],
          },
        },
      }),
      patch('merge', `${SERVICES}/one/status`, { status: { loadBalancer: { ingress: [{ ip: 'x' }] } } }),
      patch('merge', `${SERVICES}/one/status`, {
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'Odd' }] } },
      }),
      patch('merge', `${SERVICES}/one/status`, {
        status: { loadBalancer: { ingress: [{ hostname: '192.0.2.1' }] } },
      }),
      patch('merge', `${SERVICES}/one/status`, {
        status: { loadBalancer: { ingress: [{ ipMode: 'VIP' }] } },
      }),
      patch('merge', `${SERVICES}/one/status`, {
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ports: [{ port: 0, protocol: 'X' }] }] } },
      }),
      patch('merge', `${SERVICES}/one/status`, { status: { conditions: [condition('x y')] } }),
      patch('merge', `${SERVICES}/one/status`, {
        status: {
          conditions: [
            {
              type: 'a',
              status: 'True',
              reason: 'R',
              message: '',
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        },
      }),
      patch('merge', `${SERVICES}/one`, { status: { loadBalancer: null } }),
      patch('merge', `${SERVICES}/one`, { spec: { type: 'ClusterIP' } }),
      patch('merge', `${SERVICES}/one/status`, {
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
      }),
      get(`${SERVICES}/one/status`),
      remove(`${SERVICES}/one`),
    ],
  },
  {
    name: 'Service: replaced',
    steps: [
      post(SERVICES, service('one', lb()), { as: 'made' }),
      put(`${SERVICES}/one`, service('one', lb({ selector: { a: 'b' } }))),
      put(
        `${SERVICES}/one`,
        service('one', lb({ selector: { a: 'c' } }), { resourceVersion: '{made:metadata.resourceVersion}' }),
      ),
      put(`${SERVICES}/one`, service('two', lb())),
      put(`${SERVICES}/two`, service('two', lb())),
      remove(`${SERVICES}/one`),
    ],
  },
]
