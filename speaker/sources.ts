import { keyOf, type KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { ConfigSource } from '#kube/config-source.ts'
import { projectEndpointSlice, type EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import { projectNode, type Node } from '#kube/objects/node.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'
import { ExclusionSource } from './exclusions.ts'
import { PasswordSource } from './secrets.ts'
import { ServiceCidrSource } from './service-cidrs.ts'
import { projectSpeaker, sameCandidate, sameSpeaker } from './status/project.ts'
import type { SpeakerInfo } from './world.ts'

export interface SourcesOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly namespace: string
  readonly nodeName: string
  /** a Service, or one of its EndpointSlices, changed */
  readonly onService: (key: string) => void
  /** configuration, a node, a speaker or a password changed in a way that matters */
  readonly onWorld: () => void
  /** a speaker says something else of itself that only speakers need to know */
  readonly onSpeakers: () => void
  /** the list of interfaces to leave alone, or what is wrong with it, is another one */
  readonly onExclusions: () => void
  /** this node's SpeakerStatus is gone */
  readonly onOwnStatusDeleted: () => void
  /** what it says of being ready was put in doubt */
  readonly onOwnStatusDoubted: () => void
  readonly onError: (resource: string, error: unknown, retryInMs: number) => void
}

/** Everything a speaker watches, and the index of slices by Service. */
export class Sources {
  readonly services: Reflector<Service>
  readonly nodes: Reflector<Node>
  readonly speakers: Reflector<SpeakerInfo>
  readonly config: ConfigSource
  readonly passwords: PasswordSource
  readonly exclusions: ExclusionSource
  readonly serviceCidrs: ServiceCidrSource
  readonly #slices: Reflector<EndpointSlice>
  /** few, mostly one */
  readonly #slicesByService = new Map<string, readonly EndpointSlice[]>()

  constructor(options: SourcesOptions) {
    const { api, clock, namespace, onService, onWorld } = options
    const common = (resource: string) => ({
      api,
      clock,
      onError: (error: unknown, retryInMs: number) => options.onError(resource, error, retryInMs),
    })
    this.services = new Reflector({
      ...common('services'),
      resource: resources.services,
      project: projectService,
    })
    this.services.onChange(({ key }) => onService(key))

    this.#slices = new Reflector({
      ...common('endpointslices'),
      resource: resources.endpointSlices,
      project: projectEndpointSlice,
    })
    this.#slices.onChange(({ previous, current }) => {
      if (previous !== undefined) this.#forget(previous)
      if (current !== undefined) {
        const service = serviceOf(current)
        const others = this.#slicesByService.get(service)
        // A list that is made by spreading has room for many more.
        this.#slicesByService.set(service, others === undefined ? [current] : others.concat(current))
      }
      for (const service of new Set(
        [previous, current].flatMap((one) => (one === undefined ? [] : [serviceOf(one)])),
      ))
        onService(service)
    })

    this.nodes = new Reflector({ ...common('nodes'), resource: resources.nodes, project: projectNode })
    this.nodes.onChange(({ previous, current }) => {
      // Heartbeats change a Node every few seconds; nothing here depends on them.
      if (relevant(previous) !== relevant(current)) onWorld()
    })

    this.speakers = new Reflector({
      ...common('speakerstatuses'),
      resource: resources.speakerStatuses,
      project: projectSpeaker,
    })
    this.speakers.onChange(({ key, previous, current }) => {
      if (key === options.nodeName && current === undefined) options.onOwnStatusDeleted()
      if (key === options.nodeName && current?.doubted) options.onOwnStatusDoubted()
      if (!sameCandidate(previous, current)) onWorld()
      else if (!sameSpeaker(previous, current)) options.onSpeakers()
    })

    this.config = new ConfigSource({
      api,
      clock,
      namespace,
      onError: (error: unknown) => options.onError('configuration', error, 0),
    })
    this.config.onChange(onWorld)

    this.passwords = new PasswordSource({
      api,
      clock,
      namespace,
      onChange: onWorld,
      onError: (error) => options.onError('secrets', error, 0),
    })

    this.exclusions = new ExclusionSource({
      api,
      clock,
      namespace,
      onChange: options.onExclusions,
      onError: (error, retryInMs) => options.onError('configmaps', error, retryInMs),
    })

    this.serviceCidrs = new ServiceCidrSource({
      api,
      clock,
      onChange: onWorld,
      onError: (error, retryInMs) => options.onError('servicecidrs', error, retryInMs),
    })
  }

  /** The slices of a Service, by its `namespace/name`. */
  slicesOf(key: string): readonly EndpointSlice[] {
    return this.#slicesByService.get(key) ?? []
  }

  start(): void {
    for (const source of this.#all()) source.start()
  }

  stop(): void {
    for (const source of this.#all()) source.stop()
  }

  /** All first lists are complete: only then is anything announced. */
  get synced(): boolean {
    const all = [...this.#reflectors(), this.config, this.serviceCidrs, this.exclusions]
    return all.every(({ synced }) => synced)
  }

  async whenSynced(): Promise<void> {
    const all = [...this.#reflectors(), this.config, this.serviceCidrs, this.exclusions]
    await Promise.all(all.map((source) => source.whenSynced()))
  }

  /** What forwarding needs is complete, whatever becomes of the rest. */
  async whenForwardingSynced(): Promise<void> {
    const needed = [this.services, this.#slices, this.nodes, this.serviceCidrs]
    await Promise.all(needed.map((source) => source.whenSynced()))
  }

  /** epoch ms of the last contact with the API server, by resource plural */
  contact(): Record<string, number> {
    const own = this.#reflectors().map(({ resource, lastContact }) => [resource.plural, lastContact] as const)
    const configmaps = this.exclusions.lastContact
    return { ...Object.fromEntries(own), ...this.config.lastContact(), configmaps }
  }

  /** Epoch milliseconds of the last contact with the API server by any of the watches, 0 before the first. */
  lastContact(): number {
    return Math.max(...Object.values(this.contact()))
  }

  #forget(slice: EndpointSlice): void {
    const service = serviceOf(slice)
    const others = this.slicesOf(service).filter(({ name }) => name !== slice.name)
    if (others.length === 0) this.#slicesByService.delete(service)
    else this.#slicesByService.set(service, others)
  }

  #reflectors() {
    return [this.services, this.#slices, this.nodes, this.speakers, this.passwords.reflector]
  }

  #all() {
    const { services, nodes, speakers, passwords, config, exclusions, serviceCidrs } = this
    return [services, this.#slices, nodes, speakers, passwords, config, exclusions, serviceCidrs]
  }
}

const serviceOf = (slice: EndpointSlice): string => keyOf({ namespace: slice.namespace, name: slice.service })

const relevant = (node: Node | undefined): string =>
  node === undefined
    ? ''
    : JSON.stringify([
        node.labels,
        node.internalIPs,
        node.externalIPs,
        node.podCIDRs,
        node.networkUnavailable,
        node.deleting,
        node.taints,
        node.unschedulable,
      ])
