import type { KubeApi, KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import type { Target } from './messages.ts'

/** A Service of the measurement: what it is called and where it is reached. */
export interface BenchService extends Target {
  readonly name: string
}

export const NAMESPACE = 'bench'
const SERVICE_PORT = 80
/** where every pod listens */
export const POD_PORT = 8080
const WRITERS = 16

/** An address in 10.245.0.0/16 for each number below 57,344: the endpoints that Services begin with. */
const podAddress = (n: number): string => `10.245.${n >> 8}.${n & 255}`

/** The n-th Service of the many. */
export const plainService = (n: number): BenchService => ({
  name: `s${n}`,
  host: `10.96.${1 + (n >> 8)}.${n & 255}`,
  port: SERVICE_PORT,
})

/** The n-th Service of IPv6. */
export const sixService = (n: number): BenchService => ({
  name: `six${n}`,
  host: `fd00:10:96::${(0x1000 + n).toString(16)}`,
  port: SERVICE_PORT,
})

/** The n-th Service of those with many endpoints. */
export const wideService = (n: number): BenchService => ({
  name: `wide${n}`,
  host: `10.96.0.${100 + n}`,
  port: SERVICE_PORT,
})

export const plainEndpoints = (n: number, count: number): string[] =>
  Array.from({ length: count }, (_, at) => podAddress(count === 2 ? 2 * n + at : 10_000 + n))

export const sixEndpoints = (n: number): string[] =>
  [0, 1].map((at) => `fd00:244:5::${(2 * n + at + 1).toString(16)}`)

/** 100 endpoints; another 100 for each odd `turn` than for each even one. */
export const wideEndpoints = (n: number, turn: number): string[] =>
  Array.from({ length: 100 }, (_, at) => {
    const number = (turn % 2) * 8192 + n * 100 + at
    return `10.246.${number >> 8}.${number & 255}`
  })

let used = 0
/** An address that no Service has had for some thousand changes. */
export const freshAddress = (): string => {
  const n = used++ % 65_000
  return `10.247.${n >> 8}.${n & 255}`
}

/** Writes Services and their slices to one API server. */
export class Objects {
  readonly #api: KubeApi
  /** the second endpoint of a Service stays when the first is replaced */
  readonly #endpoints = new Map<string, readonly string[]>()

  constructor(api: KubeApi) {
    this.#api = api
  }

  async createNode(name: string, address: string): Promise<void> {
    await this.#api.create(resources.nodes, { metadata: { name } })
    const addresses = [{ type: 'InternalIP', address }]
    await this.#api.patch(
      resources.nodes,
      { name },
      { status: { addresses } },
      { type: 'merge', subresource: 'status' },
    )
  }

  async createNamespace(): Promise<void> {
    await this.#api.create(resources.namespaces, { metadata: { name: NAMESPACE } })
  }

  /** Makes these Services with their endpoints. */
  createAll(services: readonly (readonly [BenchService, readonly string[]])[]): Promise<void> {
    return inParallel(services, async ([service, endpoints]) => {
      await this.#api.create(resources.endpointSlices, sliceOf(service, endpoints))
      await this.#api.create(resources.services, serviceOf(service))
      this.#endpoints.set(service.name, endpoints)
    })
  }

  async deleteAll(services: readonly BenchService[]): Promise<void> {
    await inParallel(services, async ({ name }) => {
      await this.#api.delete(resources.services, { namespace: NAMESPACE, name })
      await this.#api.delete(resources.endpointSlices, { namespace: NAMESPACE, name })
    })
  }

  /** Gives a Service these endpoints; resolves with the API server's answer. */
  async setEndpoints(service: BenchService, endpoints: readonly string[]): Promise<void> {
    await this.#api.update(resources.endpointSlices, sliceOf(service, endpoints))
    this.#endpoints.set(service.name, endpoints)
  }

  /** Replaces the first endpoint of a Service by another pod. */
  replaceEndpoint(service: BenchService, address: string): Promise<void> {
    const [, ...rest] = this.#endpoints.get(service.name) ?? []
    return this.setEndpoints(service, [address, ...rest])
  }
}

/** Does `work` for each item, several at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) await work(items[next++])
  }
  await Promise.all(Array.from({ length: WRITERS }, worker))
}

const serviceOf = ({ name, host, port }: BenchService): KubeObject =>
  ({
    metadata: { namespace: NAMESPACE, name },
    spec: {
      clusterIP: host,
      ipFamilies: [host.includes(':') ? 'IPv6' : 'IPv4'],
      ports: [{ port, targetPort: POD_PORT, protocol: 'TCP' }],
    },
  }) as KubeObject

/** As the EndpointSlice controller writes it, but for the owner, which would have to be there. */
const sliceOf = ({ name, host }: BenchService, endpoints: readonly string[]): KubeObject =>
  ({
    metadata: {
      namespace: NAMESPACE,
      name,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'bench' },
    },
    addressType: host.includes(':') ? 'IPv6' : 'IPv4',
    ports: [{ name: '', port: POD_PORT, protocol: 'TCP' }],
    endpoints: endpoints.map((address, at) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'another-node',
      targetRef: { kind: 'Pod', namespace: NAMESPACE, name: `${name}-5d9c7b6f4-${at}` },
    })),
  }) as KubeObject
