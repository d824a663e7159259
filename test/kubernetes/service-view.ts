import type { KubeApi, KubeObject } from '#kube/api.ts'
import type { Condition, LoadBalancerIngress } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { ADDRESS_ASSIGNED } from '#controller/status-patch.ts'
import { until } from '../netns.ts'

export interface ServiceObject extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>
  readonly status: {
    readonly loadBalancer: { readonly ingress?: readonly LoadBalancerIngress[] }
    readonly conditions?: readonly Condition[]
  }
}

export interface ServiceWish {
  readonly name: string
  /** `default` when absent */
  readonly namespace?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** beside type, selector and a port */
  readonly spec?: Readonly<Record<string, unknown>>
}

const WAIT_MS = 10_000

/** The Services of a test: makes them, looks at what becomes of them, removes them. */
export class Services {
  readonly #api: KubeApi
  readonly #made = new Map<string, KubeObject['metadata']>()

  constructor(api: KubeApi) {
    this.#api = api
  }

  /** A LoadBalancer Service unless `spec` says otherwise. */
  async create({
    name,
    namespace = 'default',
    annotations = {},
    labels = {},
    spec = {},
  }: ServiceWish): Promise<void> {
    const object = {
      metadata: { name, namespace, annotations: { ...annotations }, labels: { ...labels } },
      spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80 }], ...spec },
    }
    const { metadata } = await this.#api.create(resources.services, object as KubeObject)
    this.#made.set(`${namespace}/${name}`, metadata)
  }

  async get(name: string, namespace = 'default'): Promise<ServiceObject> {
    return (await this.#api.get(resources.services, { namespace, name })) as ServiceObject
  }

  /** Merge patch of the Service itself. */
  async change(name: string, patch: object, namespace = 'default'): Promise<void> {
    await this.#api.patch(resources.services, { namespace, name }, patch, { type: 'merge' })
  }

  /** Its addresses, as soon as it has some. */
  async addresses(name: string, namespace = 'default'): Promise<string[]> {
    return until(
      `${namespace}/${name} has an address`,
      async () => {
        const found = addressesOf(await this.get(name, namespace))
        return found.length > 0 && found
      },
      WAIT_MS,
    )
  }

  /** Resolves when the Service has just these. */
  async has(name: string, addresses: readonly string[], namespace = 'default'): Promise<void> {
    const wanted = addresses.join()
    await until(
      `${namespace}/${name} has ${wanted || 'no address'}`,
      async () => addressesOf(await this.get(name, namespace)).join() === wanted,
      WAIT_MS,
    )
  }

  /** Its condition AddressAssigned, as soon as that has this reason. */
  async condition(name: string, reason: string, namespace = 'default'): Promise<Condition> {
    return until(
      `${namespace}/${name} says ${reason}`,
      async () => {
        const { status } = await this.get(name, namespace)
        return status.conditions?.find((one) => one.type === ADDRESS_ASSIGNED && one.reason === reason)
      },
      WAIT_MS,
    )
  }

  /** `type reason message` of its events, oldest first. */
  async events(name: string, namespace = 'default'): Promise<string[]> {
    const fieldSelector = `involvedObject.name=${name},involvedObject.kind=Service`
    const { items } = await this.#api.list(resources.events, { namespace, fieldSelector })
    const uid = this.#made.get(`${namespace}/${name}`)?.uid
    return (items as EventObject[])
      .filter(({ involvedObject }) => uid === undefined || involvedObject.uid === uid)
      .sort((a, b) =>
        (a.metadata.resourceVersion ?? '').localeCompare(b.metadata.resourceVersion ?? '', 'en', {
          numeric: true,
        }),
      )
      .map(({ type, reason, message }) => `${type} ${reason} ${message}`)
  }

  /** Its events, as soon as there are so many. */
  async told(name: string, count = 1, namespace = 'default'): Promise<string[]> {
    return until(
      `${namespace}/${name} has ${count} events`,
      async () => {
        const events = await this.events(name, namespace)
        return events.length >= count && events
      },
      WAIT_MS,
    )
  }

  async remove(name: string, namespace = 'default'): Promise<void> {
    this.#made.delete(`${namespace}/${name}`)
    await this.#api.delete(resources.services, { namespace, name })
  }

  /** Removes all that are left. */
  async removeAll(): Promise<void> {
    for (const { name, namespace } of this.#made.values()) await this.remove(name, namespace)
  }
}

export const addressesOf = ({ status }: ServiceObject): string[] =>
  (status.loadBalancer.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '')

interface EventObject extends KubeObject {
  readonly involvedObject: { readonly uid?: string }
  readonly type: string
  readonly reason: string
  readonly message: string
}
