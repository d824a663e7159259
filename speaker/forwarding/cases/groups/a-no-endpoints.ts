import { everyWay, EXTERNAL, flow, LB1, NODE, one, OUTSIDE, POD, type Scene } from '../scene.ts'

const C1 = '172.30.0.41:80'

export const noEndpoints: readonly Scene[] = [
  {
    group: 'A',
    title: 'no endpoints',
    services: [one('svc1', everyWay, [])],
    flows: [
      flow(1, 'pod → ClusterIP', POD, C1, 'reject'),
      flow(2, 'outside → external address', OUTSIDE, `${EXTERNAL}:80`, 'reject'),
      flow(3, 'pod → NodePort', POD, `${NODE}:3001`, 'reject'),
      flow(4, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, 'reject'),
      flow(5, 'pod → load balancer address', POD, `${LB1}:80`, 'reject'),
      flow(6, 'outside → load balancer address', OUTSIDE, `${LB1}:80`, 'reject'),
      flow(0, 'node → ClusterIP', NODE, C1, 'reject'),
      flow(0, 'node → NodePort', NODE, `${NODE}:3001`, 'reject'),
      flow(0, 'node → load balancer address', NODE, `${LB1}:80`, 'reject'),
      flow(0, 'outside → ClusterIP', OUTSIDE, C1, 'reject'),
    ],
  },
  {
    group: '+',
    title: 'endpoints that are neither ready nor terminating',
    services: [one('svc1', everyWay, [{ address: '10.0.1.1', node: 'node-1', state: 'unready' }])],
    flows: [
      flow(0, 'pod → ClusterIP', POD, C1, 'reject'),
      flow(0, 'outside → load balancer address', OUTSIDE, `${LB1}:80`, 'reject'),
    ],
  },
]
