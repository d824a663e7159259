import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { Service } from '#kube/objects/service.ts'
import type { WorkQueue } from '#kube/work-queue.ts'
import type { Inputs } from './inputs.ts'
import { Reachability } from './reachability.ts'
import { SpeakerLeases } from './speaker-leases.ts'
import { AddressOwners, type SpeakerReport } from './speakers.ts'

export interface SpeakerFollowerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly inputs: Inputs
  /** this replica may write now */
  readonly leads: () => boolean
  readonly queue: () => Pick<WorkQueue, 'add'>
  /** who announces a Service, or why nobody does, has changed */
  readonly onService: (service: string) => void
  /** the same of all Services */
  readonly onAll: () => void
}

/** Follows what speakers say in their SpeakerStatus and by their Leases: which Services and which nodes it concerns. */
export class SpeakerFollower {
  readonly #options: SpeakerFollowerOptions
  readonly #leases = new SpeakerLeases()
  readonly #owners = new AddressOwners()
  readonly reachability: Reachability

  constructor(options: SpeakerFollowerOptions) {
    const { api, clock, inputs, leads } = options
    this.#options = options
    this.reachability = new Reachability({
      api,
      clock,
      leads,
      report: (node) => inputs.speakers.store.get(node),
      reachable: (node) => this.#leases.reachable(node),
    })
  }

  start(): void {
    const { clock, inputs, queue } = this.#options
    inputs.speakers.onChange(({ key, previous, current }) => this.#reported(key, previous, current))
    inputs.leases.onChange(({ previous, current }) => {
      const node = current?.node || previous?.node || ''
      const lease = current?.node === '' ? undefined : current
      for (const changed of this.#leases.seen(node, lease, clock.now())) queue().add(changed)
    })
  }

  /** What another replica left unsaid is to be said by this one. */
  lead(): void {
    for (const node of this.#options.inputs.speakers.store.keys()) this.#options.queue().add(node)
  }

  /** @param current undefined when it is gone or does not concern us */
  serviceChanged(key: string, previous: Service | undefined, current: Service | undefined): void {
    this.#owners.set(key, addressesIn(previous), addressesIn(current))
  }

  #reported(node: string, previous?: SpeakerReport, current?: SpeakerReport): void {
    const { queue, onService, onAll } = this.#options
    const { reports } = this.#options.inputs
    if (this.reachability.wanted(node) !== undefined) queue().add(node)
    const any = reports.anyReady
    for (const address of reports.change(previous, current))
      for (const service of this.#owners.of(address)) onService(service)
    if (reports.anyReady !== any) onAll()
  }
}

/** Written by us, so in canonical form; what somebody else wrote is nobody's to hold. */
const addressesIn = (service: Service | undefined): string[] =>
  service?.ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip])) ?? []
