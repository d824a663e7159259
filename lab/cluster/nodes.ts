import { release } from 'node:os'
import type { Family } from '#inet/address.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { messageOf } from '../errors.ts'
import type { NodeHealth } from '../kubelet/pods.ts'
import { lanAddress, type NodeHost } from '../network/addressing.ts'
import { ignoreMissing } from './controller-loop.ts'
import { labResources } from './objects.ts'

const HEARTBEAT_MS = 2000
/** A node that was not heard of for this long is not ready. Real clusters wait 40 s. */
const GRACE_MS = 10_000
const LEASE_NAMESPACE = 'kube-node-lease'

interface Health {
  running: boolean
  /** its one network interface has a link, and frames pass */
  linked: boolean
  joined: boolean
  ready: boolean
  lastHeard: number
}

export interface NodesOptions {
  readonly api: KubeApi
  readonly nodes: readonly NodeHost[]
  readonly families: readonly Family[]
  /** a node became ready, not ready, connected or cut off */
  readonly onChange: (node: string) => void
}

/** Node objects, their heartbeats, and the controller that gives silent nodes up. */
export class Nodes implements NodeHealth {
  readonly #options: NodesOptions
  readonly #health: ReadonlyMap<string, Health>
  #timer: NodeJS.Timeout | undefined

  constructor(options: NodesOptions) {
    this.#options = options
    this.#health = new Map(
      options.nodes.map((node) => [
        node.name,
        { running: true, linked: true, joined: true, ready: true, lastHeard: 0 },
      ]),
    )
  }

  /** Registers the nodes, ready, and begins their heartbeats. */
  async start(): Promise<void> {
    const { api, nodes, families } = this.#options
    for (const node of nodes) {
      const object = nodeObject(node, families)
      await api.create(labResources.nodes, object)
      // Status does not enter with the object, as on a real API server.
      await this.#patchStatus(node.name, object['status'])
      await api.create(labResources.leases, leaseObject(node.name))
    }
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), HEARTBEAT_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  isReady(node: string): boolean {
    return this.#health.get(node)?.ready ?? false
  }

  isRunning(node: string): boolean {
    return this.#health.get(node)?.running ?? false
  }

  isConnected(node: string): boolean {
    const health = this.#health.get(node)
    return health !== undefined && health.running && health.linked && health.joined
  }

  /** Records what a fault did to the node. */
  set(node: string, change: Partial<Pick<Health, 'running' | 'linked' | 'joined'>>): void {
    const health = this.#health.get(node)
    if (health === undefined) return
    Object.assign(health, change)
    this.#options.onChange(node)
    this.#tick()
  }

  #tick(): void {
    const now = performance.now()
    for (const [name, health] of this.#health) {
      if (this.isConnected(name)) {
        health.lastHeard = now
        this.#run(this.#renew(name))
        if (!health.ready) this.#setReady(name, health, true)
      } else if (health.ready && now - health.lastHeard > GRACE_MS) this.#setReady(name, health, false)
    }
  }

  #setReady(name: string, health: Health, ready: boolean): void {
    health.ready = ready
    this.#run(this.#writeReady(name, ready))
    this.#options.onChange(name)
  }

  #renew(name: string): Promise<unknown> {
    const key = { namespace: LEASE_NAMESPACE, name }
    const body = { spec: { renewTime: microTime() } }
    return this.#options.api.patch(labResources.leases, key, body, { type: 'merge' })
  }

  async #writeReady(name: string, ready: boolean): Promise<void> {
    const node = await this.#options.api.get(labResources.nodes, { name })
    const { conditions = [] } = ((node as NodeObject).status ?? {}) as { conditions?: { type: string }[] }
    const others = conditions.filter((one) => one.type !== 'Ready')
    await this.#patchStatus(name, { conditions: [...others, readyCondition(ready)] })
  }

  async #patchStatus(name: string, status: unknown): Promise<void> {
    const options = { type: 'merge', subresource: 'status' } as const
    await ignoreMissing(this.#options.api.patch(labResources.nodes, { name }, { status }, options))
  }

  #run(work: Promise<unknown>): void {
    void ignoreMissing(work).catch((error: unknown) => console.error(`nodes: ${messageOf(error)}`))
  }
}

interface NodeObject extends KubeObject {
  readonly spec: { readonly podCIDR: string; readonly podCIDRs: readonly string[] }
  readonly status: Readonly<Record<string, unknown>>
}

/** Two zones in turn, so that both hold more than one node from four nodes on. */
export const zoneOf = (node: NodeHost): string => (node.index % 2 === 1 ? 'zone-a' : 'zone-b')

function nodeObject(node: NodeHost, families: readonly Family[]): NodeObject {
  const resources = { cpu: '2', memory: '4Gi', pods: '250' }
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': arch,
        'topology.kubernetes.io/region': 'lab',
        'topology.kubernetes.io/zone': zoneOf(node),
      },
    },
    spec: { podCIDR: node.podCIDRs[0], podCIDRs: node.podCIDRs },
    status: {
      addresses: [
        ...families.map((family) => ({ type: 'InternalIP', address: lanAddress(node, family) })),
        { type: 'Hostname', address: node.name },
      ],
      capacity: resources,
      allocatable: resources,
      conditions: [readyCondition(true)],
      nodeInfo: {
        architecture: arch,
        operatingSystem: 'linux',
        osImage: 'Fairlead lab',
        kernelVersion: release(),
        kubeletVersion: 'v1.34.0+lab',
        kubeProxyVersion: '',
        containerRuntimeVersion: 'lab://1',
        bootID: '',
        machineID: node.name,
        systemUUID: node.name,
      },
    },
  }
}

function readyCondition(ready: boolean) {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const times = { lastHeartbeatTime: now, lastTransitionTime: now }
  return ready
    ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the lab node is up', ...times }
    : { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: 'no heartbeat', ...times }
}

const leaseObject = (name: string): KubeObject & { spec: unknown } => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, namespace: LEASE_NAMESPACE },
  spec: { holderIdentity: name, leaseDurationSeconds: GRACE_MS / 1000, renewTime: microTime() },
})

const microTime = (): string => new Date().toISOString().replace('Z', '000Z')
