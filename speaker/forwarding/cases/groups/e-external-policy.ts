import {
  everyWay,
  EXTERNAL,
  flow,
  LB1,
  NODE,
  one,
  OUTSIDE,
  POD,
  remoteAndLocal,
  type Scene,
} from '../scene.ts'

const C1 = '172.30.0.41:80'
const both = '10.180.0.1:80, 10.180.2.1:80'
const bothM = '10.180.0.1:80 m, 10.180.2.1:80 m'
const local = '10.180.2.1:80'

export const externalPolicy: readonly Scene[] = [
  {
    group: 'E',
    title: 'externalTrafficPolicy Local',
    services: [one('svc1', { ...everyWay, external: 'Local' }, remoteAndLocal)],
    flows: [
      flow(35, 'pod → ClusterIP', POD, C1, both),
      flow(36, 'pod → external address', POD, `${EXTERNAL}:80`, both),
      flow(37, 'outside → external address', OUTSIDE, `${EXTERNAL}:80`, local),
      flow(38, 'pod → LB', POD, `${LB1}:80`, both),
      flow(39, 'outside → LB', OUTSIDE, `${LB1}:80`, local),
      flow(40, 'pod → NodePort', POD, `${NODE}:3001`, both),
      flow(41, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, local),
      flow(0, 'node → LB', NODE, `${LB1}:80`, bothM),
      flow(
        0,
        'endpoint → LB of its own Service',
        '10.180.2.1',
        `${LB1}:80`,
        '10.180.0.1:80, 10.180.2.1:80 m',
      ),
    ],
  },
  {
    group: '+',
    title: 'externalTrafficPolicy Local, no endpoint here',
    services: [one('svc1', { ...everyWay, external: 'Local' }, remoteAndLocal.slice(0, 1))],
    flows: [
      flow(0, 'outside → external address', OUTSIDE, `${EXTERNAL}:80`, 'drop'),
      flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, 'drop'),
      flow(0, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, 'drop'),
      flow(0, 'pod → ClusterIP', POD, C1, '10.180.0.1:80'),
      flow(0, 'pod → LB', POD, `${LB1}:80`, '10.180.0.1:80'),
      flow(0, 'pod → NodePort', POD, `${NODE}:3001`, '10.180.0.1:80'),
      flow(0, 'node → LB', NODE, `${LB1}:80`, '10.180.0.1:80 m'),
      flow(0, 'node → NodePort', NODE, `${NODE}:3001`, '10.180.0.1:80 m'),
    ],
  },
  {
    group: 'F',
    title: 'externalTrafficPolicy Cluster',
    services: [one('svc1', everyWay, remoteAndLocal)],
    flows: [
      flow(42, 'pod → ClusterIP', POD, C1, both),
      flow(43, 'pod → external address', POD, `${EXTERNAL}:80`, bothM),
      flow(44, 'outside → external address', OUTSIDE, `${EXTERNAL}:80`, bothM),
      flow(45, 'pod → LB', POD, `${LB1}:80`, bothM),
      flow(46, 'outside → LB', OUTSIDE, `${LB1}:80`, bothM),
      flow(47, 'pod → NodePort', POD, `${NODE}:3001`, bothM),
      flow(48, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, bothM),
      flow(0, 'endpoint → NodePort of its own Service', '10.180.2.1', `${NODE}:3001`, bothM),
    ],
  },
  {
    group: '+',
    title: 'both policies Local',
    services: [one('svc1', { ...everyWay, external: 'Local', internal: 'Local' }, remoteAndLocal)],
    flows: [
      flow(0, 'pod → ClusterIP', POD, C1, local),
      flow(0, 'node → ClusterIP', NODE, C1, '10.180.2.1:80 m'),
      flow(0, 'outside → ClusterIP', OUTSIDE, C1, '10.180.2.1:80 m'),
      flow(0, 'pod → LB', POD, `${LB1}:80`, both),
      flow(0, 'node → LB', NODE, `${LB1}:80`, bothM),
      flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, local),
      flow(0, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, local),
    ],
  },
  {
    group: '+',
    title: 'both policies Local, no endpoint here',
    services: [
      one('svc1', { ...everyWay, external: 'Local', internal: 'Local' }, remoteAndLocal.slice(0, 1)),
    ],
    flows: [
      flow(0, 'pod → ClusterIP', POD, C1, 'drop'),
      flow(0, 'node → ClusterIP', NODE, C1, 'drop'),
      flow(0, 'pod → LB', POD, `${LB1}:80`, '10.180.0.1:80'),
      flow(0, 'node → LB', NODE, `${LB1}:80`, '10.180.0.1:80 m'),
      flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, 'drop'),
    ],
  },
]
