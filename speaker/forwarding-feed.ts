import type { Clock, Timer } from '#kube/clock.ts'
import type { NodeContext } from './forwarding/config.ts'
import type { Logger } from '#kube/logger.ts'
import type { Forwarder } from './forwarding/forwarder.ts'
import type { Sources } from './sources.ts'

export interface ForwardingFeedOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly node: string
  /** pods are known by the Node's own ranges, so there is no telling them apart before it has some */
  readonly needsPodCIDRs: boolean
  readonly sources: Pick<Sources, 'services' | 'slicesOf' | 'nodes' | 'serviceCidrs' | 'whenForwardingSynced'>
  /** of all interfaces; undefined before they were first listed */
  readonly localAddresses: () => readonly string[] | undefined
  readonly forwarder: Pick<Forwarder, 'setNode' | 'setService' | 'allListed'>
  /** the node as forwarding sees it is another one; called before the forwarder hears of it */
  readonly onNode: (context: NodeContext) => void
}

/**
 * Hands to forwarding what it needs, as soon as that is complete: Services, EndpointSlices, this Node and the ranges
 * of ClusterIPs. It does not wait for what only announcing needs: a custom resource that cannot be listed must not
 * leave a node without its Services.
 */
export class ForwardingFeed {
  readonly #options: ForwardingFeedOptions
  readonly #dirty = new Set<string>()
  #synced = false
  #listed = false
  #contextText = ''
  #missing = ''
  #scheduled: Timer | undefined
  #stopped = false

  constructor(options: ForwardingFeedOptions) {
    this.#options = options
  }

  start(): void {
    const { sources } = this.#options
    void sources.whenForwardingSynced().then(() => {
      this.#synced = true
      for (const key of sources.services.store.keys()) this.#dirty.add(key)
      this.#schedule()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#scheduled?.cancel()
  }

  /** A Service, or one of its slices, changed. */
  changed(key: string): void {
    this.#dirty.add(key)
    this.#schedule()
  }

  /** A Node, an interface or a range of ClusterIPs changed. */
  nodeChanged(): void {
    this.#schedule()
  }

  /** One flush for all that happens in the same turn of the event loop. */
  #schedule(): void {
    if (!this.#synced || this.#stopped || this.#scheduled !== undefined) return
    this.#scheduled = this.#options.clock.setTimeout(() => {
      this.#scheduled = undefined
      this.#flush()
    }, 0)
  }

  #flush(): void {
    const { sources, forwarder } = this.#options
    this.#setNode()
    for (const key of this.#dirty) {
      forwarder.setService(key, sources.services.store.get(key), sources.slicesOf(key))
    }
    this.#dirty.clear()
    if (this.#listed) return
    this.#listed = true
    forwarder.allListed()
  }

  /** Forwarding looks at every Service again when its node changes, so it is told only of real changes. */
  #setNode(): void {
    const { sources, forwarder, onNode } = this.#options
    const node = sources.nodes.store.get(this.#options.node)
    const localAddresses = this.#options.localAddresses()
    const missing =
      node === undefined
        ? `there is no Node ${this.#options.node}`
        : localAddresses === undefined
          ? 'the interfaces are not listed yet'
          : this.#options.needsPodCIDRs && node.podCIDRs.length === 0
            ? 'the Node has no podCIDRs yet'
            : ''
    this.#tell(missing)
    if (node === undefined || localAddresses === undefined || missing !== '') return
    const context: NodeContext = {
      name: node.name,
      // Nodes without an InternalIP are known by their ExternalIPs, as with kube-proxy.
      internalIPs: [...node.internalIPs, ...node.externalIPs],
      labels: node.labels,
      localAddresses,
      podCIDRs: node.podCIDRs,
      serviceCIDRs: sources.serviceCidrs.cidrs,
    }
    const text = JSON.stringify(context)
    if (text === this.#contextText) return
    this.#contextText = text
    onNode(context)
    forwarder.setNode(context)
  }

  /** What forwarding waits for, once each. */
  #tell(missing: string): void {
    if (missing === this.#missing) return
    this.#missing = missing
    if (missing !== '') this.#options.log.info({ missing }, 'forwarding waits')
  }
}
