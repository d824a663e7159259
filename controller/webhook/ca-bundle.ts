import type { KubeApi, KubeObject, Resource } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import { containsBundle, mergeBundles } from './certificate.ts'

interface ClientConfig {
  readonly caBundle?: string
  readonly service?: { readonly name?: string; readonly namespace?: string }
}

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly { readonly clientConfig?: ClientConfig }[]
}

interface CustomResourceDefinition extends KubeObject {
  readonly spec?: { readonly conversion?: { readonly webhook?: { readonly clientConfig?: ClientConfig } } }
}

export interface CaBundleOptions {
  readonly api: KubeApi
  readonly clock: Clock
  /** of the Service in front of the webhook */
  readonly service: { readonly namespace: string; readonly name: string }
  /** of the ValidatingWebhookConfiguration */
  readonly configuration: string
}

export const validatingWebhookConfigurations: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
  namespaced: false,
}

export const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}

/** The only CRD with more than one version. */
const CONVERTED = 'bgppeers.metallb.io'

/**
 * Tells the API server whom to trust: `caBundle` in every part of the ValidatingWebhookConfiguration that points to
 * our Service, and in the conversion of BGPPeers where it is done by a webhook of ours.
 */
export class CaBundle {
  readonly #options: CaBundleOptions

  constructor(options: CaBundleOptions) {
    this.#options = options
  }

  /**
   * Puts these authorities where they are missing.
   * @returns what there is to put them into, '' for all right
   * @throws KubeError; after a conflict the next try finds the newer object
   */
  async ensure(ca: string): Promise<string> {
    const { configuration } = this.#options
    const found = await this.#patch(validatingWebhookConfigurations, configuration, ca, (object) => {
      const { webhooks = [] } = object as WebhookConfiguration
      return webhooks.map(({ clientConfig }, index) => [
        `/webhooks/${index}/clientConfig/caBundle`,
        clientConfig,
      ])
    })
    await this.#patch(customResourceDefinitions, CONVERTED, ca, (object) => {
      const { spec } = object as CustomResourceDefinition
      return [['/spec/conversion/webhook/clientConfig/caBundle', spec?.conversion?.webhook?.clientConfig]]
    })
    return found ? '' : `there is no ValidatingWebhookConfiguration ${configuration}: nobody asks the webhook`
  }

  /** @returns false when there is no such object */
  async #patch(
    resource: Resource,
    name: string,
    ca: string,
    places: (object: KubeObject) => readonly (readonly [string, ClientConfig | undefined])[],
  ): Promise<boolean> {
    const { api, clock, service } = this.#options
    let object: KubeObject
    try {
      object = await api.get(resource, { name })
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return false
      throw error
    }
    const changes = places(object).flatMap(([path, clientConfig]) => {
      const to = clientConfig?.service
      if (to?.name !== service.name || to.namespace !== service.namespace) return []
      const present = Buffer.from(clientConfig?.caBundle ?? '', 'base64').toString()
      if (containsBundle(present, ca)) return []
      const value = Buffer.from(mergeBundles(ca, present, clock.now())).toString('base64')
      return [{ op: 'add', path, value }]
    })
    if (changes.length === 0) return true
    // Lists are addressed by position, so nobody may have changed them meanwhile.
    const unchanged = {
      op: 'test',
      path: '/metadata/resourceVersion',
      value: object.metadata.resourceVersion,
    }
    await api.patch(resource, { name }, [unchanged, ...changes], { type: 'json' })
    return true
  }
}
