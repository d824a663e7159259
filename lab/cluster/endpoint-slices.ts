import { isDeepStrictEqual } from 'node:util'
import { keyOf, parseKey, type KubeApi } from '#kube/api.ts'
import type { Reflector } from '#kube/reflector.ts'
import type { Outcome, WorkQueue } from '#kube/work-queue.ts'
import { controllerQueue, DONE, ignoreMissing } from './controller-loop.ts'
import { isPodFinished, isPodReady, labResources, type Pod } from './objects.ts'
import {
  buildSlices,
  hasSlices,
  MANAGED_BY,
  selects,
  type SlicedService,
  type SliceObject,
} from './slices.ts'

const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Keeps the EndpointSlices of every Service with a selector. */
export class EndpointSlices {
  readonly #api: KubeApi
  readonly #services: Reflector<SlicedService>
  readonly #pods: Reflector<Pod>
  readonly #slices: Reflector<SliceObject>
  readonly #zones: ReadonlyMap<string, string>
  readonly #queue: WorkQueue
  /** slice names by Service, so that a Service costs nothing but its own slices */
  readonly #byService = new Map<string, Set<string>>()
  readonly #servicesOf = new Map<string, Set<string>>()
  readonly #podsOf = new Map<string, Set<string>>()
  /** when the first change since the last write was seen */
  readonly #triggers = new Map<string, string>()

  constructor(
    api: KubeApi,
    sources: {
      readonly services: Reflector<SlicedService>
      readonly pods: Reflector<Pod>
      readonly slices: Reflector<SliceObject>
    },
    zones: ReadonlyMap<string, string>,
  ) {
    this.#api = api
    this.#services = sources.services
    this.#pods = sources.pods
    this.#slices = sources.slices
    this.#zones = zones
    this.#queue = controllerQueue('endpointslices', (key) => this.#reconcile(key))
  }

  start(): void {
    this.#services.onChange(({ key, current }) => {
      index(this.#servicesOf, parseKey(key).namespace ?? '', key, current !== undefined)
      this.#queue.add(key)
    })
    this.#slices.onChange(({ key, current, previous }) => {
      const service = serviceOf(current ?? previous)
      if (service !== undefined) {
        index(this.#byService, service, key, current !== undefined)
        this.#queue.add(service)
      }
    })
    this.#pods.onChange(({ key, current, previous }) => {
      index(this.#podsOf, parseKey(key).namespace ?? '', key, current !== undefined)
      if (current !== undefined && previous !== undefined && looksSame(current, previous)) return
      this.#podChanged(parseKey(key).namespace ?? '', [current, previous])
    })
    this.#queue.start()
  }

  #podChanged(namespace: string, versions: readonly (Pod | undefined)[]): void {
    const now = new Date().toISOString()
    for (const key of this.#servicesOf.get(namespace) ?? []) {
      const service = this.#services.store.get(key)
      const selector = service?.spec.selector
      if (service === undefined || selector === undefined || !hasSlices(service)) continue
      if (!versions.some((pod) => pod !== undefined && selects(selector, pod))) continue
      if (!this.#triggers.has(key)) this.#triggers.set(key, now)
      this.#queue.add(key)
    }
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { namespace = '' } = parseKey(key)
    const service = this.#services.store.get(key)
    const wanted = service === undefined ? [] : buildSlices(service, this.#podsIn(namespace), this.#zones)
    const stale = new Set(this.#byService.get(key))
    for (const slice of wanted) {
      const sliceKey = keyOf(slice.metadata)
      stale.delete(sliceKey)
      await this.#write(key, slice, this.#slices.store.get(sliceKey))
    }
    for (const sliceKey of stale)
      await ignoreMissing(this.#api.delete(labResources.endpointSlices, parseKey(sliceKey)))
    this.#triggers.delete(key)
    return DONE
  }

  async #write(key: string, slice: SliceObject, present: SliceObject | undefined): Promise<void> {
    if (present !== undefined && sameSlice(slice, present)) return
    const trigger = this.#triggers.get(key) ?? new Date().toISOString()
    const metadata = { ...slice.metadata, annotations: { [TRIGGER]: trigger } }
    if (present === undefined) {
      await this.#api.create(labResources.endpointSlices, { ...slice, metadata })
      return
    }
    const { resourceVersion, uid } = present.metadata
    const guarded = {
      ...metadata,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(uid === undefined ? {} : { uid }),
    }
    await this.#api.update(labResources.endpointSlices, { ...slice, metadata: guarded })
  }

  *#podsIn(namespace: string): Iterable<Pod> {
    for (const key of this.#podsOf.get(namespace) ?? []) {
      const pod = this.#pods.store.get(key)
      if (pod !== undefined) yield pod
    }
  }
}

function index(map: Map<string, Set<string>>, group: string, key: string, present: boolean): void {
  const keys = map.get(group) ?? new Set<string>()
  if (present) keys.add(key)
  else keys.delete(key)
  if (keys.size === 0) map.delete(group)
  else map.set(group, keys)
}

/** Only slices of this controller: others (written by hand, mirrored) are somebody else's. */
function serviceOf(slice: SliceObject | undefined): string | undefined {
  const labels = slice?.metadata.labels ?? {}
  if (labels['endpointslice.kubernetes.io/managed-by'] !== MANAGED_BY) return undefined
  const name = labels['kubernetes.io/service-name']
  return name === undefined ? undefined : `${slice?.metadata.namespace}/${name}`
}

const looksSame = (a: Pod, b: Pod): boolean =>
  isPodReady(a) === isPodReady(b) &&
  isPodFinished(a) === isPodFinished(b) &&
  a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
  isDeepStrictEqual(a.metadata.labels, b.metadata.labels) &&
  isDeepStrictEqual(a.status?.podIPs, b.status?.podIPs)

const sameSlice = (a: SliceObject, b: SliceObject): boolean =>
  isDeepStrictEqual(
    [a.endpoints, a.ports, a.metadata.labels],
    [b.endpoints ?? [], b.ports ?? [], b.metadata.labels],
  )
