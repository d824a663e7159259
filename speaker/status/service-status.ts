import { createHash } from 'node:crypto'
import type { KubeApi, KubeObject, OwnerReference, Resource } from '#kube/api.ts'
import { keyOf, parseKey } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import { sharedText } from '#kube/objects/shared.ts'
import { Reflector } from '#kube/reflector.ts'
import { WorkQueue, type Outcome } from '#kube/work-queue.ts'

/** What this node says about one Service in ServiceL2Status or ServiceBGPStatus. */
export type ServiceStatusBody =
  { readonly interfaces: readonly { readonly name: string }[] } | { readonly peers: readonly string[] }

interface Existing {
  readonly name: string
  readonly node: string
  readonly service: string
  readonly body: string
}

export interface ServiceStatusOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly resource: Resource
  readonly namespace: string
  readonly node: string
  /** `l2` or `bgp`: the first part of object names, as upstream's generateName */
  readonly prefix: string
  /** objects of other nodes are watched, too */
  readonly othersMatter: boolean
  /** nobody else can announce the Service now: what other nodes left behind is removed */
  readonly exclusive: (serviceKey: string) => boolean
  /** what this node announces for a Service now; undefined for nothing */
  readonly desired: (serviceKey: string) => ServiceStatusBody | undefined
  /** the Node: what it said of Services goes with it */
  readonly owner: () => OwnerReference | undefined
  /** `serviceKey` is '' for the watch */
  readonly onError: (error: unknown, serviceKey: string) => void
}

/**
 * Keeps one ServiceL2Status or ServiceBGPStatus object for each Service this node announces (upstream's labels and
 * fields, metallb.io/v1beta1). Written only when something changed. Names are derived from node and Service, so that
 * a restart finds its own objects.
 */
export class ServiceStatusWriter {
  readonly #options: ServiceStatusOptions
  readonly #reflector: Reflector<Existing>
  readonly #queue: WorkQueue
  /** by Service key; few, mostly one */
  readonly #byService = new Map<string, readonly Existing[]>()

  constructor(options: ServiceStatusOptions) {
    const { api, clock, resource, namespace } = options
    this.#options = options
    this.#queue = new WorkQueue({
      name: resource.plural,
      clock,
      reconcile: (key) => this.#reconcile(key),
    })
    this.#reflector = new Reflector({
      api,
      clock,
      resource,
      // Only who may remove what others left needs to see it.
      select: options.othersMatter
        ? { namespace }
        : { namespace, labelSelector: `metallb.io/node=${options.node}` },
      project: projectStatus,
      onError: (error) => options.onError(error, ''),
    })
    this.#reflector.onChange(({ previous, current }) => {
      if (previous !== undefined) this.#forget(previous)
      if (current !== undefined) {
        const others = this.#byService.get(current.service)
        // A list that is made by spreading has room for many more.
        this.#byService.set(current.service, others === undefined ? [current] : others.concat(current))
      }
      const key = (current ?? previous)?.service
      if (key !== undefined && key !== '') this.#queue.add(key)
    })
  }

  start(): void {
    this.#reflector.start()
    // Nothing is written before the list is known: what is already right must not be written again.
    void this.#reflector.whenSynced().then(() => this.#queue.start())
  }

  async stop(): Promise<void> {
    this.#reflector.stop()
    await this.#queue.stop()
  }

  /** Look at a Service again. */
  changed(serviceKey: string): void {
    this.#queue.add(serviceKey)
  }

  /** Resolves when everything that is due has been written. */
  idle(): Promise<void> {
    return this.#queue.idle()
  }

  #forget({ service, name }: Existing): void {
    const others = (this.#byService.get(service) ?? []).filter((one) => one.name !== name)
    if (others.length === 0) this.#byService.delete(service)
    else this.#byService.set(service, others)
  }

  async #reconcile(serviceKey: string): Promise<Outcome> {
    const { api, resource, namespace, node, exclusive, desired } = this.#options
    try {
      const want = desired(serviceKey)
      const existing = this.#byService.get(serviceKey) ?? []
      const own = existing.filter((one) => one.node === node)
      const surplus = existing.filter((one) =>
        one.node === node ? want === undefined : exclusive(serviceKey),
      )
      for (const { name } of surplus) await this.#delete({ namespace, name })
      if (want === undefined) return { kind: 'done' }
      const { name, object } = this.#objectFor(serviceKey)
      if (own.length === 0) {
        try {
          await api.create(resource, object)
        } catch (error) {
          if (!isKubeError(error, 'FL_KUBE_EXISTS', 'FL_KUBE_CONFLICT')) throw error
        }
      } else if (own.some((one) => one.name === name && one.body === bodyText(want))) {
        return { kind: 'done' }
      }
      const { namespace: serviceNamespace, name: serviceName } = parseKey(serviceKey)
      const status = { node, serviceName, serviceNamespace, ...want }
      await api.patch(resource, { namespace, name }, { status }, { type: 'merge', subresource: 'status' })
      return { kind: 'done' }
    } catch (error) {
      this.#options.onError(error, serviceKey)
      return { kind: 'failed', error }
    }
  }

  async #delete(key: { namespace: string; name: string }): Promise<void> {
    try {
      await this.#options.api.delete(this.#options.resource, key)
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
    }
  }

  #objectFor(serviceKey: string): { name: string; object: KubeObject } {
    const { resource, namespace, node, prefix } = this.#options
    const { namespace: serviceNamespace = '', name: serviceName } = parseKey(serviceKey)
    const digest = createHash('sha256').update(`${node} ${serviceKey}`).digest('hex').slice(0, 16)
    const name = `${prefix}-${digest}`
    const owner = this.#options.owner()
    const object = {
      apiVersion: `${resource.group}/${resource.version}`,
      kind: resource.kind,
      metadata: {
        name,
        namespace,
        ...(owner === undefined ? {} : { ownerReferences: [owner] }),
        labels: {
          'metallb.io/node': node,
          'metallb.io/service-name': serviceName,
          'metallb.io/service-namespace': serviceNamespace,
        },
      },
    }
    return { name, object }
  }
}

/** One text for equal bodies, whatever the order of what they list. */
function bodyText(body: ServiceStatusBody): string {
  const names = 'peers' in body ? body.peers : body.interfaces.map(({ name }) => name)
  return [...names].sort().join(',')
}

function projectStatus(object: KubeObject): Existing {
  const labels = object.metadata.labels ?? {}
  const { status = {} } = object as KubeObject & {
    status?: { node?: string; interfaces?: { name: string }[]; peers?: string[] }
  }
  const name = labels['metallb.io/service-name'] ?? ''
  return {
    name: object.metadata.name,
    node: sharedText(labels['metallb.io/node'] ?? ''),
    service: name === '' ? '' : keyOf({ namespace: labels['metallb.io/service-namespace'], name }),
    // An object whose status was never written must not look like one that is right.
    body:
      status.node === undefined
        ? '\n'
        : sharedText(bodyText({ peers: status.peers ?? (status.interfaces ?? []).map((one) => one.name) })),
  }
}
