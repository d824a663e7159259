import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import { keyOf, type KubeObject } from '#kube/api.ts'
import { isKubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { startController, type ControllerProcess } from './main.ts'
import { RESERVE_ANNOTATION } from './request.ts'
import { projectReservation } from './reservation.ts'
import { StallingApi } from './test-replica.ts'
import { rawService } from './test-services.ts'

const RUNS = 25
const namespace = 'metallb-system'
const pools = [['10.0.0.0/29'], ['10.0.0.4-10.0.0.20'], ['10.0.0.0-10.0.0.3', '10.0.1.0/28']]

type Event =
  | { readonly create: string; readonly reserve: string }
  | { readonly remove: string }
  | { readonly pool: number }
  | { readonly wait: number }
  | { readonly stall: number }
  | { readonly resume: number }
  | { readonly replace: number }

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const replica = fc.constantFrom(0, 1)
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ create: name, reserve: fc.constantFrom('', '', 'x', 'y') }) },
  { weight: 3, arbitrary: fc.record({ remove: name }) },
  { weight: 1, arbitrary: fc.record({ pool: fc.nat(pools.length - 1) }) },
  { weight: 4, arbitrary: fc.record({ wait: fc.constantFrom(0, 50, 3000, 12_000, 30_000) }) },
  { weight: 2, arbitrary: fc.record({ stall: replica }) },
  { weight: 2, arbitrary: fc.record({ resume: replica }) },
  { weight: 1, arbitrary: fc.record({ replace: replica }) },
)

/** Two replicas of a controller; each may lose its connection for any time, end, or be replaced. */
class Cluster {
  readonly clock = new TestClock()
  readonly api = new FakeKubeApi({ clock: this.clock })
  readonly #replicas: { api: StallingApi; process: ControllerProcess }[] = []
  #started = 0

  async start(): Promise<void> {
    const metadata = { namespace, name: 'p' }
    await this.api.create(resources.ipAddressPools, { metadata, spec: { addresses: pools[0] } } as KubeObject)
    this.#replicas.push(await this.replica(), await this.replica())
    await this.clock.advance(3000)
  }

  async replica(): Promise<{ api: StallingApi; process: ControllerProcess }> {
    const api = new StallingApi(this.api)
    const identity = `replica-${this.#started++}`
    const { clock } = this
    const options = { api, clock, namespace, identity, loadBalancerClass: '', log: silentLogger }
    return { api, process: await startController(options) }
  }

  async apply(one: Event): Promise<void> {
    if ('create' in one) await this.#create(one.create, one.reserve)
    else if ('remove' in one) await ignore(this.api.delete(resources.services, this.#key(one.remove)))
    else if ('pool' in one) {
      const patch = { spec: { addresses: pools[one.pool] } }
      await this.api.patch(resources.ipAddressPools, { namespace, name: 'p' }, patch, { type: 'merge' })
    } else if ('wait' in one) await this.clock.advance(one.wait)
    else if ('stall' in one) this.#replicas[one.stall].api.stall()
    else if ('resume' in one) this.#replicas[one.resume].api.resume()
    else {
      const { api, process } = this.#replicas[one.replace]
      const stopped = process.stop()
      // What it still had to say arrives after its successor began.
      this.#replicas[one.replace] = await this.replica()
      await this.clock.advance(1000)
      api.resume()
      await stopped
    }
  }

  async rest(): Promise<void> {
    for (const { api } of this.#replicas) api.resume()
    await this.clock.advance(120_000)
  }

  async stop(): Promise<void> {
    for (const { api } of this.#replicas) api.resume()
    await Promise.all(this.#replicas.map(({ process }) => process.stop()))
  }

  async services(): Promise<Service[]> {
    return (await this.api.list(resources.services, {})).items.map(projectService)
  }

  #key = (one: string) => ({ namespace: 'test', name: one })

  async #create(one: string, reserve: string): Promise<void> {
    await this.clock.advance(1)
    const annotations = reserve === '' ? {} : { [RESERVE_ANNOTATION]: reserve }
    await ignore(this.api.create(resources.services, rawService(one, { annotations })))
  }
}

const ignore = (work: Promise<unknown>): Promise<void> =>
  work.then(
    () => {},
    (error: unknown) => {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND', 'FL_KUBE_EXISTS')) throw error
    },
  )

const addressOf = ({ ingress }: Service): string => ingress.map(({ ip }) => ip).join()

function expectUnique(services: readonly Service[]): void {
  const given = services.map(addressOf).filter((address) => address !== '')
  expect(new Set(given).size).toBe(given.length)
}

async function runThrough(events: readonly Event[]): Promise<void> {
  const cluster = new Cluster()
  await cluster.start()
  try {
    for (const one of events) {
      await cluster.apply(one)
      expectUnique(await cluster.services())
    }
    await cluster.rest()
    const services = await cluster.services()
    expectUnique(services)
    const { items } = await cluster.api.list(resources.addressReservations, {})
    const reservations = items.map(projectReservation)
    for (const service of services) expectServed(service, services)
    for (const { addresses, recordedService } of reservations) {
      const users = services.filter((one) => addresses.map(formatAddress).includes(addressOf(one)))
      if (recordedService !== '') expect(users.map((one) => one.name)).toEqual([recordedService])
    }
    await cluster.stop()
    cluster.api.requests.length = 0
    const third = await cluster.replica()
    await cluster.clock.advance(30_000)
    const writes = cluster.api.requests.filter((one) => /^(create|patch|update|delete)/.test(one))
    expect(
      writes.filter((one) => !/ (leases|events|ipaddresspools\/status|configurationstates)/.test(one)),
    ).toEqual([])
    await third.process.stop()
  } finally {
    await cluster.stop()
  }
}

test(`two replicas, stalled and replaced at any time, never give an address twice, serve all whom they can, and leave nothing for a third to change (${RUNS} runs)`, async () => {
  await fc.assert(fc.asyncProperty(fc.array(event, { maxLength: 25, size: 'max' }), runThrough), {
    numRuns: RUNS,
  })
}, 30_000)

/** What such histories found. */
const found: readonly (readonly [string, readonly Event[]])[] = [
  [
    'a Service comes again under its name, unseen by a leader that is cut off',
    [
      { create: 'e', reserve: '' },
      { stall: 0 },
      { create: 'a', reserve: 'x' },
      { remove: 'e' },
      { create: 'e', reserve: 'x' },
    ],
  ],
]

test.each(found)('%s', async (_what, events) => {
  await runThrough(events)
})

/** Only a reservation that another holds, or that the pool does not have any more, leaves a Service without. */
function expectServed(service: Service, services: readonly Service[]): void {
  const { reason } = service.conditions.find(({ type }) => type === 'fairlead.io/AddressAssigned') ?? {}
  if (addressOf(service) !== '') return expect(reason).toBe('Assigned')
  const name = service.annotations[RESERVE_ANNOTATION]
  expect(name, `${keyOf(service)} ${reason}`).toBeDefined()
  if (reason === 'ReservationMismatch') return
  expect(reason).toBe('ReservationInUse')
  const rivals = services.filter((one) => one !== service && one.annotations[RESERVE_ANNOTATION] === name)
  expect(rivals.some((one) => addressOf(one) !== '')).toBe(true)
}
