import { away, flow, here, one, POD, type EndpointText, type Scene } from '../scene.ts'

const scene = (
  title: string,
  internal: 'Cluster' | 'Local',
  endpoints: EndpointText[],
  number: number,
  expected: string,
): Scene => ({
  group: 'G',
  title,
  services: [one('svc1', { clusterIPs: ['172.30.1.1'], internal }, endpoints)],
  flows: [flow(number, 'pod → ClusterIP', POD, '172.30.1.1:80', expected)],
})

export const internalPolicy: readonly Scene[] = [
  scene(
    'internalTrafficPolicy Cluster',
    'Cluster',
    [here('10.0.1.1'), away('10.0.1.2'), away('10.0.1.3')],
    49,
    '10.0.1.1:80, 10.0.1.2:80, 10.0.1.3:80',
  ),
  scene(
    'internalTrafficPolicy Local, one endpoint here',
    'Local',
    [here('10.0.1.1'), away('10.0.1.2'), away('10.0.1.3')],
    50,
    '10.0.1.1:80',
  ),
  scene(
    'internalTrafficPolicy Local, two endpoints here',
    'Local',
    [here('10.0.1.1'), here('10.0.1.2'), away('10.0.1.3')],
    51,
    '10.0.1.1:80, 10.0.1.2:80',
  ),
  scene(
    'internalTrafficPolicy Local, none here',
    'Local',
    [away('10.0.1.1'), away('10.0.1.2'), away('10.0.1.3')],
    52,
    'drop',
  ),
  scene('internalTrafficPolicy Local, the slice deleted', 'Local', [], 53, 'reject'),
]
