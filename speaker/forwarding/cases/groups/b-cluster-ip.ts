import { away, flow, here, NODE, one, POD, POD2, type Scene } from '../scene.ts'

const ports = [
  { name: 'http', port: 80 },
  { name: 'https', port: 443 },
  { name: 'dns-udp', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  { name: 'dns-sctp', port: 53, protocol: 'SCTP' },
] as const

/** Another number for TCP, so that one can tell which of the three was taken. */
const targets = ports.map((port) => ({
  ...port,
  port: port.name === 'https' ? 8443 : port.name === 'dns-tcp' ? 5353 : port.port,
}))

const C1 = '172.30.0.41'
const C2 = '172.30.0.42'
const both = (port: number) => `10.180.0.1:${port}, 10.180.2.1:${port}`

export const clusterIP: readonly Scene[] = [
  {
    group: 'B',
    title: 'ClusterIP',
    transports: 'as written',
    services: [
      one('svc1', { ports: [{ name: 'http', port: 80 }] }, [here('10.180.0.1')]),
      {
        name: 'svc2',
        text: { clusterIPs: [C2], ports: [...ports] },
        slices: [{ endpoints: [here('10.180.0.1'), away('10.180.2.1')], ports: targets }],
      },
    ],
    flows: [
      flow(7, 'pod → one endpoint', POD2, `${C1}:80`, '10.180.0.1:80'),
      flow(8, 'endpoint → itself', '10.180.0.1', `${C1}:80`, '10.180.0.1:80 m'),
      flow(9, 'pod → two endpoints', POD2, `${C2}:80`, both(80)),
      flow(10, 'pod → target port of another number', POD2, `${C2}:443`, both(8443)),
      flow(11, 'pod → TCP of three transports', POD2, `${C2}:53`, both(5353)),
      flow(12, 'pod → UDP of three transports', POD2, `${C2}:53`, both(53), 'UDP'),
      flow(13, 'pod → SCTP of three transports', POD2, `${C2}:53`, both(53), 'SCTP'),
      flow(14, 'pod → a TCP port with UDP', POD2, `${C2}:80`, 'reject', 'UDP'),
      flow(15, 'pod → a port of the other Service', POD2, `${C1}:443`, 'reject'),
      flow(16, 'pod → an address that no Service has', POD2, '172.30.0.50:80', 'drop'),
      flow(0, 'endpoint → itself or another', '10.180.0.1', `${C2}:80`, '10.180.0.1:80 m, 10.180.2.1:80'),
      flow(
        0,
        'endpoint → itself or another',
        '10.180.0.1',
        `${C2}:53`,
        '10.180.0.1:53 m, 10.180.2.1:53',
        'UDP',
      ),
      flow(
        0,
        'endpoint → itself or another',
        '10.180.0.1',
        `${C2}:53`,
        '10.180.0.1:53 m, 10.180.2.1:53',
        'SCTP',
      ),
      flow(0, 'node → a port that the Service does not have', NODE, `${C2}:90`, 'reject'),
      flow(0, 'pod → a TCP port with SCTP', POD2, `${C2}:80`, 'reject', 'SCTP'),
      flow(0, 'pod → an address that no Service has', POD2, '172.30.0.50:80', 'drop', 'UDP'),
      flow(0, 'node → an address that no Service has', NODE, '172.30.0.50:80', 'drop'),
      flow(0, 'pod → ping an address that no Service has', POD, '172.30.0.50', 'drop', 'ICMP'),
      flow(0, 'pod → somewhere else', POD, '198.51.100.1:80', 'untouched'),
    ],
  },
]
