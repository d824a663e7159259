import type { KubeObject } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { startController, type ControllerProcess } from './main.ts'
import { RESERVE_ANNOTATION } from './request.ts'
import { projectReservation, type ReservationObject } from './reservation.ts'
import { ADDRESS_ASSIGNED } from './status-patch.ts'
import { rawService } from './test-services.ts'

const namespace = 'metallb-system'

/** For tests: a controller on a fake API server, and the cluster as a person sees it. */
export class ReservationWorld {
  readonly clock = new TestClock()
  readonly api = new FakeKubeApi({ clock: this.clock })
  readonly #running: ControllerProcess[] = []

  async start(identity = 'one'): Promise<ControllerProcess> {
    const { api, clock } = this
    const options = { api, clock, namespace, identity, loadBalancerClass: '', log: silentLogger }
    const started = await startController({ ...options, leaderElect: false })
    this.#running.push(started)
    await clock.advance(20)
    return started
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((one) => one.stop()))
  }

  async pool(name: string, spec: object): Promise<void> {
    const key = { namespace, name }
    const { items } = await this.api.list(resources.ipAddressPools, {})
    if (items.some(({ metadata }) => metadata.name === name))
      await this.api.patch(resources.ipAddressPools, key, { spec }, { type: 'merge' })
    else await this.api.create(resources.ipAddressPools, { metadata: key, spec } as KubeObject)
    await this.clock.advance(20)
  }

  /** A Service with the annotation; each is a second younger than the one before. */
  async service(name: string, reserve: string, more: Parameters<typeof rawService>[1] = {}): Promise<void> {
    await this.clock.advance(1000)
    const annotations = reserve === '' ? {} : { [RESERVE_ANNOTATION]: reserve }
    await this.api.create(resources.services, rawService(name, { annotations, ...more }))
    await this.clock.advance(20)
  }

  async change(name: string, patch: object): Promise<void> {
    await this.api.patch(resources.services, { namespace: 'test', name }, patch, { type: 'merge' })
    await this.clock.advance(20)
  }

  reserve = (name: string, reserve: string | null) =>
    this.change(name, { metadata: { annotations: { [RESERVE_ANNOTATION]: reserve } } })

  async remove(name: string): Promise<void> {
    await this.api.delete(resources.services, { namespace: 'test', name })
    await this.clock.advance(20)
  }

  async reservation(name: string, addresses: readonly string[], inNamespace = 'test'): Promise<void> {
    const object = { metadata: { namespace: inNamespace, name }, spec: { addresses } }
    await this.api.create(resources.addressReservations, object as KubeObject)
    await this.clock.advance(20)
  }

  async removeReservation(name: string): Promise<void> {
    await this.api.delete(resources.addressReservations, { namespace: 'test', name })
    await this.clock.advance(20)
  }

  async read(name: string): Promise<Service> {
    return projectService(await this.api.get(resources.services, { namespace: 'test', name }))
  }

  /** The addresses of a Service, or why it has none: `reason: message`, without what a person can do about it. */
  async has(name: string): Promise<string> {
    const { ingress, conditions } = await this.read(name)
    const { reason, message } = conditions.find(({ type }) => type === ADDRESS_ASSIGNED) ?? {}
    const addresses = ingress.map(({ ip }) => ip).join(' ')
    const [why] = (message ?? '').split(/\. (?=[A-Z])/)
    return reason === 'Assigned' ? addresses : [addresses, `${reason}: ${why}`].join(' ').trim()
  }

  async reserved(name: string, inNamespace = 'test'): Promise<ReservationObject> {
    const key = { namespace: inNamespace, name }
    return projectReservation(await this.api.get(resources.addressReservations, key))
  }

  /** `addresses phase service`, and what is wrong. */
  async state(name: string, inNamespace = 'test'): Promise<string> {
    const object = await this.api.get(resources.addressReservations, { namespace: inNamespace, name })
    const { spec } = object as unknown as { spec: { addresses: string[] } }
    const { phase, recordedService, conditions } = projectReservation(object)
    const [condition] = conditions
    const wrong = condition?.status === 'False' ? `${condition.reason}: ${condition.message}` : ''
    return [...spec.addresses, phase, recordedService, wrong].filter((text) => text !== '').join(' ')
  }

  async assigned(pool: string): Promise<unknown> {
    await this.clock.advance(1500)
    const object = await this.api.get(resources.ipAddressPools, { namespace, name: pool })
    return (object as unknown as { status?: { assignedIPv4: number } }).status?.assignedIPv4
  }
}
