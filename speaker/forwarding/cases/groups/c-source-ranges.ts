import { BLOCKED, EXTERNAL, flow, LB1, LB2, NODE, one, OUTSIDE, POD, type Scene } from '../scene.ts'

const ranged = one(
  'svc1',
  {
    ports: [{ port: 80, nodePort: 3001 }],
    externalIPs: [EXTERNAL],
    ingress: [{ ip: LB1 }, { ip: LB2 }],
    ranges: ['192.168.0.0/24', ' 203.0.113.0/25'],
  },
  ['10.180.0.1'],
)
const seen = '10.180.0.1:80 m'
const open = (title: string, families: Scene['families'], ranges: string[]): Scene => ({
  group: '+',
  title,
  families,
  services: [one('svc1', { ingress: [{ ip: LB1 }], ranges }, ['10.180.0.1'])],
  flows: [flow(0, 'blocked → load balancer address', BLOCKED, `${LB1}:80`, seen)],
})

export const sourceRanges: readonly Scene[] = [
  {
    group: 'C',
    title: 'source ranges',
    services: [ranged],
    flows: [
      flow(17, 'pod → ClusterIP', POD, '172.30.0.41:80', '10.180.0.1:80'),
      flow(18, 'outside → NodePort', OUTSIDE, `${NODE}:3001`, seen),
      flow(19, 'blocked → NodePort, which ranges do not concern', BLOCKED, `${NODE}:3001`, seen),
      flow(20, 'outside → first address', OUTSIDE, `${LB1}:80`, seen),
      flow(21, 'outside → second address', OUTSIDE, `${LB2}:80`, seen),
      flow(22, 'blocked → first address', BLOCKED, `${LB1}:80`, 'drop'),
      flow(23, 'blocked → second address', BLOCKED, `${LB2}:80`, 'drop'),
      flow(24, 'pod → first address', POD, `${LB1}:80`, 'drop'),
      flow(25, 'pod → second address', POD, `${LB2}:80`, 'drop'),
      flow(26, 'node → first address', NODE, `${LB1}:80`, seen),
      flow(27, 'node → second address', NODE, `${LB2}:80`, seen),
      flow(0, 'blocked → external address, which ranges do not concern', BLOCKED, `${EXTERNAL}:80`, seen),
    ],
  },
  {
    group: 'C',
    title: 'source ranges, the addresses bound on the node',
    services: [ranged],
    bound: [LB1, LB2],
    flows: [
      flow(28, 'first address → itself', LB1, `${LB1}:80`, seen),
      flow(29, 'second address → itself', LB2, `${LB2}:80`, seen),
      flow(0, 'blocked → first address', BLOCKED, `${LB1}:80`, 'drop'),
    ],
  },
  open('a range of everything restricts nobody', [4, 6], ['0.0.0.0/0', '203.0.113.0/25']),
  open('ranges of the other family restrict nobody', [4], ['2001:db8::/32']),
  {
    group: '+',
    title: 'one address as load balancer and as external address keeps its ranges',
    services: [
      one('svc1', { ingress: [{ ip: LB1 }], externalIPs: [LB1], ranges: ['203.0.113.0/25'] }, ['10.180.0.1']),
    ],
    flows: [
      flow(0, 'outside → it', OUTSIDE, `${LB1}:80`, seen),
      flow(0, 'blocked → it', BLOCKED, `${LB1}:80`, 'drop'),
    ],
  },
  {
    group: '+',
    title: 'source ranges with externalTrafficPolicy Local',
    services: [
      one('svc1', { ingress: [{ ip: LB1 }], external: 'Local', ranges: ['203.0.113.0/25', '10.0.0.0/8'] }, [
        '10.180.0.1',
        { address: '10.180.2.1', node: 'node-1' },
      ]),
    ],
    flows: [
      flow(0, 'outside → load balancer address', OUTSIDE, `${LB1}:80`, '10.180.2.1:80'),
      flow(0, 'blocked → load balancer address', BLOCKED, `${LB1}:80`, 'drop'),
      flow(0, 'pod → load balancer address', POD, `${LB1}:80`, '10.180.0.1:80, 10.180.2.1:80'),
      flow(0, 'node → load balancer address', NODE, `${LB1}:80`, 'drop'),
    ],
  },
]
