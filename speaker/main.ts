import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import type { Registry } from 'prom-client'
import { startForwarding, type ForwardingConfig } from './forwarding/start.ts'
import { SpeakerMetrics } from './metrics.ts'
import { Speaker } from './speaker.ts'
import type { SpeakerView } from './view.ts'

export interface SpeakerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  /** Fairlead's own namespace: configuration and Secrets are read there */
  readonly namespace: string
  readonly nodeName: string
  readonly loadBalancerClass: string
  /** upstream's --ignore-exclude-lb */
  readonly ignoreExcludeLabel: boolean
  readonly forwarding: ForwardingConfig
  /** the wire thread died: the process must end, too (one fate) */
  readonly onFatal: (error: Error) => void
}

export interface SpeakerProcess {
  view(): SpeakerView
  readonly registry: Registry
  /** the readiness probe's answer */
  ready(): { readonly ok: boolean; readonly reason: string }
  /** Planned stop: addresses are handed over and sessions closed before anything else stops. */
  stop(): Promise<void>
}

/** Starts a speaker and returns at once; it becomes ready when its first lists are complete and programmed. */
export async function startSpeaker(options: SpeakerOptions): Promise<SpeakerProcess> {
  const metrics = new SpeakerMetrics()
  const forwarding = await startForwarding({
    ...options,
    config: options.forwarding,
    registry: metrics.registry,
  })
  const speaker = new Speaker({ ...options, metrics, forwarding })
  speaker.start()
  return {
    view: () => speaker.view(),
    registry: metrics.registry,
    ready: () => speaker.ready(),
    stop: () => speaker.stop(),
  }
}
