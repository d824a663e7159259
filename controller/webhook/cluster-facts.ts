import type { KubeApi, KubeObject, Resource } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import { projectNode } from '#kube/objects/node.ts'
import { projectServiceCidr } from '#kube/objects/service-cidr.ts'
import { resources } from '#kube/resources.ts'
import type { ClusterAddresses } from './cluster-overlaps.ts'

/** Tools that compare thousands of manifests with the cluster ask again and again. */
const FRESH_MS = 60_000
/** Whoever edits a pool is waiting. */
const PATIENCE_MS = 3000
const PAGE = 500

/**
 * The addresses of nodes, pods and ClusterIPs, listed when somebody asks and kept for a minute: pools change rarely,
 * and a watch of all Nodes would bring a change every few seconds.
 */
export class ClusterFacts {
  readonly #api: KubeApi
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  #asked = -Infinity
  #answer: Promise<ClusterAddresses | undefined> = Promise.resolve(undefined)

  constructor(options: { api: KubeApi; clock: Clock; onError: (error: unknown) => void }) {
    this.#api = options.api
    this.#clock = options.clock
    this.#onError = options.onError
  }

  /** undefined when the API server does not say, or not soon enough; never rejects. */
  async get(): Promise<ClusterAddresses | undefined> {
    const now = this.#clock.now()
    if (now - this.#asked > FRESH_MS) {
      this.#asked = now
      this.#answer = this.#list().catch((error: unknown) => {
        this.#asked = -Infinity
        this.#onError(error)
        return undefined
      })
    }
    let cancel = () => {}
    const impatient = new Promise<undefined>((resolve) => {
      const timer = this.#clock.setTimeout(() => resolve(undefined), PATIENCE_MS)
      cancel = () => timer.cancel()
    })
    const answer = await Promise.race([this.#answer, impatient])
    cancel()
    return answer
  }

  async #list(): Promise<ClusterAddresses> {
    const [nodes, cidrs] = await Promise.all([
      this.#all(resources.nodes, (object) => {
        const { name, internalIPs, podCIDRs } = projectNode(object)
        return { name, internalIPs, podCIDRs }
      }),
      this.#all(resources.serviceCidrs, projectServiceCidr).catch((error: unknown) => {
        // API servers before 1.33 need not have them.
        if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return []
        throw error
      }),
    ])
    return { nodes, serviceCIDRs: [...new Set(cidrs.flatMap((one) => one.cidrs))].sort() }
  }

  async #all<T>(resource: Resource, project: (object: KubeObject) => T): Promise<T[]> {
    const found: T[] = []
    let next: string | undefined
    do {
      const page = await this.#api.list(resource, {
        limit: PAGE,
        ...(next === undefined ? {} : { continue: next }),
      })
      found.push(...page.items.map(project))
      next = page.continue
    } while (next)
    return found
  }
}
