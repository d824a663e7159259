import {
  away,
  flow,
  here,
  LB1,
  LB2,
  LB3,
  NODE,
  one,
  OUTSIDE,
  POD,
  type Flow,
  type Scene,
  type SceneConfig,
} from '../scene.ts'

/** svc1: both policies Cluster; svc2: externalTrafficPolicy Local; svc3: internalTrafficPolicy Local. */
const services = [LB1, LB2, LB3].map((ip, index) =>
  one(
    `svc${index + 1}`,
    {
      clusterIPs: [`172.30.0.4${index + 1}`],
      ports: [{ port: 80, nodePort: 3001 + index }],
      ingress: [{ ip }],
      external: index === 1 ? 'Local' : 'Cluster',
      internal: index === 2 ? 'Local' : 'Cluster',
    },
    [here(`10.180.3.${index + 1}`), away(`10.180.1.${index + 1}`)],
  ),
)

const cluster = (service: number): string => `172.30.0.4${service}:80`
const nodePort = (service: number): string => `${NODE}:${3000 + service}`
const both = (service: number): string => `10.180.3.${service}:80, 10.180.1.${service}:80`
const bothM = (service: number): string => `10.180.3.${service}:80 m, 10.180.1.${service}:80 m`
const local = (service: number): string => `10.180.3.${service}:80`
const localM = (service: number): string => `10.180.3.${service}:80 m`

const usual: readonly Flow[] = [
  flow(63, 'pod → ClusterIP', POD, cluster(1), both(1)),
  flow(64, 'pod → NodePort', POD, nodePort(1), bothM(1)),
  flow(65, 'pod → LB', POD, `${LB1}:80`, bothM(1)),
  flow(66, 'node → ClusterIP', NODE, cluster(1), bothM(1)),
  flow(67, 'node → NodePort', NODE, nodePort(1), bothM(1)),
  flow(68, 'node → LB', NODE, `${LB1}:80`, bothM(1)),
  flow(69, 'outside → ClusterIP', OUTSIDE, cluster(1), bothM(1)),
  flow(70, 'outside → NodePort', OUTSIDE, nodePort(1), bothM(1)),
  flow(71, 'outside → LB', OUTSIDE, `${LB1}:80`, bothM(1)),
  flow(72, 'pod → ClusterIP, external Local', POD, cluster(2), both(2)),
  flow(73, 'pod → NodePort, external Local', POD, nodePort(2), both(2)),
  flow(74, 'pod → LB, external Local', POD, `${LB2}:80`, both(2)),
  flow(75, 'node → ClusterIP, external Local', NODE, cluster(2), bothM(2)),
  flow(0, 'node → NodePort, external Local', NODE, nodePort(2), bothM(2)),
  flow(76, 'node → LB, external Local', NODE, `${LB2}:80`, bothM(2)),
  flow(77, 'outside → ClusterIP, external Local', OUTSIDE, cluster(2), bothM(2)),
  flow(78, 'outside → NodePort, external Local', OUTSIDE, nodePort(2), local(2)),
  flow(79, 'outside → LB, external Local', OUTSIDE, `${LB2}:80`, local(2)),
  flow(80, 'pod → ClusterIP, internal Local', POD, cluster(3), local(3)),
  flow(81, 'pod → NodePort, internal Local', POD, nodePort(3), bothM(3)),
  flow(82, 'pod → LB, internal Local', POD, `${LB3}:80`, bothM(3)),
  flow(83, 'node → ClusterIP, internal Local', NODE, cluster(3), localM(3)),
  flow(0, 'node → NodePort, internal Local', NODE, nodePort(3), bothM(3)),
  flow(0, 'node → LB, internal Local', NODE, `${LB3}:80`, bothM(3)),
  flow(85, 'outside → ClusterIP, internal Local', OUTSIDE, cluster(3), localM(3)),
  flow(86, 'outside → NodePort, internal Local', OUTSIDE, nodePort(3), bothM(3)),
  flow(0, 'outside → LB, internal Local', OUTSIDE, `${LB3}:80`, bothM(3)),
]

type Overrides = Readonly<Record<number, string>>

/** Without a detector everybody counts as a pod towards a ClusterIP, and nobody is short-circuited. */
const nobodyKnown: Overrides = {
  66: both(1),
  69: both(1),
  73: local(2),
  74: local(2),
  75: both(2),
  77: both(2),
  83: local(3),
  85: local(3),
}
const everythingMasqueraded: Overrides = { 63: bothM(1), 72: bothM(2), 80: localM(3) }

const scene = (title: string, config: SceneConfig, overrides: Overrides): Scene => ({
  group: 'J',
  title,
  services,
  config,
  flows: usual.map((row) => {
    const expected = overrides[row.number ?? 0]
    if (expected === row.expected) throw new TypeError(`case ${row.number}: the override changes nothing`)
    return expected === undefined ? row : { ...row, expected }
  }),
})

export const masquerade: readonly Scene[] = [
  scene('who is masqueraded', {}, {}),
  scene('without a detector', { detector: { by: 'nothing' } }, nobodyKnown),
  scene('with masqueradeAll', { masqueradeAll: true }, everythingMasqueraded),
  scene(
    'with masqueradeAll and no detector',
    { masqueradeAll: true, detector: { by: 'nothing' } },
    { ...everythingMasqueraded, 73: local(2), 74: local(2) },
  ),
]
