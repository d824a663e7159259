import type { Registry } from 'prom-client'
import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { LeaseElection } from '#kube/lease-election.ts'
import type { Logger } from '#kube/logger.ts'
import { Controller } from './controller.ts'
import { aloneLeads } from './leadership.ts'
import { viewOf } from './view-of.ts'
import type { ControllerView } from './view.ts'
import { startWebhook, type StartWebhookOptions } from './webhook/main.ts'

/** Name of the Lease, in our namespace, that decides which replica allocates. */
const LEASE_NAME = 'fairlead-controller'

export interface StartControllerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  /** where the custom resources, the Lease and our status objects are */
  readonly namespace: string
  /** unique to this replica: the Pod's name */
  readonly identity: string
  /** '' serves the Services without a class */
  readonly loadBalancerClass: string
  readonly log: Logger
  /** false: the only replica, which always leads; true when absent */
  readonly leaderElect?: boolean
  /** the admission webhook, which every replica serves; none when absent */
  readonly webhook?: Pick<StartWebhookOptions, 'host' | 'port' | 'maker'>
}

export interface ControllerProcess {
  view(): ControllerView
  readonly registry: Registry
  /** all first lists are complete and, when this replica leads, it allocates; `reason` is '' when ok */
  ready(): { ok: boolean; reason: string }
  /** Finishes what was begun and gives the Lease back. */
  stop(): Promise<void>
}

/** Starts a controller; resolves at once, `ready` tells when it works. */
export async function startController(options: StartControllerOptions): Promise<ControllerProcess> {
  const { api, clock, namespace, identity, loadBalancerClass, log, leaderElect = true } = options
  const election = leaderElect
    ? new LeaseElection({
        api,
        clock,
        namespace,
        name: LEASE_NAME,
        identity,
        onChange: (leader) => controller.leadershipChanged(leader),
        onError: (error) => log.warn({ err: error }, 'leader election'),
      })
    : undefined
  const leadership = election ?? aloneLeads
  const controller = new Controller({ api, clock, namespace, identity, loadBalancerClass, log, leadership })
  const leads = () => leadership.mayWrite(clock.now())
  controller.start()
  election?.start()
  const { inputs } = controller
  // A port that is taken costs the webhook, never the Services.
  const webhook =
    options.webhook === undefined
      ? undefined
      : await startWebhook({
          api,
          clock,
          log,
          namespace,
          loadBalancerClass,
          inputs,
          onReview: (kind, verdict, ms) => controller.metrics.review(kind, verdict, ms),
          ...options.webhook,
        }).catch((error: unknown) => log.error({ err: error }, 'no webhook; going on without'))
  return {
    view: () => viewOf(controller, identity, leads(), loadBalancerClass),
    registry: controller.metrics.registry,
    ready() {
      const { missing } = controller.inputs
      if (missing.length > 0)
        return { ok: false, reason: `waiting for the first list of ${missing.join(', ')}` }
      if (leads() && controller.session === undefined) return { ok: false, reason: 'taking over' }
      return { ok: true, reason: '' }
    },
    async stop() {
      await webhook?.stop()
      await controller.stop()
      await election?.stop()
    },
  }
}
