import { isDeepStrictEqual } from 'node:util'
import type { Family } from '#inet/address.ts'
import { keyOf, parseKey, type KubeApi } from '#kube/api.ts'
import type { Reflector } from '#kube/reflector.ts'
import type { Outcome, WorkQueue } from '#kube/work-queue.ts'
import { after, controllerQueue, DONE, ignoreMissing } from '../cluster/controller-loop.ts'
import { isPodFinished, labResources, type Pod } from '../cluster/objects.ts'
import { messageOf } from '../errors.ts'
import { lanAddress, podAddress, POD_HOSTS, type NodeHost } from '../network/addressing.ts'
import { podBatches, podRemovalBatches, type PodLink } from '../network/batches.ts'
import { runBatch } from '../network/run-batch.ts'
import type { EchoHost } from './echo-host.ts'
import { echoPorts, podStatus, terminationMs, type PodFacts } from './pod-status.ts'

/** What the kubelet must know of the machine it stands for. */
export interface NodeHealth {
  /** the Node's Ready condition */
  isReady(node: string): boolean
  /** the node is powered on and its kubelet reaches the API server */
  isConnected(node: string): boolean
  /** the node is powered on */
  isRunning(node: string): boolean
}

export interface PodsOptions {
  readonly api: KubeApi
  readonly pods: Reflector<Pod>
  readonly nodes: ReadonlyMap<string, NodeHost>
  readonly families: readonly Family[]
  readonly health: NodeHealth
  readonly echo: EchoHost
  /** removes a Pod object for good, whatever its grace period */
  readonly remove: (pod: Pod) => Promise<void>
}

/** A pod that exists on a node: its network and its servers. */
interface Slot {
  readonly uid: string
  readonly node: string
  readonly networkNamespace: string
  readonly addresses: readonly string[]
  /** absent for pods on the host network */
  readonly link?: PodLink
  serving: boolean
  problem: string
  /** when it stops serving, in milliseconds of performance.now() */
  endsAt?: number
}

/** All kubelets of the lab in one: gives each scheduled pod its network and servers, and takes them back. */
export class Pods {
  readonly #options: PodsOptions
  readonly #queue: WorkQueue
  readonly #slots = new Map<string, Slot>()
  readonly #numbers = new Map<string, PodNumbers>()

  constructor(options: PodsOptions) {
    this.#options = options
    this.#queue = controllerQueue('kubelet', (key) => this.#reconcile(key), 8)
  }

  start(): void {
    this.#options.pods.onChange((change) => this.#queue.add(change.key))
    this.#queue.start()
  }

  /** The network namespace of a pod that has one. */
  networkNamespace(key: string): string | undefined {
    return this.#slots.get(key)?.networkNamespace
  }

  /** Something changed with the node that its pods must know. */
  async nodeChanged(node: string): Promise<void> {
    const running = this.#options.health.isRunning(node)
    for (const [key, slot] of this.#slots) {
      if (slot.node !== node) continue
      if (!running && slot.serving) {
        slot.serving = false
        await this.#options.echo.close(slot.uid)
      }
      this.#queue.add(key)
    }
  }

  async #reconcile(key: string): Promise<Outcome> {
    const pod = this.#options.pods.store.get(key)
    const slot = this.#slots.get(key)
    if (slot !== undefined && slot.uid !== pod?.metadata.uid) await this.#release(key, slot)
    const node = this.#options.nodes.get(pod?.spec.nodeName ?? '')
    if (pod === undefined || node === undefined || isPodFinished(pod)) return DONE
    if (!this.#options.health.isConnected(node.name)) return this.#writeStatus(pod, node)
    if (pod.metadata.deletionTimestamp !== undefined) return this.#terminate(key, pod, node)
    await this.#ensure(key, pod, node)
    return this.#writeStatus(pod, node)
  }

  async #ensure(key: string, pod: Pod, node: NodeHost): Promise<void> {
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = this.#newSlot(key, pod, node)
      if (slot === undefined) return
      if (slot.link !== undefined) await this.#connect(slot.link)
      this.#slots.set(key, slot)
    }
    if (slot.serving) return
    try {
      await this.#serve(pod, slot)
      slot.serving = true
      slot.problem = ''
    } catch (error) {
      slot.problem = messageOf(error)
    }
  }

  #newSlot(key: string, pod: Pod, node: NodeHost): Slot | undefined {
    const { families } = this.#options
    const uid = pod.metadata.uid ?? ''
    const common = { uid, node: node.name, serving: false, problem: '' }
    if (pod.spec.hostNetwork) {
      const addresses = families.map((family) => lanAddress(node, family))
      return { ...common, networkNamespace: node.name, addresses }
    }
    const number = this.#numbersOf(node.name).take()
    if (number === undefined) return undefined
    const addresses = families.map((family) => ({ family, address: podAddress(node.index, number, family) }))
    // A name for people; the number keeps a pod apart from its predecessor of the same name.
    const namespace = `${key.replace('/', '.')}.${number}`
    const link: PodLink = { node, number, namespace, addresses }
    return { ...common, networkNamespace: namespace, addresses: addresses.map((one) => one.address), link }
  }

  async #connect(link: PodLink): Promise<void> {
    const { cable, ends } = podBatches(link)
    try {
      await runBatch(cable)
      await Promise.all(ends.map(runBatch))
    } catch (error) {
      // Half a cable would be in the way of the next attempt.
      for (const batch of podRemovalBatches(link)) await runBatch(batch).catch(() => undefined)
      this.#numbersOf(link.node.name).give(link.number)
      throw error
    }
  }

  #serve(pod: Pod, slot: Slot): Promise<void> {
    return this.#options.echo.open({
      id: slot.uid,
      networkNamespace: `/run/netns/${slot.networkNamespace}`,
      families: this.#options.families,
      ports: echoPorts(pod),
      identity: {
        pod: pod.metadata.name,
        namespace: pod.metadata.namespace ?? '',
        node: slot.node,
        podIP: slot.addresses[0],
      },
    })
  }

  async #terminate(key: string, pod: Pod, node: NodeHost): Promise<Outcome> {
    const slot = this.#slots.get(key)
    if (slot !== undefined) {
      slot.endsAt ??= performance.now() + terminationMs(pod)
      if (performance.now() < slot.endsAt) {
        // Readiness goes on being observed: a pod that drains may stop being ready before it ends.
        await this.#writeStatus(pod, node)
        return after(Math.max(0, slot.endsAt - performance.now()))
      }
      await this.#release(key, slot)
    }
    await ignoreMissing(this.#options.remove(pod))
    return DONE
  }

  async #release(key: string, slot: Slot): Promise<void> {
    await this.#options.echo.close(slot.uid)
    if (slot.link !== undefined) {
      for (const batch of podRemovalBatches(slot.link)) await runBatch(batch)
      this.#numbersOf(slot.node).give(slot.link.number)
    }
    this.#slots.delete(key)
  }

  async #writeStatus(pod: Pod, node: NodeHost): Promise<Outcome> {
    const { health, families, api } = this.#options
    const slot = this.#slots.get(keyOf(pod.metadata))
    const facts: PodFacts = {
      ...(slot === undefined ? {} : { addresses: slot.addresses }),
      hostAddresses: families.map((family) => lanAddress(node, family)),
      serving: slot?.serving ?? false,
      nodeReady: health.isReady(node.name),
      problem: slot?.problem ?? 'the node has no pod address left',
    }
    // A kubelet that is cut off writes nothing; only that its node is gone is written for it.
    if (!health.isConnected(node.name) && facts.nodeReady) return DONE
    const wanted = podStatus(pod, facts, new Date().toISOString().replace(/\.\d+Z$/, 'Z'))
    const present: Record<string, unknown> = { ...pod.status }
    if (Object.entries(wanted).every(([name, value]) => isDeepStrictEqual(present[name], value))) return DONE
    const key = parseKey(keyOf(pod.metadata))
    const body = { metadata: { uid: pod.metadata.uid }, status: wanted }
    await ignoreMissing(api.patch(labResources.pods, key, body, { type: 'merge', subresource: 'status' }))
    return facts.problem !== '' && !facts.serving ? after(2000) : DONE
  }

  #numbersOf(node: string): PodNumbers {
    const found = this.#numbers.get(node) ?? new PodNumbers()
    this.#numbers.set(node, found)
    return found
  }
}

/** The host parts of one node's pod addresses; one that was given back is used again as late as possible. */
class PodNumbers {
  readonly #taken = new Set<number>()
  #last: number = POD_HOSTS.first - 1

  take(): number | undefined {
    const count = POD_HOSTS.last - POD_HOSTS.first + 1
    for (let step = 1; step <= count; step++) {
      const number = POD_HOSTS.first + ((this.#last - POD_HOSTS.first + step + count) % count)
      if (this.#taken.has(number)) continue
      this.#taken.add(number)
      this.#last = number
      return number
    }
    return undefined
  }

  give(number: number): void {
    this.#taken.delete(number)
  }
}
