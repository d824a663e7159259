import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import type { Logger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import {
  certificateState,
  mergeBundles,
  type CertificateMaker,
  type ServingCertificate,
} from './certificate.ts'

export interface CertificateStoreOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly namespace: string
  /** of the Secret */
  readonly name: string
  /** the names by which clients reach the server */
  readonly hostNames: readonly string[]
  readonly maker: CertificateMaker
}

type Secret = KubeObject & { type?: string; data?: Readonly<Record<string, string>> }

/** A replica that lost a race reads what the winner wrote; twice in a row means that something is wrong. */
const ATTEMPTS = 3

/**
 * The certificate that all replicas share, in a Secret of type kubernetes.io/tls with `ca.crt`. Whoever finds it
 * missing, unusable or two thirds through its life makes another one; of two who do so at once, one wins by the
 * Secret's resourceVersion and the other takes that one.
 */
export class CertificateStore {
  readonly #options: CertificateStoreOptions

  constructor(options: CertificateStoreOptions) {
    this.#options = options
  }

  /** The certificate to serve now. @throws KubeError when the Secret can be neither read nor written */
  async current(): Promise<ServingCertificate> {
    for (let attempt = 1; ; attempt++) {
      const secret = await this.#read()
      const found = secret === undefined ? undefined : certificateIn(secret)
      const { hostNames, clock } = this.#options
      const state = found === undefined ? 'unusable' : certificateState(found, hostNames, clock.now())
      if (found !== undefined && state === 'good') return found
      try {
        return await this.#renew(secret, found)
      } catch (error) {
        const raced = isKubeError(error, 'FL_KUBE_CONFLICT', 'FL_KUBE_EXISTS')
        if (raced && attempt < ATTEMPTS) continue
        // One that is due serves for months yet.
        if (found === undefined || state === 'unusable') throw error
        this.#options.log.warn({ err: error }, 'the certificate of the webhook cannot be renewed now')
        return found
      }
    }
  }

  async #read(): Promise<Secret | undefined> {
    const { api, namespace, name } = this.#options
    try {
      return await api.get(resources.secrets, { namespace, name })
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return undefined
      throw error
    }
  }

  async #renew(
    secret: Secret | undefined,
    former: ServingCertificate | undefined,
  ): Promise<ServingCertificate> {
    const { api, clock, log, namespace, name, hostNames, maker } = this.#options
    const now = clock.now()
    const made = await maker.make(hostNames, now)
    const next = { ...made, ca: mergeBundles(made.ca, former?.ca ?? '', now) }
    const data = {
      'tls.crt': encode(next.cert),
      'tls.key': encode(next.key),
      'ca.crt': encode(next.ca),
    }
    if (secret === undefined) {
      const object = { metadata: { namespace, name }, type: 'kubernetes.io/tls', data }
      await api.create(resources.secrets, object)
    } else {
      // The type of a Secret cannot change: one that MetalLB left is Opaque.
      await api.update(resources.secrets, { ...secret, data } as KubeObject)
    }
    log.info({ secret: `${namespace}/${name}` }, 'made a certificate for the webhook')
    return next
  }
}

function certificateIn({ data = {} }: Secret): ServingCertificate | undefined {
  const { 'tls.crt': cert, 'tls.key': key, 'ca.crt': ca } = data
  return cert && key && ca ? { cert: decode(cert), key: decode(key), ca: decode(ca) } : undefined
}

const encode = (text: string): string => Buffer.from(text).toString('base64')
const decode = (text: string): string => Buffer.from(text, 'base64').toString()
