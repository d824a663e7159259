/**
 * A speaker that is killed and comes back, in the lab: datagrams that a client loses meanwhile, with one node, so
 * that no other can take over. Without graceful restart is the yardstick. Needs kubectl, and root for FRR.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { LabRequests } from '#lab/requests/requests.ts'
import { TestLab, until } from '../../test/cluster/test-lab.ts'

const address = '10.200.0.1'
/** Milliseconds between two datagrams. */
const every = 5
const patience = 60_000

/** Prints a line for each router, without and with graceful restart. */
export async function measureRestart(): Promise<void> {
  console.log(
    `\na speaker is killed and starts again after 2 s, a client sends ${1000 / every} datagrams a second`,
  )
  for (const router of ['bird', 'frr']) {
    for (const graceful of [false, true]) {
      const { made, lost } = await run(router, graceful)
      console.log(
        `${router}, ${graceful ? 'with' : 'without'} graceful restart${graceful ? '' : ' (yardstick)'}: ` +
          `${lost} of ${made} lost`,
      )
    }
  }
}

async function run(router: string, graceful: boolean): Promise<{ made: number; lost: number }> {
  const lab = new TestLab(`bench-${router}-${graceful ? 'graceful' : 'plain'}`)
  const up = await lab.up('--nodes', '1', '--router', router)
  if (up.code !== 0) throw new Error(`the lab did not start: ${up.stderr}`)
  const requests = new LabRequests(lab.name)
  try {
    await requests.start()
    await lab.apply(manifests(graceful))
    const question = { to: address, port: 80, protocol: 'udp', limit: 1000 } as const
    const answered = async (): Promise<true | undefined> => {
      const [{ error }] = await requests.ask('client', question)
      return error === undefined ? true : undefined
    }
    await until('an answer', answered, patience)
    const loop = await requests.loop([{ from: 'client', question }], every)
    await delay(1000)
    await lab.command('fault', 'crash-speaker', 'node1')
    await delay(2000)
    await lab.command('fault', 'start-speaker', 'node1')
    const admin = lab.info.nodes[0].admin
    const established = async (): Promise<true | undefined> => {
      const { stdout } = await lab.fairlead(admin, 'bgp', 'peers')
      return stdout.includes('Established') ? true : undefined
    }
    await until('the session', established, patience)
    await delay(3000)
    const { targets } = await loop.stop()
    return { made: targets[0].made, lost: targets[0].failed }
  } finally {
    await requests.stop()
    await lab.down()
  }
}

const manifests = (graceful: boolean): string => `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: pool, namespace: metallb-system }
spec: { addresses: [10.200.0.0/24] }
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: { name: all, namespace: metallb-system }
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: { name: router, namespace: metallb-system }
spec: { myASN: 64513, peerASN: 64512, peerAddress: 192.168.1.1, enableGracefulRestart: ${graceful} }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web, ports: [{ containerPort: 80, protocol: UDP }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, annotations: { metallb.io/loadBalancerIPs: ${address} } }
spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 80, protocol: UDP }] }
`
