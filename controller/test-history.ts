import * as fc from 'fast-check'
import { formatAddress, tryParseAddress } from '#inet/address.ts'
import { emptyConfig, type Pool, type Reservation } from '#crds/config.ts'
import { parseReservation } from '#crds/parse/reservation.ts'
import { keyOf } from '#kube/api.ts'
import type { Service } from '#kube/objects/service.ts'
import { allocation, pool } from './allocator/test-pools.ts'
import type { Decision } from './decide.ts'
import { POOL_ANNOTATION } from './request.ts'
import { byAge, Session } from './session.ts'
import { ingress, service } from './test-services.ts'

const team = { serviceSelectors: [{ matchLabels: { team: 'x' } }] }
const red = { namespaceSelectors: [{ matchLabels: { color: 'red' } }] }
const without = (...excludes: string[]): Partial<Pool> => ({ excludes: pool('', excludes).ranges })

/** Small enough to run full, and different in all that a pool can say. */
const configurations: readonly (readonly Pool[])[] = [
  [pool('a', ['10.0.0.0/30', 'fd00::/127'])],
  [pool('a', ['10.0.0.0/31']), pool('b', ['10.0.0.2/31', 'fd00::/126'])],
  [pool('a', ['10.0.0.0/30'], without('10.0.0.1/32')), pool('s', ['fd00::/126'], without('fd00::/127'))],
  [pool('b', ['10.0.0.2/31', 'fd00::/127'], allocation(team)), pool('s', ['fd00::2/127'])],
  [pool('b', ['10.0.0.0/31'], allocation({ ...red, priority: 1 })), pool('z', ['10.0.0.2/31', 'fd00::/128'])],
  [
    pool('c', ['10.0.0.0/32'], { autoAssign: false }),
    pool('d', ['10.0.9.254-10.0.10.1'], { avoidBuggyIPs: true }),
  ],
  [
    pool('a', ['10.0.0.0/29'], without('10.0.0.3-10.0.0.6')),
    pool('n', ['fd00::/127'], allocation({ namespaces: ['n1'] })),
  ],
  [],
  [pool('a', ['10.0.0.0/32', 'fd00::/128'])],
]
const addresses = ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.10.0', 'fd00::', 'fd00::1']

/** What a history is mostly about; rare things seldom meet otherwise. */
interface Flavour {
  readonly shares: readonly string[]
  readonly reserves: readonly string[]
  readonly ips: readonly string[]
  readonly configurations: readonly number[]
  /** how often compared with other events */
  readonly reservations: number
  readonly colors: number
}
const flavours: readonly Flavour[] = [
  {
    shares: ['', '', 'k'],
    reserves: ['', '', 'r1', 'r2'],
    ips: ['', '', '', ...addresses, '10.0.0.1,fd00::1', 'x'],
    configurations: configurations.map((_pools, index) => index),
    reservations: 2,
    colors: 1,
  },
  {
    shares: ['k', 'k', 'k', ''],
    reserves: [''],
    ips: [''],
    configurations: [0, 1, 8, 8, 8],
    reservations: 0,
    colors: 0,
  },
  {
    shares: ['', '', '', 'k'],
    reserves: ['', 'r1', 'r1', 'r2'],
    ips: ['', '', '', '10.0.0.0', '10.0.0.1'],
    configurations: [0, 0, 1, 4, 4],
    reservations: 5,
    colors: 3,
  },
]

const annotations = ({ shares, reserves, ips }: Flavour) =>
  fc
    .record({
      pool: fc.constantFrom('', '', '', '', 'a', 'b'),
      ips: fc.constantFrom(...ips),
      share: fc.constantFrom(...shares),
      reserve: fc.constantFrom(...reserves),
    })
    .map((one) => {
      const all = {
        'metallb.io/address-pool': one.pool,
        'metallb.io/loadBalancerIPs': one.ips,
        'metallb.io/allow-shared-ip': one.share,
        'fairlead.io/reserve': one.reserve,
      }
      return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
    })
const shapes = (flavour: Flavour) =>
  fc.record({
    clusterIPs: fc.constantFrom(['1.1.1.1'], ['::1'], ['1.1.1.1', '::1']),
    policy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
    team: fc.constantFrom('x', 'y'),
    type: fc.constantFrom('LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'ClusterIP'),
    local: fc.constantFrom(false, false, true),
    annotations: annotations(flavour),
    port: fc.constantFrom(80, 443),
  })
type Shape = ReturnType<typeof shapes> extends fc.Arbitrary<infer T> ? T : never

export type Event =
  | { readonly put: string; readonly shape: Shape; readonly crash: boolean }
  | { readonly remove: string }
  | { readonly wipe: string }
  | { readonly pools: number }
  | { readonly color: string; readonly namespace: string }
  | { readonly reserve: string; readonly addresses: readonly string[] }
  | { readonly unreserve: string }
  | { readonly restart: true }

const name = fc.constantFrom('n1/s1', 'n1/s2', 'n1/s3', 'n1/s4', 'n2/s5', 'n2/s6')
const reservationName = fc.constantFrom('n1/r1', 'n1/r2', 'n2/r1')
const crash = fc.constantFrom(false, false, false, true)
const eventsOf = (flavour: Flavour): fc.Arbitrary<Event> =>
  fc.oneof(
    { weight: 14, arbitrary: fc.record({ put: name, shape: shapes(flavour), crash }) },
    { weight: 4, arbitrary: fc.record({ remove: name }) },
    { weight: 1, arbitrary: fc.record({ wipe: name }) },
    { weight: 2, arbitrary: fc.record({ pools: fc.constantFrom(...flavour.configurations) }) },
    {
      weight: flavour.colors,
      arbitrary: fc.record({ color: fc.constantFrom('red', 'blue'), namespace: fc.constantFrom('n1', 'n2') }),
    },
    {
      weight: flavour.reservations,
      arbitrary: fc.record({
        reserve: reservationName,
        addresses: fc.uniqueArray(fc.constantFrom(...addresses), { minLength: 1, maxLength: 2 }),
      }),
    },
    { weight: flavour.reservations, arbitrary: fc.record({ unreserve: reservationName }) },
    { weight: 1, arbitrary: fc.constant({ restart: true as const }) },
  )

/** For properties: what may happen to a cluster. */
export const histories = (maxLength: number): fc.Arbitrary<Event[]> =>
  fc.oneof(...flavours.map((flavour) => fc.array(eventsOf(flavour), { maxLength, size: 'max' })))

/** More steps than any history here needs to come to rest. */
const MOST_STEPS = 2000

/** A cluster and its controller, in which every write succeeds at once unless the controller dies before. */
export class History {
  readonly services = new Map<string, Service>()
  readonly reservations = new Map<string, Reservation>()
  readonly colors = new Map<string, string>()
  config = { ...emptyConfig, pools: configurations[0] }
  session = this.newSession()
  /** how many Services were decided */
  decisions = 0
  #created = 0

  newSession(): Session {
    const namespaces = ['n1', 'n2'].map((one) => ({
      name: one,
      labels: { color: this.colors.get(one) ?? 'none' },
    }))
    const services = [...this.services.values()]
    return new Session('', this.config, [], namespaces, services, [...this.reservations.values()])
  }

  apply(event: Event): void {
    if ('put' in event) this.#put(event.put, event.shape, event.crash)
    else if ('remove' in event) {
      this.services.delete(event.remove)
      this.session.forget(event.remove)
      this.#settle([])
    } else if ('wipe' in event) {
      const present = this.services.get(event.wipe)
      if (present?.type !== 'LoadBalancer') return
      this.services.set(event.wipe, { ...present, ingress: [] })
      this.#settle([event.wipe])
    } else if ('pools' in event) {
      this.config = { ...emptyConfig, pools: configurations[event.pools] }
      this.#settle(this.session.setConfig(this.config, []))
    } else if ('color' in event) {
      this.colors.set(event.namespace, event.color)
      const matters = this.session.setNamespace(event.namespace, { color: event.color })
      const inside = [...this.services.keys()].filter((key) => key.startsWith(`${event.namespace}/`))
      this.#settle(matters ? inside : [])
    } else if ('reserve' in event) {
      const present = this.reservations.get(event.reserve)
      const made = this.#reservation(event.reserve, event.addresses, present?.recordedService ?? '')
      this.#settle(this.#know(event.reserve, { ...made, created: present?.created ?? made.created }))
    } else if ('unreserve' in event) this.#settle(this.#know(event.unreserve, undefined))
    else this.restart()
  }

  /** Another replica takes over: it knows what was written. */
  restart(): void {
    this.session = this.newSession()
    this.#settle([...this.services.values()].sort(byAge).map(keyOf))
  }

  decisionOf(key: string): Decision | undefined {
    return this.session.outcome(key)
  }

  #put(key: string, one: Shape, crash: boolean): void {
    const present = this.services.get(key)
    const [namespace, serviceName] = key.split('/')
    const next = service(serviceName, {
      namespace,
      labels: { team: one.team },
      annotations: { ...one.annotations, ...kept(present) },
      creationTimestamp: present?.creationTimestamp ?? this.#time(),
      spec: {
        type: one.type,
        clusterIPs: one.clusterIPs,
        ipFamilyPolicy: one.policy,
        externalTrafficPolicy: one.local ? 'Local' : 'Cluster',
        selector: { app: serviceName },
        ports: [{ port: one.port }],
      },
      status: ingress(...(present?.ingress.map(({ ip }) => ip ?? '') ?? [])),
    })
    this.services.set(key, next)
    if (!crash) return this.#settle([key])
    // Decided, not written, and then gone.
    this.session.decide(next)
    this.restart()
  }

  #time(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.#created++ * 1000).toISOString()
  }

  #reservation(key: string, list: readonly string[], recordedService: string): Reservation {
    const [namespace, reservationOf] = key.split('/')
    return parseReservation({
      metadata: { namespace, name: reservationOf, creationTimestamp: this.#time() },
      spec: { addresses: list },
      status: { service: recordedService },
    })
  }

  #know(key: string, reservation: Reservation | undefined): string[] {
    if (reservation === undefined) this.reservations.delete(key)
    else this.reservations.set(key, reservation)
    return this.session.setReservation(key, reservation)
  }

  /** Decides the dirty keys, writes, and goes on with what this makes worth looking at. */
  #settle(dirty: readonly string[]): void {
    const queue = new Set([...dirty, ...this.session.takeHopeful()])
    const touched = new Set(this.session.takeTouchedReservations())
    for (let step = 0; queue.size + touched.size > 0; step++) {
      if (step > MOST_STEPS) throw new Error('it never comes to rest')
      const [key] = queue
      const [reservation] = touched
      if (key !== undefined) {
        queue.delete(key)
        this.#decide(key)
      } else {
        touched.delete(reservation)
        for (const affected of this.#writeReservation(reservation)) queue.add(affected)
      }
      for (const hopeful of this.session.takeHopeful()) queue.add(hopeful)
      for (const one of this.session.takeTouchedReservations()) touched.add(one)
    }
  }

  #decide(key: string): void {
    const present = this.services.get(key)
    if (present === undefined) return
    this.decisions++
    const decision = this.session.decide(present)
    const { [POOL_ANNOTATION]: _pool, ...rest } = present.annotations
    if ('notOurs' in decision) {
      this.services.set(key, { ...present, annotations: rest, ingress: [] })
      return
    }
    const { reservation } = decision
    if (reservation !== '' && !this.reservations.has(reservation))
      this.#know(reservation, this.#reservation(reservation, decision.addresses.map(formatAddress), ''))
    const named = decision.pool === '' ? rest : { ...rest, [POOL_ANNOTATION]: decision.pool }
    const given = decision.addresses.map((address) => ({ ip: formatAddress(address) }))
    this.services.set(key, { ...present, annotations: named, ingress: given })
  }

  #writeReservation(key: string): string[] {
    const present = this.reservations.get(key)
    const { holder, addresses: held } = this.session.reservationState(key)
    if (present === undefined) {
      if (holder === '') return []
      return this.#know(key, this.#reservation(key, held.map(formatAddress), ''))
    }
    const recordedService = holder.slice(holder.indexOf('/') + 1)
    return present.recordedService === recordedService ? [] : this.#know(key, { ...present, recordedService })
  }
}

const kept = (present: Service | undefined): Record<string, string> => {
  const name = present?.annotations[POOL_ANNOTATION]
  return name === undefined ? {} : { [POOL_ANNOTATION]: name }
}

/** The addresses of a Service as it says, IPv4 first. */
export const addressesOf = ({ ingress: all }: Service) =>
  all.flatMap(({ ip }) => tryParseAddress(ip ?? '') ?? [])
