import type { KubeApi } from '#kube/api.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import { admissionPaths, admit, type AdmissionWorld } from './admit.ts'
import { CaBundle } from './ca-bundle.ts'
import { CertificateStore } from './certificate-store.ts'
import type { CertificateMaker } from './certificate.ts'
import { ClusterFacts } from './cluster-facts.ts'
import { convertReview } from './conversion.ts'
import { admissionAnswer, readAdmissionReview } from './review.ts'
import { ReviewServer, type ReviewHandler } from './server.ts'

export interface WebhookOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  /** Fairlead's own: where configuration, the Secret and the Service are */
  readonly namespace: string
  readonly maker: CertificateMaker
  /** what requests are judged against; undefined before all of it is known */
  readonly world: () => Omit<AdmissionWorld, 'cluster' | 'namespace'> | undefined
  /** told of each judgement: the verdict is allowed, warned, denied or unknown */
  readonly onReview?: (kind: string, verdict: string, ms: number) => void
  /** all addresses when absent */
  readonly host?: string
  /** 9443 when absent */
  readonly port?: number
  /** of the Secret with the certificate */
  readonly secretName?: string
  /** of the Service in front of the webhook */
  readonly serviceName?: string
  /** of the ValidatingWebhookConfiguration */
  readonly configurationName?: string
}

/** Names as in MetalLB's manifests. */
export const webhookNames = {
  secret: 'metallb-webhook-cert',
  service: 'metallb-webhook-service',
  configuration: 'metallb-webhook-configuration',
} as const

/** How often the Secret and the caBundles are looked at, and how soon again after a failure. */
const LOOK_MS = 60_000
const LOOK_AGAIN_MS = 5000

/**
 * The optional admission webhook: validates custom resources before they are stored, with the parser that reads them
 * afterwards. Every replica serves; none of them needs to lead. The API server goes on without an answer
 * (failurePolicy Ignore), so nothing here is needed for the configuration to be right: status says it too.
 */
export class Webhook {
  readonly #options: WebhookOptions
  readonly #server: ReviewServer
  readonly #store: CertificateStore
  readonly #bundle: CaBundle
  readonly #facts: ClusterFacts
  #timer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()
  #stopped = false
  #serving = ''
  #said = ''

  constructor(options: WebhookOptions) {
    const { api, clock, log, namespace, maker, host, port = 9443 } = options
    const { secretName = webhookNames.secret, serviceName: service = webhookNames.service } = options
    const { configurationName: configuration = webhookNames.configuration } = options
    this.#options = options
    this.#server = new ReviewServer({
      port,
      log,
      handlers: this.#handlers(),
      ...(host === undefined ? {} : { host }),
    })
    const hostNames = ['', `.${namespace}`, `.${namespace}.svc`].map((rest) => service + rest)
    this.#store = new CertificateStore({ api, clock, log, namespace, name: secretName, hostNames, maker })
    this.#bundle = new CaBundle({ api, clock, service: { namespace, name: service }, configuration })
    this.#facts = new ClusterFacts({
      api,
      clock,
      onError: (error) => log.warn({ err: error }, 'the webhook cannot compare pools with the cluster'),
    })
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#server.port
  }

  /** @throws when the port cannot be had */
  async start(): Promise<void> {
    await this.#server.start()
    this.#looking = this.#look()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#looking
    await this.#server.stop()
  }

  /** First the Secret, then whom the API server trusts, then what is served: in this order nobody is refused. */
  async #look(): Promise<void> {
    const { clock, log } = this.#options
    let next = LOOK_MS
    try {
      const certificate = await this.#store.current()
      const first = this.#serving === ''
      if (first) this.#serve(certificate)
      const missing = await this.#bundle.ensure(certificate.ca)
      if (missing !== this.#said) {
        this.#said = missing
        if (missing !== '') log.warn({}, missing)
      }
      this.#serve(certificate)
    } catch (error) {
      next = LOOK_AGAIN_MS
      log.warn({ err: error, retryInMs: next }, 'the certificate of the webhook is not settled')
    }
    if (this.#stopped) return
    this.#timer = clock.setTimeout(() => {
      this.#looking = this.#look()
    }, next)
  }

  #serve(certificate: { readonly cert: string; readonly key: string }): void {
    if (certificate.cert === this.#serving) return
    this.#server.use(certificate)
    this.#serving = certificate.cert
  }

  #handlers(): ReadonlyMap<string, ReviewHandler> {
    const handlers = new Map<string, ReviewHandler>([['/convert', async (body) => convertReview(body)]])
    for (const [path, section] of admissionPaths) {
      handlers.set(path, async (body) => {
        const request = readAdmissionReview(body)
        if (typeof request === 'string') return request
        const { clock, onReview } = this.#options
        const begun = clock.now()
        const told = (verdict: string) => onReview?.(section, verdict, clock.now() - begun)
        const cluster =
          section === 'pools' && request.operation !== 'DELETE' ? await this.#facts.get() : undefined
        const world = this.#options.world()
        const { namespace, log } = this.#options
        // Refused as a request, not as an object: failurePolicy decides.
        if (world === undefined) {
          told('unknown')
          return 'the configuration is not known yet'
        }
        const verdict = admit(section, request, {
          ...world,
          namespace,
          ...(cluster === undefined ? {} : { cluster }),
        })
        told(verdict.denied !== '' ? 'denied' : verdict.warnings.length > 0 ? 'warned' : 'allowed')
        const { operation, kind, name } = request
        if (verdict.denied !== '')
          log.info({ operation, kind, namespace: request.namespace, name, reason: verdict.denied }, 'denied')
        return admissionAnswer(request.uid, verdict)
      })
    }
    return handlers
  }
}
