import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import type { Inputs } from '../inputs.ts'
import { simulate } from '../simulate.ts'
import type { AdmissionWorld } from './admit.ts'
import type { CertificateMaker } from './certificate.ts'
import { Webhook, type WebhookOptions } from './webhook.ts'

export interface StartWebhookOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly namespace: string
  readonly loadBalancerClass: string
  /** what the controller observes */
  readonly inputs: Pick<Inputs, 'config' | 'services' | 'namespaces' | 'reservations' | 'missing'>
  /** what makes certificates; a library when absent */
  readonly maker?: CertificateMaker
  readonly host?: string
  readonly port?: number
  readonly onReview?: WebhookOptions['onReview']
}

/** More than this many are not tried out while somebody waits for the answer to an edit. */
const SIMULATED_SERVICES = 20_000

/** Starts the webhook of a controller. @throws when the port cannot be had */
export async function startWebhook(options: StartWebhookOptions): Promise<Webhook> {
  const { api, clock, log, namespace, host, port, inputs } = options
  // The library is loaded only where there is a webhook: it takes 18 MB.
  const maker = options.maker ?? (await import('./x509-maker.ts')).x509Maker
  const webhook = new Webhook({
    api,
    clock,
    log,
    namespace,
    maker,
    world: () => (inputs.missing.length > 0 ? undefined : worldOf(options)),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(options.onReview === undefined ? {} : { onReview: options.onReview }),
  })
  await webhook.start()
  return webhook
}

function worldOf({
  inputs,
  loadBalancerClass,
}: StartWebhookOptions): Omit<AdmissionWorld, 'cluster' | 'namespace'> {
  const { config, problems } = inputs.config
  return {
    config,
    problems,
    objects: inputs.config.objects(),
    simulate(next, nextProblems) {
      const services = [...inputs.services.store.values()]
      if (services.length > SIMULATED_SERVICES) return undefined
      const cluster = {
        services,
        namespaces: inputs.namespaces.store.values(),
        reservations: [...inputs.reservations.store.values()],
        loadBalancerClass,
      }
      return simulate({ config, problems }, { config: next, problems: nextProblems }, cluster)
    },
  }
}
