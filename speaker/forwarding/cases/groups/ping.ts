import { everyWay, EXTERNAL, flow, LB1, NODE, one, OUTSIDE, POD, type Scene } from '../scene.ts'

const answered = (who: string, from: string) => [
  flow(0, `${who} → ping a ClusterIP`, from, '172.30.0.41', 'answer', 'ICMP'),
  flow(0, `${who} → ping a load balancer address`, from, LB1, 'answer', 'ICMP'),
]

export const ping: readonly Scene[] = [
  {
    group: '+',
    title: 'ping',
    services: [one('svc1', everyWay, [])],
    flows: [
      ...answered('outside', OUTSIDE),
      ...answered('pod', POD),
      ...answered('node', NODE),
      flow(0, 'outside → ping an external address', OUTSIDE, EXTERNAL, 'untouched', 'ICMP'),
    ],
  },
]
