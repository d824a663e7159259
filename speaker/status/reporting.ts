import type { Problem } from '#crds/config.ts'
import type { KubeApi, OwnerReference } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { EventRecorder } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import type { Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import type { Announcements } from '../announcements.ts'
import type { Layer2State } from '../layer2-state.ts'
import type { Announced, SpeakerMetrics } from '../metrics.ts'
import { SpeakerConfigState } from './config-state.ts'
import { routedAddresses } from './routed-addresses.ts'
import { ServiceStatusWriter, type ServiceStatusBody } from './service-status.ts'
import { SpeakerStatusWriter, type SpeakerState } from './speaker-status.ts'

export interface ReportingOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly namespace: string
  readonly node: string
  readonly metrics: SpeakerMetrics
  readonly events: EventRecorder
  readonly announcements: Announcements
  readonly layer2: Layer2State
  readonly service: (key: string) => Service | undefined
  readonly owner: () => OwnerReference | undefined
  readonly state: () => SpeakerState
  readonly configProblems: () => readonly Problem[] | undefined
  /** a planned stop has begun: nothing counts as announced any more */
  readonly leaving: () => boolean
}

type Protocol = 'layer2' | 'bgp'

/** Addresses of one Service that are announced; by one of the protocols at least. */
type AnnouncedAddresses = Readonly<Record<Protocol, readonly string[]>>

const protocols = ['layer2', 'bgp'] as const satisfies Protocol[]
const nothing: AnnouncedAddresses = { layer2: [], bgp: [] }

/** Everything that a speaker tells Kubernetes: status objects, events of Services, and the metric of who announces. */
export class Reporting {
  readonly #options: ReportingOptions
  readonly #l2Status: ServiceStatusWriter
  readonly #bgpStatus: ServiceStatusWriter
  readonly #speakerStatus: SpeakerStatusWriter
  readonly #configState: SpeakerConfigState
  /** what is announced, by Service */
  readonly #announced = new Map<string, AnnouncedAddresses>()

  constructor(options: ReportingOptions) {
    const { api, clock, log, namespace, node, owner, state } = options
    this.#options = options
    options.metrics.readAnnounced(() => this.#samples())
    const writer = (prefix: 'l2' | 'bgp', desired: (key: string) => ServiceStatusBody | undefined) =>
      new ServiceStatusWriter({
        api,
        clock,
        resource: prefix === 'l2' ? resources.serviceL2Statuses : resources.serviceBgpStatuses,
        namespace,
        node,
        prefix,
        othersMatter: prefix === 'l2',
        exclusive: (key) => prefix === 'l2' && this.#holdsAll(key),
        desired,
        owner,
        onError: (error, service) =>
          log.warn({ service, error: String(error) }, `Service${prefix}Status not written`),
      })
    this.#l2Status = writer('l2', (key) => this.#layer2Body(key))
    this.#bgpStatus = writer('bgp', (key) => this.#bgpBody(key))
    this.#speakerStatus = new SpeakerStatusWriter({
      api,
      clock,
      node,
      state,
      owner,
      onError: (error) => log.warn({ error: String(error) }, 'SpeakerStatus not written'),
    })
    this.#configState = new SpeakerConfigState({
      api,
      clock,
      namespace,
      node,
      owner,
      problems: options.configProblems,
      onError: (error) => log.warn({ error: String(error) }, 'ConfigurationState not written'),
    })
  }

  /** What is said of the node and of the configuration. */
  start(): void {
    this.#speakerStatus.start()
    this.#configState.start()
  }

  /**
   * What is said of Services. Not before it is known what is announced: until then everything that a former run wrote
   * looks surplus.
   */
  startServices(): void {
    if (this.#options.leaving()) return
    this.#l2Status.start()
    this.#bgpStatus.start()
  }

  /** This node is not what it was; written soon. */
  nodeChanged(): void {
    this.#speakerStatus.changed()
  }

  /** Writes what this node is now: the last word of a planned stop. */
  flushNode(): Promise<void> {
    return this.#speakerStatus.flush()
  }

  /** Somebody deleted this node's SpeakerStatus. */
  nodeDeleted(): void {
    this.#speakerStatus.deleted()
  }

  /** Somebody put in doubt what it says. */
  nodeDoubted(): void {
    this.#speakerStatus.doubted()
  }

  configChanged(): void {
    this.#configState.changed()
  }

  /** Status objects, events and metrics of one Service follow what is announced now. */
  serviceChanged(key: string): void {
    this.#l2Status.changed(key)
    this.#bgpStatus.changed(key)
    const before = this.#announced.get(key) ?? nothing
    const now = this.#announcedNow(key)
    if (now === nothing) this.#announced.delete(key)
    else this.#announced.set(key, now)
    const { service: find, events, node } = this.#options
    const service = find(key)
    if (service === undefined) return
    const { namespace, name, uid } = service
    for (const protocol of protocols) {
      if (now[protocol].length === 0 || before[protocol].length > 0) continue
      const message = `announcing from node "${node}" with protocol "${protocol}"`
      const about = { apiVersion: 'v1', kind: 'Service', namespace, name, uid }
      events.record(about, 'Normal', 'nodeAssigned', message)
    }
  }

  /** What a person should know of a Service now, and that no condition shows for long. */
  warn(key: string, reason: string, message: string): void {
    const service = this.#options.service(key)
    if (service === undefined) return
    const { namespace, name, uid } = service
    this.#options.events.record(
      { apiVersion: 'v1', kind: 'Service', namespace, name, uid },
      'Warning',
      reason,
      message,
    )
  }

  /** Nothing is announced any more, so the status objects of this node are surplus. */
  async withdraw(): Promise<void> {
    for (const key of this.#announced.keys()) this.serviceChanged(key)
    await Promise.all([this.#l2Status.idle(), this.#bgpStatus.idle()])
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.#l2Status.stop(),
      this.#bgpStatus.stop(),
      this.#speakerStatus.stop(),
      this.#configState.stop(),
    ])
  }

  #announcedNow(key: string): AnnouncedAddresses {
    const addresses = this.#options.announcements.addressesOf(key)
    const layer2 = this.#layer2Body(key) === undefined ? [] : addresses.filter((ip) => this.#holds(ip))
    const plan = this.#options.announcements.bgp(key)
    const routed = plan !== undefined && this.#bgpBody(key) !== undefined
    const bgp = routed ? routedAddresses(addresses, plan) : []
    if (layer2.length + bgp.length === 0) return nothing
    // Most Services are announced by one protocol, with all their addresses.
    return {
      layer2: layer2.length === addresses.length ? addresses : layer2.length === 0 ? nothing.layer2 : layer2,
      bgp: bgp.length === addresses.length ? addresses : bgp.length === 0 ? nothing.bgp : bgp,
    }
  }

  *#samples(): IterableIterator<Announced> {
    const { node } = this.#options
    for (const [service, announced] of this.#announced) {
      for (const protocol of protocols) {
        for (const ip of announced[protocol]) yield { service, protocol, node, ip }
      }
    }
  }

  #holds(address: string): boolean {
    return this.#options.layer2.holder(address)?.held === true
  }

  #layer2Body(key: string): ServiceStatusBody | undefined {
    const { leaving, announcements, layer2 } = this.#options
    if (leaving()) return undefined
    const held = announcements.addressesOf(key).flatMap((address) => {
      const holder = layer2.holder(address)
      return holder?.held ? [holder] : []
    })
    if (held.length === 0) return undefined
    const interfaces = [...new Set(held.flatMap((holder) => holder.interfaces))].sort()
    return { interfaces: interfaces.map((name) => ({ name })) }
  }

  /** The addresses of one Service may have different holders, who all have a status object. */
  #holdsAll(key: string): boolean {
    const addresses = this.#options.announcements.addressesOf(key)
    return addresses.length > 0 && addresses.every((address) => this.#holds(address))
  }

  #bgpBody(key: string): ServiceStatusBody | undefined {
    const { leaving, announcements } = this.#options
    const plan = leaving() ? undefined : announcements.bgp(key)
    return plan === undefined || plan.reason !== '' ? undefined : { peers: plan.peers }
  }
}
