import type { KubeObject, ObjectKey, PatchOptions, Resource } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { startController, type ControllerProcess } from '../main.ts'
import { rawService } from '../test-services.ts'
import { ReplicaApi, ReplicaClock, type Write } from './test-replica.ts'

export const namespace = 'metallb-system'

export interface Replica {
  readonly identity: string
  readonly clock: ReplicaClock
  readonly api: ReplicaApi
  readonly process: ControllerProcess
}

interface Lease extends KubeObject {
  spec?: { holderIdentity?: string }
}

/** Looks after each write of a Service's status whether two Services have one address. */
class WatchfulApi extends FakeKubeApi {
  /** such addresses, at any moment: there must be none */
  readonly doubles: string[] = []

  override async patch(
    resource: Resource,
    key: ObjectKey,
    body: unknown,
    options: PatchOptions,
  ): Promise<KubeObject> {
    const written = await super.patch(resource, key, body, options)
    if (resource !== resources.services || options.subresource !== 'status') return written
    const seen = new Map<string, string>()
    for (const { name, ingress } of (await this.list(resource, {})).items.map(projectService)) {
      for (const { ip = '' } of ingress) {
        if (seen.has(ip)) this.doubles.push(`${ip}: ${seen.get(ip)} and ${name}`)
        seen.set(ip, name)
      }
    }
    return written
  }
}

/** For tests: an API server, its users, and replicas of the controller that have trouble with it. */
export class TestCluster {
  readonly clock = new TestClock()
  readonly api = new WatchfulApi({ clock: this.clock })
  readonly replicas: Replica[] = []
  /** writes, Events apart, that a replica began while another one held the Lease: there must be none */
  readonly unfenced: (Write & { readonly by: string; readonly holder: string })[] = []
  readonly #random: () => number
  #started = 0

  constructor(random: () => number = () => 0.5) {
    this.#random = random
  }

  async start(identity = `replica-${++this.#started}`): Promise<Replica> {
    const clock = new ReplicaClock(this.clock)
    const api = new ReplicaApi({
      api: this.api,
      clock: this.clock,
      replica: clock,
      random: this.#random,
      onWrite: (write) => this.#check(identity, write),
    })
    const process = await startController({
      api,
      clock,
      namespace,
      identity,
      loadBalancerClass: '',
      log: silentLogger,
    })
    const replica = { identity, clock, api, process }
    this.replicas.push(replica)
    await this.clock.advance(10)
    return replica
  }

  /** It gives its Lease back. */
  async stop(replica: Replica): Promise<void> {
    this.replicas.splice(this.replicas.indexOf(replica), 1)
    const stopped = replica.process.stop()
    while (!(await settled(stopped))) await this.clock.advance(100)
  }

  /** It is gone, and nobody gives its Lease back. */
  kill(replica: Replica): void {
    this.replicas.splice(this.replicas.indexOf(replica), 1)
    replica.clock.freeze()
  }

  async end(): Promise<void> {
    for (const replica of this.replicas.slice()) {
      replica.clock.thaw()
      await this.stop(replica)
    }
  }

  createPool(name: string, ...addresses: string[]): Promise<KubeObject> {
    return this.api.create(resources.ipAddressPools, {
      metadata: { name, namespace },
      spec: { addresses },
    } as KubeObject)
  }

  editPool(name: string, ...addresses: string[]): Promise<KubeObject> {
    const key = { namespace, name }
    return this.api.patch(resources.ipAddressPools, key, { spec: { addresses } }, { type: 'merge' })
  }

  createService(name: string, more?: Parameters<typeof rawService>[1]): Promise<KubeObject> {
    return this.api.create(resources.services, rawService(name, more))
  }

  deleteService(name: string): Promise<void> {
    return this.api.delete(resources.services, { namespace: 'test', name })
  }

  patchService(name: string, body: object): Promise<KubeObject> {
    return this.api.patch(resources.services, { namespace: 'test', name }, body, { type: 'merge' })
  }

  async service(name: string): Promise<Service> {
    return projectService(await this.api.get(resources.services, { namespace: 'test', name }))
  }

  async services(): Promise<Service[]> {
    return (await this.api.list(resources.services, {})).items.map(projectService)
  }

  /** The addresses of each Service, as everybody can read them. */
  async assigned(): Promise<Map<string, string[]>> {
    return new Map(
      (await this.services()).map(({ name, ingress }) => [name, ingress.map(({ ip }) => ip ?? '')]),
    )
  }

  /** `REASON MESSAGE` of each Event about a Service, in order; one that was said more often once. */
  async events(name: string): Promise<string[]> {
    const { items } = await this.api.list(resources.events, { namespace: 'test' })
    return (items as (KubeObject & { involvedObject: { name: string }; reason: string; message: string })[])
      .filter(({ involvedObject }) => involvedObject.name === name)
      .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
      .map(({ reason, message }) => `${reason} ${message}`)
  }

  /** How often a replica wrote, or began to write, the status of a Service. */
  statusWrites(name = ''): number {
    return this.api.requests.filter((request) => request.startsWith(`patch services/status test/${name}`))
      .length
  }

  #check(identity: string, write: Write): void {
    if (write.resource === 'events' || write.resource === 'leases') return
    void this.#holder().then((holder) => {
      if (holder !== '' && holder !== identity) this.unfenced.push({ ...write, by: identity, holder })
    })
  }

  async #holder(): Promise<string> {
    try {
      const key = { namespace, name: 'fairlead-controller' }
      return ((await this.api.get(resources.leases, key)) as Lease).spec?.holderIdentity ?? ''
    } catch {
      return ''
    }
  }
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  const turn = new Promise((resolve) => setImmediate(resolve, pending))
  return (await Promise.race([promise, turn])) !== pending
}
