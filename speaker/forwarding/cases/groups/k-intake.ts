import {
  away,
  everyWay,
  flow,
  here,
  LB1,
  LB2,
  one,
  OUTSIDE,
  POD,
  type Scene,
  type SceneService,
} from '../scene.ts'

const nothing = (title: string, service: SceneService, number = 0): Scene => ({
  group: number === 0 ? '+' : 'K',
  title,
  services: [service],
  elements: 0,
  flows: [flow(number, 'pod → where its ClusterIP would be', POD, '172.30.55.4:80', 'drop')],
})

const text = { clusterIPs: ['172.30.55.4'] }
const label = (name: string, value: string) => ({
  ...text,
  labels: { [`service.kubernetes.io/${name}`]: value },
})
const merged = (title: string, slices: SceneService['slices'], expected: string): Scene => ({
  group: 'K',
  title,
  transports: 'as written',
  services: [{ name: 'svc1', text: { ports: [{ name: 'p', port: 80 }] }, slices }],
  flows: [flow(91, 'pod → ClusterIP', POD, '172.30.0.41:80', expected)],
})
const named = (port: number, more: object = {}) => [{ name: 'p', port, ...more }]

export const intake: readonly Scene[] = [
  nothing('headless with ports: no element', one('svc1', { clusterIPs: ['None'] }, ['10.0.1.1']), 88),
  nothing('headless without ports: no element', one('svc1', { clusterIPs: ['None'], ports: [] }, []), 88),
  nothing(
    'ExternalName with a ClusterIP: no element',
    one('svc1', { ...text, type: 'ExternalName' }, ['10.0.1.1']),
    89,
  ),
  nothing('no ClusterIP: no element', one('svc1', { clusterIPs: [] }, ['10.0.1.1'])),
  nothing('label service-proxy-name: no element', one('svc1', label('service-proxy-name', ''), ['10.0.1.1'])),
  nothing('label headless: no element', one('svc1', label('headless', ''), ['10.0.1.1'])),
  merged(
    'two slices are one Service',
    [
      { endpoints: [here('10.0.1.1')], ports: named(8080) },
      { endpoints: [away('10.0.1.2')], ports: named(9090) },
    ],
    '10.0.1.1:8080, 10.0.1.2:9090',
  ),
  merged(
    'a port renamed leads nowhere',
    [{ endpoints: ['10.0.1.1'], ports: [{ name: 'q', port: 8080 }] }],
    'reject',
  ),
  merged(
    'a port renumbered replaces the old number',
    [{ endpoints: [here('10.0.1.1')], ports: named(5353) }],
    '10.0.1.1:5353',
  ),
  merged(
    'an endpoint in two slices counts once; other names, transports, families and headless slices do not count',
    [
      { endpoints: ['10.0.1.1', '10.0.1.2'], ports: named(8080) },
      { endpoints: ['10.0.1.2', '10.0.1.3'], ports: named(8080) },
      { endpoints: ['10.0.1.4'], ports: named(9090) },
      { endpoints: ['10.0.1.5'], ports: [{ name: 'q', port: 8080 }] },
      { endpoints: ['10.180.0.1'], ports: named(8080, { protocol: 'UDP' }) },
      { endpoints: ['10.180.3.2'], ports: named(0) },
      { endpoints: ['10.180.3.3'], ports: named(80), labels: { 'service.kubernetes.io/headless': '' } },
    ],
    '10.0.1.1:8080, 10.0.1.2:8080, 10.0.1.3:8080, 10.0.1.4:9090',
  ),
  {
    group: 'K',
    title: 'an endpoint without a node',
    services: [one('svc1', { ...everyWay, external: 'Local' }, ['10.0.1.1'])],
    flows: [
      flow(92, 'outside → LB', OUTSIDE, `${LB1}:80`, 'drop'),
      flow(92, 'pod → LB', POD, `${LB1}:80`, '10.0.1.1:80'),
    ],
  },
  {
    group: '+',
    title: 'ipMode Proxy and host names',
    services: [
      one(
        'svc1',
        { ingress: [{ ip: LB1, ipMode: 'Proxy' }, { hostname: 'a.example' }, { ip: LB2, ipMode: 'VIP' }] },
        [here('10.0.1.1')],
      ),
    ],
    flows: [
      flow(0, 'outside → address of ipMode Proxy', OUTSIDE, `${LB1}:80`, 'untouched'),
      flow(0, 'pod → address of ipMode Proxy', POD, `${LB1}:80`, 'untouched'),
      flow(0, 'outside → address of ipMode VIP', OUTSIDE, `${LB2}:80`, '10.0.1.1:80 m'),
    ],
  },
  {
    group: '+',
    title: 'load balancer addresses of a Service that is none any more',
    services: [one('svc1', { type: 'ClusterIP', ingress: [{ ip: LB1 }] }, [here('10.0.1.1')])],
    flows: [flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, 'untouched')],
  },
  {
    group: '+',
    title: 'an endpoint with two ports is two endpoints',
    transports: 'as written',
    services: [
      {
        name: 'svc1',
        text: { ports: [{ name: 'p', port: 80 }] },
        slices: [
          { endpoints: [here('10.0.1.1')], ports: named(80) },
          { endpoints: [here('10.0.1.1')], ports: named(8080) },
        ],
      },
    ],
    flows: [flow(0, 'pod → ClusterIP', POD, '172.30.0.41:80', '10.0.1.1:80, 10.0.1.1:8080')],
  },
  {
    group: '+',
    title: 'two Services claim one external address: the older has it',
    services: [
      one('svc1', { created: '2026-02-01T00:00:00Z', clusterIPs: ['172.30.0.41'], externalIPs: [LB1] }, [
        '10.0.1.1',
      ]),
      one('svc2', { created: '2026-01-01T00:00:00Z', clusterIPs: ['172.30.0.42'], externalIPs: [LB1] }, [
        '10.0.1.2',
      ]),
    ],
    flows: [
      flow(0, 'outside → it', OUTSIDE, `${LB1}:80`, '10.0.1.2:80 m'),
      flow(0, 'pod → ClusterIP of the other', POD, '172.30.0.41:80', '10.0.1.1:80'),
    ],
  },
]
