import { away, flow, here, LB1, NODE, one, OUTSIDE, POD, type EndpointText, type Scene } from '../scene.ts'

const C = '172.30.1.1:80'
const serving = { state: 'serving' } as const
const gone = { state: 'gone' } as const

const services = (
  external: 'Cluster' | 'Local',
  endpoints: readonly EndpointText[],
  internal: 'Cluster' | 'Local' = 'Cluster',
) => [one('svc1', { clusterIPs: ['172.30.1.1'], ingress: [{ ip: LB1 }], external, internal }, endpoints)]

/** A number of the list covers both flows. */
const scene = (
  number: number,
  title: string,
  external: 'Cluster' | 'Local',
  endpoints: readonly EndpointText[],
  inside: string,
  outside: string,
): Scene => ({
  group: external === 'Local' ? 'H' : 'I',
  title: `terminating endpoints, externalTrafficPolicy ${external}, ${title}`,
  services: services(external, endpoints),
  flows: [
    flow(number, 'pod → ClusterIP', POD, C, inside),
    flow(number, 'outside → LB', OUTSIDE, `${LB1}:80`, outside),
  ],
})

const unusable = [here('10.0.1.5', gone), away('10.0.1.5', gone)]

export const terminating: readonly Scene[] = [
  scene(
    54,
    'ready ones are there',
    'Local',
    [here('10.0.1.1'), here('10.0.1.2'), here('10.0.1.3', serving), here('10.0.1.4', gone), away('10.0.1.5')],
    '10.0.1.1:80, 10.0.1.2:80, 10.0.1.5:80',
    '10.0.1.1:80, 10.0.1.2:80',
  ),
  scene(
    55,
    'those of this node all terminate',
    'Local',
    [here('10.0.1.2', serving), here('10.0.1.3', serving), here('10.0.1.4', gone), away('10.0.1.5')],
    '10.0.1.5:80',
    '10.0.1.2:80, 10.0.1.3:80',
  ),
  scene(56, 'only a remote one serves', 'Local', [away('10.0.1.5', serving)], '10.0.1.5:80', 'drop'),
  scene(57, 'none can be used', 'Local', unusable, 'reject', 'reject'),
  scene(58, 'the slice deleted', 'Local', [], 'reject', 'reject'),
  scene(
    59,
    'ready ones are there',
    'Cluster',
    [here('10.0.1.1'), here('10.0.1.2'), away('10.0.1.3', serving), away('10.0.1.4', gone), away('10.0.1.5')],
    '10.0.1.1:80, 10.0.1.2:80, 10.0.1.5:80',
    '10.0.1.1:80 m, 10.0.1.2:80 m, 10.0.1.5:80 m',
  ),
  scene(
    60,
    'all terminate',
    'Cluster',
    [here('10.0.1.2', serving), here('10.0.1.3', serving), away('10.0.1.4', gone), away('10.0.1.5', serving)],
    '10.0.1.2:80, 10.0.1.3:80, 10.0.1.5:80',
    '10.0.1.2:80 m, 10.0.1.3:80 m, 10.0.1.5:80 m',
  ),
  scene(
    61,
    'only a remote one serves',
    'Cluster',
    [away('10.0.1.5', serving)],
    '10.0.1.5:80',
    '10.0.1.5:80 m',
  ),
  scene(62, 'none can be used', 'Cluster', unusable, 'reject', 'reject'),
  scene(62, 'the slice deleted', 'Cluster', [], 'reject', 'reject'),
  {
    group: '+',
    title: 'terminating here, ready elsewhere, externalTrafficPolicy Local',
    services: services('Local', [here('10.0.1.2', serving), away('10.0.1.5')]),
    flows: [
      flow(0, 'pod → LB', POD, `${LB1}:80`, '10.0.1.5:80'),
      flow(0, 'node → LB', NODE, `${LB1}:80`, '10.0.1.5:80 m'),
      flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, '10.0.1.2:80'),
    ],
  },
  {
    group: '+',
    title: 'terminating here, ready elsewhere, internalTrafficPolicy Local',
    services: services('Cluster', [here('10.0.1.2', serving), away('10.0.1.5')], 'Local'),
    flows: [
      flow(0, 'pod → ClusterIP', POD, C, '10.0.1.2:80'),
      flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, '10.0.1.5:80 m'),
    ],
  },
  {
    group: '+',
    title: 'gone here, ready elsewhere, internalTrafficPolicy Local',
    services: services('Cluster', [here('10.0.1.2', gone), away('10.0.1.5')], 'Local'),
    flows: [flow(0, 'pod → ClusterIP', POD, C, 'drop')],
  },
]
