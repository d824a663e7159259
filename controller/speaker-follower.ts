import type { KubeApi } from '#kube/api.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import type { WorkQueue } from '#kube/work-queue.ts'
import type { Inputs } from './inputs.ts'
import { Reachability } from './reachability.ts'
import { SpeakerLeases } from './speaker-leases.ts'
import { isHeard, type SpeakerReport } from './speakers.ts'

/** What turns on a node may concern all that it announces: Services are looked for this seldom. */
const TELL_MS = 1000

export interface SpeakerFollowerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly inputs: Inputs
  /** this replica may write now */
  readonly leads: () => boolean
  readonly queue: () => Pick<WorkQueue, 'add'>
  /** the Services that have an address */
  readonly owners: (address: string) => Iterable<string>
  /** who announces a Service, or why nobody does, has changed */
  readonly onService: (service: string) => void
  /** the same of all Services */
  readonly onAll: () => void
}

/** Follows what speakers say in their SpeakerStatus and by their Leases: which Services and which nodes it concerns. */
export class SpeakerFollower {
  readonly #options: SpeakerFollowerOptions
  readonly #leases = new SpeakerLeases()
  readonly reachability: Reachability
  /** nodes whose announcements count in another way than before */
  readonly #turned = new Set<string>()
  #telling: Timer | undefined
  #settling: Timer | undefined

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

  stop(): void {
    this.#telling?.cancel()
    this.#settling?.cancel()
  }

  #reported(node: string, previous?: SpeakerReport, current?: SpeakerReport): void {
    const { clock, inputs, queue, owners, onService, onAll } = this.#options
    const { reports } = inputs
    const heard = current !== undefined && isHeard(current)
    if (reports.sessions.observe(node, current?.sessions, clock.now())) this.#turn(node)
    else if (heard !== (previous !== undefined && isHeard(previous))) this.#turn(node)
    this.#settleLater()
    if (this.reachability.wanted(node) !== undefined) queue().add(node)
    const any = reports.anyReady
    for (const address of reports.change(previous, current))
      for (const service of owners(address)) onService(service)
    if (reports.anyReady !== any) onAll()
  }

  #turn(node: string): void {
    const { clock, inputs, onService } = this.#options
    this.#turned.add(node)
    this.#telling ??= clock.setTimeout(() => {
      this.#telling = undefined
      for (const service of inputs.announcements.on(this.#turned)) onService(service)
      this.#turned.clear()
    }, TELL_MS)
  }

  /** Looks at the sessions again when one of them has been what it is for long enough. */
  #settleLater(): void {
    const { clock, inputs } = this.#options
    const { sessions } = inputs.reports
    const deadline = sessions.deadline()
    this.#settling?.cancel()
    this.#settling =
      deadline === undefined
        ? undefined
        : clock.setTimeout(
            () => {
              for (const node of sessions.step(clock.now())) this.#turn(node)
              this.#settleLater()
            },
            Math.max(1, deadline - clock.now()),
          )
  }
}
