import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { EventRecorder } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import type { BfdSettings } from './bfd/config.ts'
import type { Companions } from './forwarding/companions.ts'
import type { ForwardingConfig } from './forwarding/config.ts'
import type { Forwarder } from './forwarding/forwarder.ts'
import type { SpeakerMetrics } from './metrics.ts'

/** What the main thread of a speaker is made of and told. */
export interface SpeakerParts {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly namespace: string
  readonly nodeName: string
  readonly loadBalancerClass: string
  readonly ignoreExcludeLabel: boolean
  /** of the BFD sessions between speakers */
  readonly liveness: BfdSettings
  /** a cordon or a taint of shutting down drains the node, too */
  readonly drainOnCordon: boolean
  /** how long routes stay, marked as about to go, when the node drains */
  readonly drainWaitMs: number
  readonly metrics: SpeakerMetrics
  readonly forwarding: ForwardingConfig
  readonly forwarder: Forwarder
  readonly companions: Companions
  readonly events: EventRecorder
  readonly onFatal: (error: Error) => void
}
