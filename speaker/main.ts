import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import type { Registry } from 'prom-client'
import { EventRecorder } from '#kube/events.ts'
import { giveBackMemory } from '#raw-socket/libc.ts'
import type { BfdSettings } from './bfd/config.ts'
import { Companions, type ProxyAddresses } from './forwarding/companions.ts'
import type { ForwardingConfig } from './forwarding/config.ts'
import { Forwarder } from './forwarding/forwarder.ts'
import { ForwardingMetrics } from './forwarding/metrics.ts'
import { KernelDataplane } from './forwarding/nft/kernel-dataplane.ts'
import { missingRequirements } from './forwarding/nft/install.ts'
import { noDataplane } from './forwarding/no-dataplane.ts'
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
  /** of the BFD sessions between speakers */
  readonly liveness: BfdSettings
  /** a cordon or a taint of shutting down drains the node, too */
  readonly drainOnCordon: boolean
  /** how long routes stay, marked as about to go, when the node drains */
  readonly drainWaitMs: number
  readonly forwarding: ForwardingConfig
  /** kube-proxy's own servers; none when absent */
  readonly proxyAddresses?: ProxyAddresses
  /** the wire thread died: the process must end, too (one fate) */
  readonly onFatal: (error: Error) => void
}

export interface SpeakerProcess {
  view(): SpeakerView
  readonly registry: Registry
  /** the readiness probe's answer */
  ready(): { readonly ok: boolean; readonly reason: string }
  /** Memory that is kept for later, but not by the heap of V8, goes back to the kernel. */
  giveBackMemory(): void
  /** Planned stop: addresses are handed over and sessions closed before anything else stops. */
  stop(): Promise<void>
}

/** Starts a speaker and returns at once; it becomes ready when its first lists are complete and programmed. */
export function startSpeaker(options: SpeakerOptions): SpeakerProcess {
  const metrics = new SpeakerMetrics()
  const forwardingMetrics = new ForwardingMetrics(metrics.registry)
  const events = new EventRecorder({
    api: options.api,
    clock: options.clock,
    component: 'fairlead-speaker',
    instance: options.nodeName,
  })
  const companions = new Companions({
    clock: options.clock,
    log: options.log,
    config: options.forwarding,
    registry: metrics.registry,
    metrics: forwardingMetrics,
    events,
    addresses: options.proxyAddresses ?? {},
    node: options.nodeName,
    programming: () => forwarder.progress(),
    ownNode: () => speaker.ownNode(),
  })
  const forwarder = new Forwarder({
    dataplane:
      options.forwarding.mode === 'off'
        ? noDataplane
        : new KernelDataplane({ detector: options.forwarding.detector }),
    clock: options.clock,
    config: options.forwarding,
    log: options.log,
    metrics: forwardingMetrics,
    followers: companions.followers,
    onProgrammed: (keys) => speaker.programmed(keys),
  })
  const speaker = new Speaker({ ...options, metrics, forwarder, companions, events })
  speaker.start()
  if (options.forwarding.mode !== 'off') void nameMissing(options.log)
  return {
    view: () => speaker.view(),
    registry: metrics.registry,
    ready: () => speaker.ready(),
    giveBackMemory,
    stop: () => speaker.stop(),
  }
}

/** What the rules need and this machine lacks is named at once, and not only when they cannot be installed. */
async function nameMissing(log: Logger): Promise<void> {
  try {
    for (const missing of await missingRequirements()) log.error({ missing }, 'forwarding cannot work here')
  } catch (error) {
    log.warn({ error: String(error) }, 'cannot tell whether this kernel has what forwarding needs')
  }
}
