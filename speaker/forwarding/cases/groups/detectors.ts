import {
  away,
  flow,
  here,
  LB2,
  NODE,
  one,
  OUTSIDE,
  POD,
  POD2,
  type Flow,
  type Scene,
  type SceneConfig,
} from '../scene.ts'

/** The bridge that the client pods of the kernel tests are behind. */
export const POD_BRIDGE = 'cni0'

const services = [
  one(
    'svc2',
    {
      clusterIPs: ['172.30.0.42'],
      ports: [{ port: 80, nodePort: 3002 }],
      ingress: [{ ip: LB2 }],
      external: 'Local',
    },
    [here('10.0.1.1'), away('10.0.1.2')],
  ),
]
const C2 = '172.30.0.42:80'
const both = '10.0.1.1:80, 10.0.1.2:80'
const bothM = '10.0.1.1:80 m, 10.0.1.2:80 m'

const scene = (title: string, detector: SceneConfig['detector'], flows: readonly Flow[]): Scene => ({
  group: '+',
  title: `pods are known by ${title}`,
  services,
  config: { detector },
  flows: [
    ...flows,
    flow(0, 'outside → ClusterIP', OUTSIDE, C2, bothM),
    flow(0, 'outside → LB, external Local', OUTSIDE, `${LB2}:80`, '10.0.1.1:80'),
    flow(0, 'node → ClusterIP', NODE, C2, bothM),
    flow(0, 'node → LB, external Local', NODE, `${LB2}:80`, bothM),
  ],
})

const aPod = (address: string): Flow[] => [
  flow(0, 'pod → ClusterIP', address, C2, both),
  flow(0, 'pod → LB, external Local', address, `${LB2}:80`, both),
  flow(0, 'pod → NodePort, external Local', address, `${NODE}:3002`, both),
]

/** kube-proxy's `--detect-local-mode`; ClusterCIDR is what all other scenes use. */
export const detectors: readonly Scene[] = [
  scene('the Pod CIDRs of the Node', { by: 'node-cidrs' }, [
    ...aPod(POD2),
    flow(0, 'pod of another range → ClusterIP', POD, C2, bothM),
    flow(0, 'pod of another range → LB, external Local', POD, `${LB2}:80`, '10.0.1.1:80'),
  ]),
  scene('their bridge', { by: 'bridge', name: POD_BRIDGE }, [...aPod(POD), ...aPod(POD2)]),
  scene('the prefix of their interfaces', { by: 'interface-prefix', prefix: POD_BRIDGE.slice(0, 3) }, [
    ...aPod(POD),
    ...aPod(POD2),
  ]),
]
