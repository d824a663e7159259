import type { Family } from '#inet/address.ts'
import type { KubeApi, KubeObject, Resource } from '#kube/api.ts'
import { systemClock } from '#kube/clock.ts'
import { projectNode } from '#kube/objects/node.ts'
import { Reflector } from '#kube/reflector.ts'
import { messageOf } from '../errors.ts'
import type { EchoHost } from '../kubelet/echo-host.ts'
import { Pods } from '../kubelet/pods.ts'
import type { NodeHost } from '../network/addressing.ts'
import { Deployments } from './deployments.ts'
import { EndpointSlices } from './endpoint-slices.ts'
import { Nodes, zoneOf } from './nodes.ts'
import { labResources, type Deployment, type Pod, type ReplicaSet } from './objects.ts'
import { ReplicaSets } from './replica-sets.ts'
import { Scheduler, type Bind } from './scheduler.ts'
import type { SlicedService, SliceObject } from './slices.ts'

export interface ClusterOptions {
  readonly api: KubeApi
  readonly nodes: readonly NodeHost[]
  readonly families: readonly Family[]
  readonly echo: EchoHost
  readonly removePod: (pod: Pod) => Promise<void>
  readonly bindPod: Bind
}

/** The parts of a Kubernetes cluster that are neither API server nor Fairlead: kubelets and controllers. */
export interface Cluster {
  readonly nodes: Nodes
  readonly pods: Pods
}

/** Starts all controllers; resolves when the nodes are registered and every first list is complete. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { api, nodes: hosts, families, echo } = options
  const reflect = <T>(resource: Resource, project: (object: KubeObject) => T): Reflector<T> => {
    const onError = (error: unknown) => console.error(`${resource.plural}: ${messageOf(error)}`)
    return new Reflector<T>({ api, resource, clock: systemClock, project, onError })
  }
  const whole = <T extends KubeObject>(resource: Resource) => reflect<T>(resource, (object) => object as T)
  const reflectors = {
    pods: whole<Pod>(labResources.pods),
    sets: whole<ReplicaSet>(labResources.replicaSets),
    deployments: whole<Deployment>(labResources.deployments),
    services: whole<SlicedService>(labResources.services),
    slices: whole<SliceObject>(labResources.endpointSlices),
    nodes: reflect(labResources.nodes, projectNode),
  }
  const nodes = new Nodes({ api, nodes: hosts, families, onChange: (node) => void pods.nodeChanged(node) })
  const pods = new Pods({
    api,
    pods: reflectors.pods,
    nodes: new Map(hosts.map((host) => [host.name, host])),
    families,
    health: nodes,
    echo,
    remove: options.removePod,
  })
  const zones = new Map(hosts.map((host) => [host.name, zoneOf(host)]))
  const controllers = [
    pods,
    new Scheduler(options.bindPod, reflectors.pods, reflectors.nodes),
    new ReplicaSets(api, reflectors.sets, reflectors.pods),
    new Deployments(api, reflectors.deployments, reflectors.sets),
    new EndpointSlices(api, reflectors, zones),
  ]
  for (const controller of controllers) controller.start()
  for (const reflector of Object.values(reflectors)) reflector.start()
  await nodes.start()
  await Promise.all(Object.values(reflectors).map((reflector) => reflector.whenSynced()))
  return { nodes, pods }
}
