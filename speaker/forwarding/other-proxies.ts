import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import { forwardingDecision } from './coexistence.ts'
import type { ForwardingConfig } from './config.ts'
import type { Dataplane, ForeignChange } from './dataplane.ts'
import { Suspicion } from './suspicion.ts'

export interface OtherProxiesOptions {
  readonly dataplane: Dataplane
  readonly clock: Clock
  readonly config: ForwardingConfig
  readonly log: Logger
  /** this process has programmed something */
  readonly everSynced: () => boolean
  /** `by` changed what is ours, or may have: puts it right; '' when nobody can be named */
  readonly verify: (by: string) => Promise<void>
  /** nothing is in the way any more */
  readonly begin: () => Promise<void>
  /** ours stays out, or does not any more: Services count as programmed or not by that alone */
  readonly onStandBy: () => void
}

/**
 * Others at work on the rule set of this node: whether ours forwards beside another service proxy or stands by, and
 * when to look again at what they do.
 */
export class OtherProxies {
  readonly #options: OtherProxiesOptions
  readonly #suspicion: Suspicion
  #watching = false
  /** how long the last look took */
  #lookMs = 0
  /** in words, '' when there is none */
  found = ''
  /** what a person should know about why forwarding is done or is not */
  reason = ''
  /** another proxy is in the way */
  standingBy = false

  constructor(options: OtherProxiesOptions) {
    this.#options = options
    this.#suspicion = new Suspicion({
      clock: options.clock,
      onOurs: (by) => void this.#verify(by),
      onOthers: () => void this.#lookAgain(),
    })
  }

  /** From now on others are looked for now and then, and when somebody changes something. */
  start(): void {
    this.#watching = true
    this.#lookLater()
  }

  stop(): void {
    this.#watching = false
    this.#suspicion.stop()
  }

  changed(change: ForeignChange): void {
    if (this.#watching) this.#suspicion.note(change, this.standingBy ? { lookMs: this.#lookMs } : undefined)
  }

  /** Looks who is there. If somebody is in the way ours stays out, and it is looked again. */
  async mustStandBy(): Promise<boolean> {
    await this.#look()
    if (await this.#mayForward()) return false
    this.#options.log.warn({ reason: this.reason }, 'forwarding stays off')
    this.standingBy = true
    this.#lookLater()
    this.#options.onStandBy()
    return true
  }

  async #verify(by: string): Promise<void> {
    this.#suspicion.verified()
    await this.#options.verify(by)
    this.#lookLater()
  }

  async #lookAgain(): Promise<void> {
    const { log } = this.#options
    try {
      await this.#look()
      const may = await this.#mayForward()
      if (this.standingBy && may) await this.#begin()
    } catch (error) {
      if (this.#watching) log.warn({ error: String(error) }, 'cannot look for other service proxies')
    }
    this.#lookLater()
  }

  async #begin(): Promise<void> {
    this.#options.log.info({}, 'no other service proxy is left: forwarding begins')
    this.standingBy = false
    await this.#options.begin()
    this.#options.onStandBy()
  }

  #lookLater(): void {
    if (this.#watching) this.#suspicion.later(this.standingBy)
  }

  async #look(): Promise<void> {
    const { clock, dataplane, log } = this.#options
    const from = clock.now()
    const found = await dataplane.foreign()
    this.#lookMs = clock.now() - from
    if (found !== this.found && found !== '') {
      log.warn({ foreign: found }, 'another service proxy is at work on this node')
    }
    this.found = found
  }

  async #mayForward(): Promise<boolean> {
    const { config, dataplane, everSynced } = this.#options
    const decision = forwardingDecision({
      mode: config.mode,
      forced: config.force,
      foreign: this.found,
      everProgrammed: everSynced() || (this.found !== '' && (await dataplane.installed())),
    })
    this.reason = decision.reason
    return decision.forward
  }
}
