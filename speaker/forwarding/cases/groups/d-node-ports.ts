import {
  flow,
  NODE,
  NODE_OTHER,
  one,
  OUTSIDE,
  POD,
  remoteAndLocal,
  type Scene,
  type SceneConfig,
} from '../scene.ts'

const both = '10.180.0.1:80 m, 10.180.2.1:80 m'
const services = [one('svc1', { type: 'NodePort', ports: [{ port: 80, nodePort: 3001 }] }, remoteAndLocal)]
const scene = (title: string, config: SceneConfig, flows: Scene['flows'], group = '+'): Scene => ({
  group,
  title,
  services,
  config,
  flows,
})

export const nodePorts: readonly Scene[] = [
  scene(
    'NodePorts on the primary address',
    {},
    [
      flow(30, 'pod → ClusterIP', POD, '172.30.0.41:80', '10.180.0.1:80, 10.180.2.1:80'),
      flow(31, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, both),
      flow(32, 'node → NodePort', NODE, `${NODE}:3001`, both),
      flow(33, 'outside → second address of the node', OUTSIDE, `${NODE_OTHER}:3001`, 'untouched'),
    ],
    'D',
  ),
  scene(
    'NodePorts on addresses in two ranges',
    { nodePortAddresses: ['192.168.0.0/24', '192.168.1.0/24'] },
    [
      flow(34, 'outside → second address of the node', OUTSIDE, `${NODE_OTHER}:3001`, both),
      flow(0, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, both),
      flow(0, 'node → NodePort', NODE, `${NODE}:3001`, both),
    ],
    'D',
  ),
  scene('a range without the second address', { nodePortAddresses: ['192.168.0.0/24'] }, [
    flow(0, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, both),
    flow(0, 'outside → second address of the node', OUTSIDE, `${NODE_OTHER}:3001`, 'untouched'),
  ]),
  scene('a range inside another one', { nodePortAddresses: ['192.168.0.0/24', '192.168.0.0/16'] }, [
    flow(0, 'outside → second address of the node', OUTSIDE, `${NODE_OTHER}:3001`, both),
  ]),
  scene('every address of the node', { nodePortAddresses: ['0.0.0.0/0'] }, [
    flow(0, 'outside → second address of the node', OUTSIDE, `${NODE_OTHER}:3001`, both),
    flow(0, 'node → loopback', '127.0.0.1', '127.0.0.1:3001', 'untouched'),
    flow(0, 'outside → an address that is not the node’s', OUTSIDE, '198.51.100.1:3001', 'untouched'),
  ]),
  {
    ...scene(
      'a family without a range of its own has every address',
      { nodePortAddresses: ['192.168.0.0/24'], ipv4Only: true },
      [flow(0, 'outside → second address of the node', OUTSIDE, `${NODE_OTHER}:3001`, both)],
    ),
    families: [6],
  },
  {
    group: '+',
    title: 'an address and port of one Service that is a NodePort of another',
    services: [
      one('svc1', { type: 'NodePort', ports: [{ port: 80, nodePort: 3001 }] }, ['10.180.0.1']),
      one(
        'svc2',
        { clusterIPs: ['172.30.0.42'], ports: [{ port: 3001 }], externalIPs: [NODE] },
        // Its endpoints answer on the port of the Service.
        ['10.180.2.1'],
      ),
    ],
    flows: [flow(0, 'outside → it: the address wins', OUTSIDE, `${NODE}:3001`, '10.180.2.1:3001 m')],
  },
  {
    group: '+',
    title: 'a load balancer address that is the node’s',
    services: [
      one('svc1', { ports: [{ port: 80, nodePort: 3002 }], ingress: [{ ip: NODE }] }, ['10.180.0.1']),
    ],
    flows: [
      flow(0, 'outside → it', OUTSIDE, `${NODE}:80`, '10.180.0.1:80 m'),
      flow(0, 'outside → NodePort', OUTSIDE, `${NODE}:3002`, '10.180.0.1:80 m'),
      flow(0, 'outside → another port of the node', OUTSIDE, `${NODE}:3001`, 'untouched'),
    ],
  },
  {
    group: '+',
    title: 'one NodePort, two transports, two Services',
    transports: 'as written',
    services: [
      one('svc1', { type: 'NodePort', ports: [{ port: 80, nodePort: 3001 }] }, ['10.180.0.1']),
      one(
        'svc2',
        {
          type: 'NodePort',
          clusterIPs: ['172.30.0.42'],
          ports: [{ port: 53, nodePort: 3001, protocol: 'UDP' }],
        },
        ['10.180.2.1'],
      ),
    ],
    flows: [
      flow(0, 'outside → TCP', OUTSIDE, `${NODE}:3001`, '10.180.0.1:80 m'),
      flow(0, 'outside → UDP', OUTSIDE, `${NODE}:3001`, '10.180.2.1:53 m', 'UDP'),
    ],
  },
]
