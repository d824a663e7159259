import { formatAddress } from '#inet/address.ts'
import { parseKey, type KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import type { Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { timestamp } from '#kube/timestamp.ts'
import { announcedCondition, type AnnouncedInput } from './announced-condition.ts'
import type { Decision, NotOurs } from './decide.ts'
import { claimedCondition, type TakenFrontend } from './frontends.ts'
import type { Inputs } from './inputs.ts'
import { OwnWrites } from './own-writes.ts'
import type { Session } from './session.ts'
import { NO_SESSION } from './speaker-session.ts'
import { isHeard } from './speakers.ts'
import { statusPatch, type StatusPatch, type Words } from './status-patch.ts'

export interface ServiceWriterOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly inputs: Inputs
  /** the frontends of a Service that an older one has */
  readonly taken: (key: string) => readonly TakenFrontend[]
  /** undefined while this replica may not write */
  readonly session: () => Session | undefined
}

/** Writes what Services are to say of themselves, and knows its own writes again when the watch shows them. */
export class ServiceWriter {
  readonly #options: ServiceWriterOptions
  readonly #own = new OwnWrites()
  /** Services that somebody changed while a write was under way */
  readonly #changed = new Set<string>()

  constructor(options: ServiceWriterOptions) {
    this.#options = options
  }

  /** Nothing may be under way. */
  clear(): void {
    this.#own.clear()
    this.#changed.clear()
  }

  /** The Service is gone. */
  forget(key: string): void {
    this.#own.forget(key)
  }

  /**
   * Is this change of a Service nothing to reconcile? What was just written is not, when it says all that there is
   * to say; while a write is under way nobody knows, and `takeChanged` tells afterwards.
   */
  settles(key: string, current: Service): boolean {
    const shown = this.#own.shown(key, current.resourceVersion)
    return shown === 'unclear' || (shown === 'own' && this.#saysAll(key, current))
  }

  /** Has somebody changed the Service while it was written? To be asked after each reconcile. */
  takeChanged(key: string): boolean {
    return this.#changed.delete(key)
  }

  /** What is to be written so that a Service says what was decided about it, undefined when it does. */
  difference(
    key: string,
    service: Service,
    decision: Decision | NotOurs,
    left?: Words['left'],
  ): StatusPatch | undefined {
    const { clock, inputs, taken } = this.#options
    const { announcements, reports } = inputs
    const announced = inputs.announcementsSynced
      ? announcedCondition({
          announcements: announcements.of(key),
          addresses: 'notOurs' in decision ? [] : decision.addresses.map(formatAddress),
          holdings: (address) => reports.holdings(address),
          troubles: (address) => reports.troubles(address),
          speakers: reports.anyReady,
          ...nodesIn(inputs),
        })
      : undefined
    const claimed = claimedCondition(taken(key))
    return statusPatch(service, decision, { announced, claimed, left }, timestamp(clock.now()))
  }

  /** @returns false when the Service has changed or gone since it was read */
  async write(key: string, patch: StatusPatch): Promise<boolean> {
    const { api, inputs } = this.#options
    const options = { type: 'merge', subresource: 'status' } as const
    let made = ''
    this.#own.begin(key)
    try {
      const { metadata } = await api.patch(resources.services, parseKey(key), patch, options)
      made = metadata.resourceVersion ?? ''
      return true
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_CONFLICT', 'FL_KUBE_NOT_FOUND')) return false
      throw error
    } finally {
      const shown = this.#own.end(key, made)
      const known = shown === 'own' ? inputs.services.store.get(key) : undefined
      if (shown === 'foreign' || (known !== undefined && !this.#saysAll(key, known))) this.#changed.add(key)
    }
  }

  #saysAll(key: string, service: Service): boolean {
    const session = this.#options.session()
    const decision = session?.outcome(key)
    if (session === undefined || decision === undefined || session.replaces(service, key)) return false
    return this.difference(key, service, decision) === undefined
  }
}

/**
 * What the condition Announced is told of nodes. Where there is no SpeakerStatus at all that stands in nobody's way; one
 * that alone is missing went with its node.
 */
function nodesIn({ reports, speakers }: Inputs): Pick<AnnouncedInput, 'heard' | 'session'> {
  return {
    heard: (node) => {
      const report = speakers.store.get(node)
      return report === undefined ? speakers.store.size === 0 : isHeard(report)
    },
    session: (node, peer) => {
      const told = reports.sessions.told(node, peer)
      if (told !== undefined) return told
      const report = speakers.store.get(node)
      return report === undefined || report.moreSessions ? undefined : NO_SESSION
    },
  }
}
