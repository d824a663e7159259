import { createInterface } from 'node:readline'
import { Registry } from 'prom-client'
import { parsePrefix } from '#inet/prefix.ts'
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import type { NodeContext } from '../config.ts'
import { Forwarder } from '../forwarder.ts'
import { proxyHealthServer } from '../health/proxy-server.ts'
import { ServiceHealthServers } from '../health/service-servers.ts'
import { ForwardingMetrics } from '../metrics.ts'
import { KernelDataplane } from '../nft/kernel-dataplane.ts'
import { LocalhostProxy } from './localhost-proxy.ts'

/**
 * For kernel tests: forwarding as it runs on a node, in the namespace in which this is started as
 * `node node-agent.ts`, with what follows the Services beside it. Told on standard input; answers when it is done.
 *
 *     {"id":1,"key":"ns/s","service":{…},"slices":[…]}
 *     {"id":1,"error":""}
 */
export interface NodeRequest {
  readonly id: number
  readonly key: string
  /** absent: the Service is gone */
  readonly service?: Service
  readonly slices: readonly EndpointSlice[]
}

export interface NodeResponse {
  readonly id: number
  readonly error: string
}

const node: NodeContext = {
  name: 'node-1',
  internalIPs: ['192.168.0.1', 'fd00:2::1'],
  labels: {},
  localAddresses: ['192.168.0.1', 'fd00:2::1'],
  podCIDRs: [],
  serviceCIDRs: [],
}

async function run(): Promise<void> {
  const metrics = new ForwardingMetrics(new Registry())
  const common = { clock: systemClock, log: silentLogger, metrics }
  const programming = () => ({ queuedSince: undefined, lastSync: forwarder.view().lastSync })
  const forwarder = new Forwarder({
    ...common,
    dataplane: new KernelDataplane(),
    config: {
      mode: 'full',
      detector: { by: 'cluster-cidrs', cidrs: [parsePrefix('10.1.0.0/16'), parsePrefix('fd00:1::/32')] },
      nodePortAddresses: 'primary',
      masqueradeAll: false,
      force: false,
      localhostNodePorts: true,
    },
    followers: [
      new LocalhostProxy(common),
      new ServiceHealthServers({
        ...common,
        node: node.name,
        addresses: () => [],
        proxyHealthy: () => true,
        onBindFailure: () => {},
      }),
    ],
  })
  const health = proxyHealthServer({
    ...common,
    at: { host: '0.0.0.0', port: 10_256 },
    programming,
    node: () => ({ deleting: false, taints: [] }),
  })
  health.start()
  forwarder.start()
  forwarder.setNode(node)
  forwarder.allListed()
  await forwarder.sync()
  console.log('{}')
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, key, service, slices } = JSON.parse(line) as NodeRequest
    forwarder.setService(key, service, slices)
    await forwarder.sync()
    const error = forwarder.view().lastError?.text ?? ''
    console.log(JSON.stringify({ id, error } satisfies NodeResponse))
  }
  await health.stop()
  await forwarder.stop()
}

if (process.argv[1] === import.meta.filename) await run()
