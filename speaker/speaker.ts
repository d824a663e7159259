import type { Problem } from '#crds/config.ts'
import type { OwnerReference } from '#kube/api.ts'
import type { Timer } from '#kube/clock.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import { Announcements } from './announcements.ts'
import { tellSession } from './bgp/notices.ts'
import { Drain } from './drain/drain.ts'
import { tellDrain } from './drain/notice.ts'
import { plannedStop } from './drain/planned-stop.ts'
import { summarizeEndpoints } from './endpoints.ts'
import { missingNode, type NodeState } from './forwarding/health/proxy-health.ts'
import { ForwardingFeed } from './forwarding-feed.ts'
import { ForeignClaims } from './layer2-state-claims.ts'
import { LeaseKeeper } from './liveness/lease-keeper.ts'
import { Liveness } from './liveness/liveness.ts'
import type { SpeakerParts } from './parts.ts'
import { Sources } from './sources.ts'
import { hasForwarded, nodeState } from './status/node-state.ts'
import { ProblemReport } from './status/problem-report.ts'
import { AddressProblems, spokesmanFor, tellingSpeakers } from './status/problems.ts'
import { routeRefusals } from './status/route-problem.ts'
import { Reporting } from './status/reporting.ts'
import { buildView } from './view-of.ts'
import type { SpeakerView } from './view.ts'
import { WireFeed } from './wire-feed.ts'
import { WireState } from './wire-state.ts'
import { WireHost } from './wire/wire-host.ts'
import { vipsOf, type World } from './world.ts'

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
  readonly #lease: LeaseKeeper
  readonly #liveness: Liveness
  readonly #drain: Drain
  readonly #problems: AddressProblems
  readonly #problemReport: ProblemReport
  readonly #claims: ForeignClaims
  readonly #wireFeed: WireFeed
  readonly #reporting: Reporting
  readonly #dirty = new Set<string>()
  #worldDirty = true
  #scheduled: Timer | undefined
  #synced = false
  #listed = false
  #leaving = false
  #world: World
  #readySpeakers: readonly string[] = []

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
      onSpeakers: () => {
        if (this.#synced) this.#liveness.update(this.#world)
      },
      onExclusions: () => this.#markWorld(),
      onOwnStatusDeleted: () => this.#reporting.nodeDeleted(),
      onOwnStatusDoubted: () => this.#reporting.nodeDoubted(),
      onError: (resource, error, retryInMs) => {
        parts.metrics.update(true)
        log.warn({ resource, error: String(error), retryInMs }, 'watch failed')
      },
    })
    this.#world = this.#lookAround()
    this.#announcements = new Announcements(this.#world)
    this.#wireState = new WireState({
      log,
      node: nodeName,
      metrics: parts.metrics,
      now: () => clock.now(),
      onHolders: (addresses) => this.#holdersChanged(addresses),
      onInterfaces: () => {
        this.#feed.nodeChanged()
        this.#markWorld()
        this.#reporting.nodeChanged()
      },
      onSessions: () => this.#reporting.nodeChanged(),
      onNotice: (peer, notice) => {
        const uid = this.#sources.config.uidOf({ kind: 'BGPPeer', namespace, name: peer })
        tellSession(parts.events, { namespace, name: peer, uid }, notice)
      },
      onNeighbors: () => this.#reporting.nodeChanged(),
      onConflict: (conflict) => this.#claims.heard(conflict),
    })
    this.#claims = new ForeignClaims({
      clock,
      onChange: (addresses) => this.#problemReport.look(addresses),
      onEpisode: ({ address, mac, interface: name }) => {
        for (const key of this.#announcements.servicesOf(address))
          this.#reporting.warn(
            key,
            'addressConflict',
            `${mac} on ${name} claims ${address}, which "${nodeName}" holds`,
          )
      },
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
    this.#lease = new LeaseKeeper({
      api,
      clock,
      namespace,
      node: nodeName,
      owner: () => this.#ownNode(),
      onAnswer: () => this.#liveness.look(),
      onError: (error) => log.warn({ error: String(error) }, 'Lease not renewed'),
    })
    this.#liveness = new Liveness({
      clock,
      settings: parts.liveness,
      contact: () => Math.max(this.#sources.lastContact(), this.#lease.answeredAt),
      send: (message) => this.#wire.send(message),
      onStale: (stale) => {
        parts.metrics.layer2.stale(stale)
        if (stale) log.warn({}, 'nothing heard of the API server for too long')
        else log.info({}, 'the API server is heard again')
      },
    })
    this.#drain = new Drain({
      clock,
      onCordon: parts.drainOnCordon,
      waitMs: parts.drainWaitMs,
      gracefulShutdown: (on) => this.#wire.send({ kind: 'gracefulShutdown', on }),
      onPhase: () => this.#markWorld(),
      onChange: (state, before) => {
        const { phase, reason } = state
        log.info({ phase, reason }, 'drain')
        this.#reporting.nodeChanged()
        tellDrain(parts.events, { name: nodeName, uid: this.#ownNode()?.uid ?? '' }, state, before)
      },
    })
    this.#problems = new AddressProblems((address) => ({
      plan: this.#announcements.layer2(address),
      holder: this.#wireState.layer2.holder(address),
      routed: this.#announcements.isRouted(address),
      routeNotServed: this.#routeNotServed(address),
      routeRefusals: () =>
        routeRefusals(
          address,
          {
            services: this.#announcements.targetsOf(address),
            poolOf: (one) => this.#announcements.poolOf(one),
          },
          this.#world,
        ),
      contestedBy: this.#claims.claimantOf(address),
      interfaces: this.#wireState.interfaces,
      spokesman: spokesmanFor(address, this.#readySpeakers) === nodeName,
    }))
    this.#problemReport = new ProblemReport(clock, this.#problems, () => this.#reporting.nodeChanged())
    this.#wireFeed = new WireFeed({
      log,
      wire: this.#wire,
      state: this.#wireState,
      forwarder: parts.forwarder,
      sources: this.#sources,
    })
    this.#reporting = new Reporting({
      api,
      clock,
      log,
      namespace,
      node: nodeName,
      metrics: parts.metrics,
      events: parts.events,
      announcements: this.#announcements,
      layer2: this.#wireState.layer2,
      service: (key) => this.#sources.services.store.get(key),
      owner: () => this.#ownNode(),
      state: () =>
        nodeState(
          {
            node: nodeName,
            wire: this.#wireState,
            forwarder: parts.forwarder,
            problems: this.#problems,
            drain: this.#drain,
          },
          this.ready(),
          this.#leaving,
          clock.now(),
        ),
      configProblems: () => this.#configProblems(),
      leaving: () => this.#leaving,
    })
  }

  /** Forwarding for these Services is in the kernel now, or is not any more. */
  programmed(keys: readonly string[]): void {
    for (const key of keys) this.#markService(key)
    // The first time it tells what graceful restart may say, and that the routes are complete.
    if (!this.#wireFeed.routesComplete) this.#markWorld()
    this.#reporting.nodeChanged()
  }

  start(): void {
    this.#wire.start()
    this.#parts.forwarder.start()
    this.#parts.companions.start()
    this.#feed.start()
    this.#sources.start()
    this.#liveness.start()
    this.#reporting.start()
    void this.#sources.whenSynced().then(() => {
      this.#synced = true
      // Nothing else may happen for hours that would tell that this node is ready.
      this.#reporting.nodeChanged()
      this.#lease.start()
      this.#parts.log.info({ services: this.#sources.services.store.size }, 'first lists complete')
      for (const key of this.#sources.services.store.keys()) this.#dirty.add(key)
      this.#markWorld()
    })
  }

  /** Others must know before this node falls silent; then the wire goes quiet, forwarding stays in the kernel. */
  async stop(): Promise<void> {
    await plannedStop({
      clock: this.#parts.clock,
      routing: this.#wireState.bgp.routing && this.#drain.state.phase !== 'withdrawn',
      drainWaitMs: this.#parts.drainWaitMs,
      markRoutes: () => this.#wire.send({ kind: 'gracefulShutdown', on: true, sparing: true }),
      leave: () => {
        this.#leaving = true
        this.#scheduled?.cancel()
        this.#problemReport.stop()
        this.#claims.stop()
      },
      tell: () => this.#reporting.flushNode(),
      silence: () => this.#wire.stop(),
      withdraw: () => Promise.all([this.#reporting.withdraw(), this.#lease.release()]),
    })
    this.#sources.stop()
    this.#feed.stop()
    this.#liveness.stop()
    this.#drain.stop()
    await Promise.all([this.#reporting.stop(), this.#lease.stop()])
    await Promise.all([this.#parts.companions.stop(), this.#parts.forwarder.stop()])
  }

  ready(): { ok: boolean; reason: string } {
    if (this.#leaving) return { ok: false, reason: 'leaving' }
    if (!this.#synced) return { ok: false, reason: 'first lists are not complete' }
    if (!hasForwarded(this.#parts.forwarder))
      return { ok: false, reason: 'forwarding is not in the kernel yet' }
    return { ok: true, reason: '' }
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
      peers: this.#wireFeed.peers,
      forwarding: this.#parts.forwarder.view(),
      loadBalancerClass: this.#parts.loadBalancerClass,
      problems: this.#problems,
      stale: this.#liveness.stale,
      drain: this.#drain.state,
      ask: (question) => this.#wire.ask(question),
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
      this.#parts.clock.setTimeout(() => this.#reporting.startServices(), STATUS_GRACE_MS)
    }
    const delta = this.#announcements.flush()
    this.#wireFeed.tell(delta)
    this.#problemReport.look(delta.planned)
    for (const key of delta.services) this.#reporting.serviceChanged(key)
  }

  #holdersChanged(addresses: readonly string[]): void {
    for (const address of addresses) {
      for (const key of this.#announcements.servicesOf(address)) this.#reporting.serviceChanged(key)
    }
    this.#problemReport.look(addresses)
    this.#reporting.nodeChanged()
  }

  /** Only after the first time in the kernel: until then nothing is, for a moment. */
  #routeNotServed(address: string): boolean {
    const planned = this.#announcements.servicesOf(address).map((key) => this.#announcements.bgp(key)?.reason)
    return planned.includes('notProgrammed') && !planned.includes('') && hasForwarded(this.#parts.forwarder)
  }

  /** Status objects are owned by the Node and go when it goes. */
  #ownNode(): OwnerReference | undefined {
    const node = this.#sources.nodes.store.get(this.#parts.nodeName)
    return node === undefined ? undefined : { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid }
  }

  #flushWorld(): void {
    this.#worldDirty = false
    this.#world = this.#lookAround()
    this.#readySpeakers = tellingSpeakers(this.#world.speakers)
    this.#drain.update(this.#world.nodes.get(this.#parts.nodeName))
    this.#wireFeed.tellExclusions()
    // Who the others are goes before what they may hold.
    this.#liveness.update(this.#world)
    this.#wireFeed.tellPeers(this.#world)
    this.#parts.metrics.config(
      true,
      this.#configProblems()?.some(({ severity }) => severity === 'error') ?? false,
    )
    this.#reporting.configChanged()
    this.#announcements.setWorld(
      this.#world,
      this.#wireFeed.peers.map(({ name }) => name),
      this.#drain.keepsRoutes ? { ...this.#world, ignoreDrain: true } : this.#world,
    )
  }

  /** undefined before the first lists are complete. */
  #configProblems(): readonly Problem[] | undefined {
    if (!this.#synced) return undefined
    const { config, passwords, exclusions } = this.#sources
    return [...config.problems, ...passwords.problems(config.config.peers), ...exclusions.problems]
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
      drainOnCordon: this.#parts.drainOnCordon,
    }
  }
}
