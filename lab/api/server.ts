import { randomUUID } from 'node:crypto'
import type { KubeObject } from '#kube/api.ts'
import { Authenticator, type User } from './auth/authenticator.ts'
import { Authorizer, type GrantedRule } from './auth/authorizer.ts'
import { bootstrapAccess } from './auth/bootstrap.ts'
import { storageKey, type Backend } from './backend.ts'
import { builtinTypes } from './builtin/kinds.ts'
import { ServiceRegistry } from './builtin/service/service-registry.ts'
import { Contents } from './controllers/contents.ts'
import { EventExpiry } from './controllers/event-expiry.ts'
import { ControllerLoop } from './controllers/loop.ts'
import { OwnerIndex } from './controllers/owners.ts'
import { followDefinitions } from './crd/custom-types.ts'
import { definitionStrategy } from './crd/strategy.ts'
import { Faults } from './http/faults.ts'
import { handle } from './http/handler.ts'
import { Listener, type ListenTarget, type ServingCertificate } from './http/listener.ts'
import type { Services } from './http/services.ts'
import type { OpenWatch, WatchLimits } from './http/watch-stream.ts'
import { copyJson, type JsonObject } from './json.ts'
import { kubeconfigText } from './kubeconfig.ts'
import { LocalApi } from './local.ts'
import { timestamp, type ApiObject } from './object.ts'
import { create } from './rest/create.ts'
import { apply } from './rest/patch.ts'
import { badRequest } from './status.ts'
import { Store } from './store/store.ts'
import { makeAuthority, makeServerCertificate } from './tls/certificate.ts'
import { TypeRegistry } from './types/type-registry.ts'

export interface ApiServerOptions {
  /** ranges of cluster addresses: one, or one of each family; the first is the default family */
  readonly serviceCidrs: readonly string[]
  /** both ends included; 30000 to 32767 when absent */
  readonly nodePortRange?: { readonly first: number; readonly last: number }
  /** bearer token -> who it is */
  readonly tokens: Readonly<Record<string, User>>
  /** may every known user do everything, or what RBAC objects and `rules` grant; `allow` when absent */
  readonly authorization?: 'allow' | 'rbac'
  /** what others than members of `system:masters` may do, beside stored RBAC objects */
  readonly rules?: readonly GrantedRule[]
  /** as PEM; made at start when absent */
  readonly tls?: ServingCertificate & { readonly ca: string }
  /** host names and addresses in the certificate, beside localhost and the first cluster addresses */
  readonly names?: readonly string[]
  /** changes kept a resource; older watches get 410 */
  readonly historyLimit?: number
  /** bytes that may wait for a slow watcher before it is cut off; 16 MiB when absent */
  readonly watchBacklog?: number
  readonly bookmarkIntervalMs?: number
  /** milliseconds since 1970; the system's clock when absent */
  readonly now?: () => number
}

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/**
 * A Kubernetes API server in memory, over TLS. What it does as a real one does, and what not, is in the README.
 * Answers in process (`local`) from the start, on the network after `listen`.
 */
export class ApiServer {
  readonly store: Store
  readonly faults: Faults
  /** certificate of the authority, PEM */
  readonly ca: string
  readonly #backend: Backend
  readonly #services: Services
  readonly #loop: ControllerLoop
  readonly #certificate: ServingCertificate
  readonly #listeners = new Set<Listener>()
  #outage = false

  constructor(options: ApiServerOptions) {
    const now = options.now ?? Date.now
    this.store = new Store(options.historyLimit)
    const types = new TypeRegistry()
    this.#backend = { store: this.store, types, now }

    const services = new ServiceRegistry(
      options.serviceCidrs,
      options.nodePortRange ?? { first: 30_000, last: 32_767 },
    )
    for (const type of builtinTypes(services, definitionStrategy(now))) types.set(type.collection, [type])
    services.follow(this.store)
    followDefinitions(this.store, types)
    this.#loop = new ControllerLoop(this.store, [
      new OwnerIndex(this.#backend),
      new Contents(this.#backend),
      new EventExpiry(this.#backend),
    ])

    const { ca, cert, key } =
      options.tls ?? makeTls([...services.kubernetesIPs, ...(options.names ?? [])], now())
    this.ca = ca
    this.#certificate = { cert, key }
    const watches = new Set<OpenWatch>()
    this.#services = {
      backend: this.#backend,
      authenticator: new Authenticator(options.tokens, this.#backend),
      authorizer: new Authorizer(options.rules ?? [], this.#backend),
      enforce: options.authorization === 'rbac',
      watches,
      watchLimits: watchLimits(options),
    }
    this.faults = new Faults((midLine) => {
      const open = [...watches]
      for (const watch of open) watch.cut(midLine)
      return open.length
    })
    this.#furnish(services)
  }

  /** The API in process, as a member of `system:masters`; an outage does not touch it. */
  local(fieldManager = 'lab'): LocalApi {
    const user = { user: 'system:lab', groups: ['system:masters', 'system:authenticated'] }
    const { authenticator, authorizer } = this.#services
    return new LocalApi(this.#backend, authenticator, authorizer, user, fieldManager)
  }

  /** Listens; may be called several times. @returns the port, 0 for an inherited socket without one */
  async listen(target: ListenTarget): Promise<{ port: number }> {
    const listener = new Listener(this.#certificate, (request, response) => {
      void handle(this.#services, this.faults, request, response)
    })
    const port = await listener.listen(target)
    this.#listeners.add(listener)
    listener.refuse(this.#outage)
    return { port }
  }

  /** How many watches are open on the network. */
  get watches(): number {
    return this.#services.watches.size
  }

  /** While it lasts every connection is reset, watches too. `local` goes on. */
  outage(on: boolean): void {
    this.#outage = on
    for (const listener of this.#listeners) listener.refuse(on)
  }

  /** Resolves when the garbage collector and the clean-up of namespaces have nothing left to do. */
  settled(): Promise<void> {
    return this.#loop.settled()
  }

  /** Stops listening and resets every connection. */
  async close(): Promise<void> {
    this.#loop.stop()
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    await Promise.all(listeners.map((listener) => listener.close()))
  }

  /** A kubeconfig as YAML. @param server such as `https://127.0.0.1:6443` */
  kubeconfig(server: string, token: string): string {
    return kubeconfigText('fairlead-lab', server, this.ca, token)
  }

  /**
   * Applies objects in their order, by server-side apply with force; apiVersion and kind say what each is.
   * Namespaced objects without a namespace go to `default`.
   * @throws StatusError as the server would answer
   */
  applyManifest(objects: readonly KubeObject[], fieldManager = 'lab'): KubeObject[] {
    return objects.map((object) => {
      const { apiVersion = '', kind = '', metadata } = object
      const type = this.#backend.types.findKind(apiVersion, kind)
      if (type === undefined) throw badRequest(`no matches for kind "${kind}" in version "${apiVersion}"`)
      const namespace = type.namespaced ? (metadata.namespace ?? 'default') : undefined
      const request = {
        fieldManager,
        dryRun: false,
        fieldValidation: 'Strict' as const,
        warnings: [],
        force: true,
      }
      const applied = apply(this.#backend, type, namespace, metadata.name, copyJson(object), '', request)
      return copyJson(applied.object)
    })
  }

  /**
   * Tells where the `kubernetes` Service leads: an EndpointSlice a family in `default`.
   * @param endpoints addresses and port of listeners that the cluster's nodes reach
   */
  advertise(endpoints: readonly { address: string; port: number }[]): void {
    for (const [addressType, colon] of [
      ['IPv4', false],
      ['IPv6', true],
    ] as const) {
      const mine = endpoints.filter(({ address }) => address.includes(':') === colon)
      if (mine.length === 0) continue
      this.applyManifest([
        {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: {
            name: addressType === 'IPv4' ? 'kubernetes' : 'kubernetes-ipv6',
            namespace: 'default',
            labels: { 'kubernetes.io/service-name': 'kubernetes' },
          },
          addressType,
          ports: [{ name: 'https', protocol: 'TCP', port: mine[0]!.port }],
          endpoints: mine.map(({ address }) => ({ addresses: [address], conditions: { ready: true } })),
        } as KubeObject,
      ])
    }
  }

  /** What every cluster has from the start. */
  #furnish(services: ServiceRegistry): void {
    for (const name of NAMESPACES) {
      this.#seed('namespaces', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      })
    }
    for (const [collection, object] of bootstrapAccess()) this.#seed(collection, object)
    const type = this.#backend.types.find('', 'v1', 'services')!
    const [clusterIP] = services.kubernetesIPs
    const service: JsonObject = {
      metadata: {
        name: 'kubernetes',
        labels: { component: 'apiserver', provider: 'kubernetes' },
      },
      spec: { clusterIP, ports: [{ name: 'https', port: 443, targetPort: 6443 }] },
    }
    const request = {
      fieldManager: 'kube-apiserver',
      dryRun: false,
      fieldValidation: 'Strict' as const,
      warnings: [],
    }
    create(this.#backend, type, 'default', service, request)
    this.#seed('servicecidrs.networking.k8s.io', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: 'kubernetes' },
      spec: { cidrs: [...services.cidrs] },
      status: {
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: '',
            message: 'Kubernetes default Service CIDR is ready',
            lastTransitionTime: timestamp(this.#backend.now()),
          },
        ],
      },
    })
  }

  #seed(collection: string, object: ApiObject): void {
    const { namespace, name } = object.metadata
    const metadata = {
      ...object.metadata,
      uid: randomUUID(),
      creationTimestamp: timestamp(this.#backend.now()),
    }
    this.store.put(collection, storageKey(namespace, name), { ...object, metadata })
  }
}

function makeTls(names: readonly string[], now: number) {
  const authority = makeAuthority('fairlead-lab-ca', now)
  const all = new Set([
    'localhost',
    '127.0.0.1',
    '::1',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    ...names,
  ])
  const server = makeServerCertificate(authority, 'kube-apiserver', [...all], now)
  return { ca: authority.cert, ...server }
}

const watchLimits = (options: ApiServerOptions): WatchLimits => ({
  backlog: options.watchBacklog ?? 16 * 2 ** 20,
  bookmarkIntervalMs: options.bookmarkIntervalMs ?? 60_000,
  timeoutSeconds: 1800,
})
