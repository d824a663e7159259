import { fileURLToPath } from 'node:url'
import { SWITCH } from '#lab/network/addressing.ts'
import type { LabProbe } from '#lab/probes/probe.ts'
import { Layer2World, NODES, VIP4, VIP6 } from '../../test/cluster/layer2-world.ts'

/** What the kernel answers for on the same LAN, whatever becomes of the nodes: the switch's own addresses. */
export const YARDSTICK = { 4: SWITCH.v4, 6: SWITCH.v6 } as const

/** Between two requests for one address. */
export const PERIOD_MS = 5

const CLI = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

/** A lab of three nodes whose LAN is probed. */
export class World extends Layer2World {
  /** @param speakerOptions further arguments of every speaker */
  static async start(speakerOptions: string, families = '46'): Promise<World> {
    const world = new World('bench-l2')
    const more = speakerOptions === '' ? [] : ['--speaker-options', speakerOptions]
    await world.up('--families', families, ...more)
    return world
  }

  async down(): Promise<void> {
    await this.lab.down()
  }

  /** A dual-stack Service with pods on all nodes. */
  async serve(): Promise<void> {
    await this.lab.apply(manifests)
    await this.lab.kubectl('wait --for=condition=Available deployment/web --timeout=60s')
  }

  /** Planned: every address of the node goes to others, its speaker goes on. */
  async drain(node: string): Promise<void> {
    await this.#command('drain', node)
  }

  async undrain(node: string): Promise<void> {
    await this.#command('drain', node, '--undo')
  }

  /** The holder, another node and the router on one side; the client, the third node and the API server on the other. */
  async split(holder: string): Promise<void> {
    const other = NODES.find((node) => node !== holder)
    await this.fault('split', `${holder},${other}`)
  }

  /** Probes both service addresses and both yardsticks. */
  watch(from: 'client' | 'router', file: string): Promise<LabProbe> {
    return this.probe(from, { file, everyMs: PERIOD_MS, others: Object.values(YARDSTICK) })
  }

  /** The fairlead command, against the API server of the lab. */
  async #command(...args: string[]): Promise<void> {
    const { code, stderr } = await this.lab.exec('client', process.execPath, CLI, ...args)
    if (code !== 0) throw new Error(`fairlead ${args.join(' ')}: ${stderr}`)
  }
}

const manifests = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: bench, namespace: metallb-system }
spec: { addresses: [192.168.1.100-192.168.1.150, 'fd00:192:168:1::100-fd00:192:168:1::fff'] }
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: { name: bench, namespace: metallb-system }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx, ports: [{ containerPort: 80 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, annotations: { metallb.io/loadBalancerIPs: '${VIP4},${VIP6}' } }
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  selector: { app: web }
  ports: [{ port: 80, targetPort: 80 }]
`
