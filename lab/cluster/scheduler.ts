import type { Node } from '#kube/objects/node.ts'
import type { Reflector } from '#kube/reflector.ts'
import type { Outcome, WorkQueue } from '#kube/work-queue.ts'
import { controllerQueue, DONE, ignoreMissing } from './controller-loop.ts'
import { isPodActive, type Pod } from './objects.ts'
import { chooseNode } from './schedule.ts'

/** Sets the node of a Pod for good, which only a binding may. */
export type Bind = (pod: Pod, node: string) => Promise<void>

/** Gives each pod without a node one (`schedule.ts` says which), one pod at a time. */
export class Scheduler {
  readonly #bind: Bind
  readonly #pods: Reflector<Pod>
  readonly #nodes: Reflector<Node>
  readonly #queue: WorkQueue
  /** bound here, not yet seen in the watch: they must count for the next choice */
  readonly #bound = new Map<string, Pod>()

  constructor(bind: Bind, pods: Reflector<Pod>, nodes: Reflector<Node>) {
    this.#bind = bind
    this.#pods = pods
    this.#nodes = nodes
    this.#queue = controllerQueue('scheduler', (key) => this.#reconcile(key), 1)
  }

  start(): void {
    this.#pods.onChange(({ key, current }) => {
      if (current === undefined || current.spec.nodeName) this.#bound.delete(key)
      else this.#queue.add(key)
    })
    // A node that is ready again may take what waits.
    this.#nodes.onChange(() => {
      for (const [key, pod] of this.#pods.store) if (!pod.spec.nodeName) this.#queue.add(key)
    })
    this.#queue.start()
  }

  async #reconcile(key: string): Promise<Outcome> {
    const pod = this.#pods.store.get(key)
    if (pod === undefined || pod.spec.nodeName || !isPodActive(pod) || this.#bound.has(key)) return DONE
    const placed = [...this.#pods.store.values(), ...this.#bound.values()]
    const node = chooseNode(pod, this.#nodes.store.values(), placed)
    if (node === undefined) return DONE
    this.#bound.set(key, { ...pod, spec: { ...pod.spec, nodeName: node } })
    try {
      await ignoreMissing(this.#bind(pod, node))
    } catch (error) {
      this.#bound.delete(key)
      throw error
    }
    return DONE
  }
}
