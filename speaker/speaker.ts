import type { Problem } from '#crds/config.ts'
import type { KubeApi, OwnerReference } from '#kube/api.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import type { EventRecorder } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import { resources } from '#kube/resources.ts'
import { Announcements } from './announcements.ts'
import { planPeers } from './bgp/peers.ts'
import { summarizeEndpoints } from './endpoints.ts'
import type { Companions } from './forwarding/companions.ts'
import type { ForwardingConfig } from './forwarding/config.ts'
import type { Forwarder } from './forwarding/forwarder.ts'
import { missingNode, type NodeState } from './forwarding/health/proxy-health.ts'
import { ForwardingFeed } from './forwarding-feed.ts'
import type { SpeakerMetrics } from './metrics.ts'
import { Sources } from './sources.ts'
import { SpeakerConfigState } from './status/config-state.ts'
import { ServiceStatusWriter, type ServiceStatusBody } from './status/service-status.ts'
import { SpeakerStatusWriter, type SpeakerState } from './status/speaker-status.ts'
import { buildView } from './view-of.ts'
import type { SpeakerView } from './view.ts'
import { WireState } from './wire-state.ts'
import { WireHost } from './wire/wire-host.ts'
import type { WirePeer } from './wire/protocol.ts'
import { vipsOf, type World } from './world.ts'

export interface SpeakerParts {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly namespace: string
  readonly nodeName: string
  readonly loadBalancerClass: string
  readonly ignoreExcludeLabel: boolean
  readonly metrics: SpeakerMetrics
  readonly forwarding: ForwardingConfig
  readonly forwarder: Forwarder
  readonly companions: Companions
  readonly events: EventRecorder
  readonly onFatal: (error: Error) => void
}

/** How long a planned stop waits for the API server to hear of it: an outage must not hold a shutdown up. */
const LEAVING_TIMEOUT_MS = 1000
/** How long after the first flush forwarding and the wire thread have had their say about what is announced. */
const STATUS_GRACE_MS = 500

/**
 * The main thread of a speaker: watches, plans, and hands the difference to forwarding and to the wire thread. No
 * event handler acts by itself; each marks what is dirty, and one flush looks at all of it.
 */
export class Speaker {
  readonly #parts: SpeakerParts
  readonly #sources: Sources
  readonly #announcements: Announcements
  readonly #wire: WireHost
  readonly #wireState: WireState
  readonly #feed: ForwardingFeed
  readonly #l2Status: ServiceStatusWriter
  readonly #bgpStatus: ServiceStatusWriter
  readonly #speakerStatus: SpeakerStatusWriter
  readonly #configState: SpeakerConfigState
  readonly #dirty = new Set<string>()
  #worldDirty = true
  #scheduled: Timer | undefined
  #synced = false
  #listed = false
  #leaving = false
  #peers: readonly WirePeer[] = []
  #peersText = ''
  #world: World
  readonly #announcedBefore = new Map<string, ReadonlySet<string>>()

  constructor(parts: SpeakerParts) {
    const { api, clock, log, namespace, nodeName } = parts
    this.#parts = parts
    this.#sources = new Sources({
      api,
      clock,
      namespace,
      nodeName,
      // Forwarding first: what is announced depends on what is programmed.
      onService: (key) => {
        this.#feed.changed(key)
        this.#markService(key)
      },
      onWorld: () => {
        this.#feed.nodeChanged()
        this.#markWorld()
      },
      onOwnStatusDeleted: () => this.#speakerStatus.deleted(),
      onError: (resource, error, retryInMs) => {
        parts.metrics.update(true)
        log.warn({ resource, error: String(error), retryInMs }, 'watch failed')
      },
    })
    this.#world = this.#lookAround()
    this.#announcements = new Announcements(this.#world)
    this.#wireState = new WireState({
      log,
      metrics: parts.metrics,
      onHolders: (addresses) => {
        for (const address of addresses) {
          for (const key of this.#announcements.servicesOf(address)) this.#announcementChanged(key)
        }
        this.#speakerStatus.changed()
      },
      onInterfaces: () => {
        this.#feed.nodeChanged()
        this.#markWorld()
        this.#speakerStatus.changed()
      },
      onSessions: () => this.#speakerStatus.changed(),
    })
    this.#feed = new ForwardingFeed({
      clock,
      log,
      node: nodeName,
      needsPodCIDRs: parts.forwarding.detector.by === 'node-cidrs',
      sources: this.#sources,
      localAddresses: () =>
        this.#wireState.interfaces.length === 0 ? undefined : this.#wireState.localAddresses(),
      forwarder: parts.forwarder,
      onNode: (context) => parts.companions.setNode(context),
    })
    this.#wire = new WireHost({
      node: nodeName,
      onObserved: (observed) => this.#wireState.observe(observed),
      onCrash: parts.onFatal,
    })
    const writer = (prefix: 'l2' | 'bgp', desired: (key: string) => ServiceStatusBody | undefined) =>
      new ServiceStatusWriter({
        api,
        clock,
        resource: prefix === 'l2' ? resources.serviceL2Statuses : resources.serviceBgpStatuses,
        namespace,
        node: nodeName,
        prefix,
        othersMatter: prefix === 'l2',
        exclusive: (key) => prefix === 'l2' && this.#holdsAll(key),
        desired,
        owner: () => this.#ownNode(),
        onError: (error, service) =>
          log.warn({ service, error: String(error) }, `Service${prefix}Status not written`),
      })
    this.#l2Status = writer('l2', (key) => this.#layer2Body(key))
    this.#bgpStatus = writer('bgp', (key) => this.#bgpBody(key))
    this.#speakerStatus = new SpeakerStatusWriter({
      api,
      clock,
      node: nodeName,
      state: () => this.#state(),
      owner: () => this.#ownNode(),
      onError: (error) => log.warn({ error: String(error) }, 'SpeakerStatus not written'),
    })
    this.#configState = new SpeakerConfigState({
      api,
      clock,
      namespace,
      node: nodeName,
      owner: () => this.#ownNode(),
      problems: () => this.#configProblems(),
      onError: (error) => log.warn({ error: String(error) }, 'ConfigurationState not written'),
    })
  }

  /** Forwarding for these Services is in the kernel now, or is not any more. */
  programmed(keys: readonly string[]): void {
    for (const key of keys) this.#markService(key)
    this.#speakerStatus.changed()
  }

  start(): void {
    this.#wire.start()
    this.#parts.forwarder.start()
    this.#parts.companions.start()
    this.#feed.start()
    this.#sources.start()
    this.#speakerStatus.start()
    this.#configState.start()
    void this.#sources.whenSynced().then(() => {
      this.#synced = true
      // Nothing else may happen for hours that would tell that this node is ready.
      this.#speakerStatus.changed()
      this.#parts.log.info({ services: this.#sources.services.store.size }, 'first lists complete')
      for (const key of this.#sources.services.store.keys()) this.#dirty.add(key)
      this.#markWorld()
    })
  }

  /** Others must know before this node falls silent; then the wire goes quiet, forwarding stays in the kernel. */
  async stop(): Promise<void> {
    this.#leaving = true
    this.#scheduled?.cancel()
    await this.#within(this.#speakerStatus.flush())
    await this.#wire.stop()
    // Nothing is announced any more, so the status objects of this node are surplus.
    for (const key of this.#announcedBefore.keys()) this.#announcementChanged(key)
    await this.#within(Promise.all([this.#l2Status.idle(), this.#bgpStatus.idle()]))
    this.#sources.stop()
    this.#feed.stop()
    await Promise.all([
      this.#l2Status.stop(),
      this.#bgpStatus.stop(),
      this.#speakerStatus.stop(),
      this.#configState.stop(),
    ])
    await Promise.all([this.#parts.companions.stop(), this.#parts.forwarder.stop()])
  }

  /** Waits for something that needs the API server, but not for long. */
  async #within(work: Promise<unknown>): Promise<void> {
    await Promise.race([
      work,
      new Promise<void>((resolve) => this.#parts.clock.setTimeout(resolve, LEAVING_TIMEOUT_MS)),
    ])
  }

  ready(): { ok: boolean; reason: string } {
    if (this.#leaving) return { ok: false, reason: 'leaving' }
    if (!this.#synced) return { ok: false, reason: 'first lists are not complete' }
    if (!this.#forwards()) return { ok: false, reason: 'forwarding is not in the kernel yet' }
    return { ok: true, reason: '' }
  }

  /** Was in the kernel once: a change that is on its way must not make other speakers take over. */
  #forwards(): boolean {
    const { forwarding, lastSync } = this.#parts.forwarder.view()
    return !forwarding || lastSync > 0
  }

  /** This Node for kube-proxy's health probe; undefined before the first lists are complete. */
  ownNode(): NodeState | undefined {
    if (!this.#synced) return undefined
    return this.#sources.nodes.store.get(this.#parts.nodeName) ?? missingNode
  }

  view(): SpeakerView {
    return buildView({
      node: this.#parts.nodeName,
      synced: this.#synced,
      sources: this.#sources,
      world: this.#world,
      announcements: this.#announcements,
      wire: this.#wireState,
      peers: this.#peers,
      forwarding: this.#parts.forwarder.view(),
      loadBalancerClass: this.#parts.loadBalancerClass,
    })
  }

  #markService(key: string): void {
    this.#dirty.add(key)
    this.#schedule()
  }

  #markWorld(): void {
    this.#worldDirty = true
    this.#schedule()
  }

  /** One flush for all that happens in the same turn of the event loop. */
  #schedule(): void {
    if (!this.#synced || this.#leaving || this.#scheduled !== undefined) return
    this.#scheduled = this.#parts.clock.setTimeout(() => {
      this.#scheduled = undefined
      this.#flush()
    }, 0)
  }

  #flush(): void {
    if (this.#worldDirty) this.#flushWorld()
    for (const key of this.#dirty) this.#flushService(key)
    this.#dirty.clear()
    if (!this.#listed) {
      this.#listed = true
      // Not before it is known what is announced: until then everything that a former run wrote looks surplus.
      this.#parts.clock.setTimeout(() => this.#startStatuses(), STATUS_GRACE_MS)
    }
    const delta = this.#announcements.flush()
    const { addresses, routes } = delta
    this.#wireState.want(
      addresses.put.map(({ address }) => address),
      addresses.remove,
    )
    if (addresses.put.length + addresses.remove.length > 0)
      this.#wire.send({ kind: 'addresses', ...addresses })
    if (routes.put.length + routes.remove.length > 0) this.#wire.send({ kind: 'routes', ...routes })
    for (const key of delta.services) this.#announcementChanged(key)
  }

  #startStatuses(): void {
    if (this.#leaving) return
    this.#l2Status.start()
    this.#bgpStatus.start()
  }

  /** Status objects are owned by the Node and go when it goes. */
  #ownNode(): OwnerReference | undefined {
    const node = this.#sources.nodes.store.get(this.#parts.nodeName)
    return node === undefined ? undefined : { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid }
  }

  #flushWorld(): void {
    this.#worldDirty = false
    this.#world = this.#lookAround()
    this.#peers = planPeers(this.#world, this.#sources.passwords.lookup)
    const text = JSON.stringify(this.#peers, (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    )
    if (text !== this.#peersText) {
      this.#peersText = text
      this.#wireState.peers(this.#peers)
      this.#wire.send({ kind: 'peers', peers: this.#peers })
    }
    this.#parts.metrics.config(
      true,
      this.#configProblems()?.some(({ severity }) => severity === 'error') ?? false,
    )
    this.#configState.changed()
    this.#announcements.setWorld(
      this.#world,
      this.#peers.map(({ name }) => name),
    )
  }

  /** undefined before the first lists are complete. */
  #configProblems(): readonly Problem[] | undefined {
    const { config, passwords } = this.#sources
    return this.#synced ? [...config.problems, ...passwords.problems(config.config.peers)] : undefined
  }

  #flushService(key: string): void {
    this.#parts.metrics.update(false)
    const service = this.#sources.services.store.get(key)
    const slices = this.#sources.slicesOf(key)
    const ours = service !== undefined && classRefusal(service, this.#parts.loadBalancerClass) === ''
    this.#announcements.setService(
      key,
      ours
        ? {
            key,
            service,
            endpoints: summarizeEndpoints(slices),
            // Its ClusterIP is programmed before it has an external address: that one is asked for.
            programmed: vipsOf(service).every(({ text }) => this.#parts.forwarder.isProgrammed(key, text)),
          }
        : undefined,
    )
  }

  #lookAround(): World {
    const { config, nodes, speakers } = this.#sources
    return {
      self: this.#parts.nodeName,
      config: config.config,
      nodes: nodes.store,
      speakers: speakers.store,
      ignoreExcludeLabel: this.#parts.ignoreExcludeLabel,
    }
  }

  /** Status objects, events and metrics of one Service follow what is announced now. */
  #announcementChanged(key: string): void {
    this.#l2Status.changed(key)
    this.#bgpStatus.changed(key)
    const now = new Set<string>()
    if (this.#layer2Body(key) !== undefined) now.add('layer2')
    if (this.#bgpBody(key) !== undefined) now.add('bgp')
    const before = this.#announcedBefore.get(key) ?? new Set<string>()
    if (now.size > 0) this.#announcedBefore.set(key, now)
    else this.#announcedBefore.delete(key)
    this.#count(key, now)
    const service = this.#sources.services.store.get(key)
    if (service === undefined) return
    for (const protocol of now) {
      if (before.has(protocol)) continue
      this.#parts.events.record(
        {
          apiVersion: 'v1',
          kind: 'Service',
          namespace: service.namespace,
          name: service.name,
          uid: service.uid,
        },
        'Normal',
        'nodeAssigned',
        `announcing from node "${this.#parts.nodeName}" with protocol "${protocol}"`,
      )
    }
  }

  readonly #countedAddresses = new Map<string, { protocol: 'layer2' | 'bgp'; ip: string }[]>()

  #count(key: string, protocols: ReadonlySet<string>): void {
    const { metrics, nodeName } = this.#parts
    for (const { protocol, ip } of this.#countedAddresses.get(key) ?? []) {
      metrics.announced(key, protocol, nodeName, ip, false)
    }
    const counted = this.#announcements.addressesOf(key).flatMap((ip) => {
      const layer2 =
        protocols.has('layer2') && this.#wireState.holder(ip)?.held
          ? [{ protocol: 'layer2' as const, ip }]
          : []
      const bgp = protocols.has('bgp') ? [{ protocol: 'bgp' as const, ip }] : []
      return [...layer2, ...bgp]
    })
    for (const { protocol, ip } of counted) metrics.announced(key, protocol, nodeName, ip, true)
    if (counted.length > 0) this.#countedAddresses.set(key, counted)
    else this.#countedAddresses.delete(key)
  }

  #layer2Body(key: string): ServiceStatusBody | undefined {
    if (this.#leaving) return undefined
    const held = this.#announcements.addressesOf(key).flatMap((address) => {
      const holder = this.#wireState.holder(address)
      return holder?.held ? [holder] : []
    })
    if (held.length === 0) return undefined
    const interfaces = [...new Set(held.flatMap((holder) => holder.interfaces))].sort()
    return { interfaces: interfaces.map((name) => ({ name })) }
  }

  /** The addresses of one Service may have different holders, who all have a status object. */
  #holdsAll(key: string): boolean {
    const addresses = this.#announcements.addressesOf(key)
    return addresses.length > 0 && addresses.every((address) => this.#wireState.holder(address)?.held)
  }

  #bgpBody(key: string): ServiceStatusBody | undefined {
    const plan = this.#leaving ? undefined : this.#announcements.bgp(key)
    return plan === undefined || plan.reason !== '' ? undefined : { peers: plan.peers }
  }

  #state(): SpeakerState {
    const { ok, reason } = this.ready()
    const forwarding = this.#parts.forwarder.view()
    return {
      node: this.#parts.nodeName,
      ...this.#wireState.status(),
      forwarding: {
        mode: forwarding.mode === 'full' && !forwarding.forwarding ? 'standby' : forwarding.mode,
        synced: this.#forwards() && forwarding.lastError === undefined,
        generation: forwarding.generation,
        reason: forwarding.mode === 'off' ? '' : forwarding.reason,
      },
      ready: { ok, reason: this.#leaving ? 'Leaving' : ok ? 'Ready' : 'Starting', message: reason },
    }
  }
}
