import {
  away,
  flow,
  here,
  LB1,
  NODE_NAME,
  one,
  OUTSIDE,
  POD,
  ZONE,
  type EndpointText,
  type Scene,
} from '../scene.ts'

const near = { zones: [ZONE] }
const far = { zones: ['zone-b'] }
const mine = { nodes: [NODE_NAME] }
const others = { nodes: ['other'] }

const scene = (title: string, endpoints: readonly EndpointText[], usable: readonly string[]): Scene => ({
  group: '+',
  title: `topology hints: ${title}`,
  services: [one('svc1', { ingress: [{ ip: LB1 }] }, endpoints)],
  flows: [
    flow(0, 'pod → ClusterIP', POD, '172.30.0.41:80', usable.join(', ')),
    flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, usable.map((text) => `${text} m`).join(', ')),
  ],
})

const A = '10.0.1.1:80'
const B = '10.0.1.2:80'
const C = '10.0.1.3:80'

/** Hints by zone and by node (KEP-2433, KEP-4444). */
export const topology: readonly Scene[] = [
  scene('one zone is ours', [here('10.0.1.1', far), away('10.0.1.2', near), away('10.0.1.3', near)], [B, C]),
  scene(
    'one endpoint without a hint',
    [here('10.0.1.1', far), away('10.0.1.2', near), away('10.0.1.3')],
    [A, B, C],
  ),
  scene('no zone is ours', [here('10.0.1.1', far), away('10.0.1.2', far)], [A, B]),
  scene(
    'nodes before zones',
    [here('10.0.1.1', { ...near, ...mine }), away('10.0.1.2', { ...near, ...others })],
    [A],
  ),
  scene(
    'one endpoint without a node: zones',
    [here('10.0.1.1', { ...near, ...mine }), away('10.0.1.2', near), away('10.0.1.3', far)],
    [A, B],
  ),
  scene(
    'hints of endpoints that are not ready do not count',
    [
      away('10.0.1.1', near),
      away('10.0.1.2', far),
      away('10.0.1.3', { state: 'unready' }),
      away('10.0.1.4', { state: 'serving', ...near }),
    ],
    [A],
  ),
  scene(
    'none for the fallback to terminating endpoints',
    [away('10.0.1.1', { state: 'serving', ...near }), away('10.0.1.2', { state: 'serving', ...far })],
    [A, B],
  ),
  {
    group: '+',
    title: 'topology hints: none for Local policies',
    services: [
      one('svc1', { ingress: [{ ip: LB1 }], external: 'Local', internal: 'Local' }, [
        here('10.0.1.1', far),
        here('10.0.1.2', near),
        away('10.0.1.3', near),
      ]),
    ],
    flows: [
      flow(0, 'pod → ClusterIP', POD, '172.30.0.41:80', '10.0.1.1:80, 10.0.1.2:80'),
      flow(0, 'outside → LB', OUTSIDE, `${LB1}:80`, '10.0.1.1:80, 10.0.1.2:80'),
      flow(0, 'pod → LB', POD, `${LB1}:80`, '10.0.1.2:80, 10.0.1.3:80'),
    ],
  },
]
