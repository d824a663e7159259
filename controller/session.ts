import type { Address, Family } from '#inet/address.ts'
import type { Config, Problem, Reservation } from '#crds/config.ts'
import { keyOf } from '#kube/api.ts'
import type { Namespace } from '#kube/objects/node.ts'
import type { Service } from '#kube/objects/service.ts'
import { Allocator } from './allocator/allocator.ts'
import type { Assignment } from './allocator/outcome.ts'
import type { NotKept } from './allocator/register.ts'
import type { ReservedAddresses } from './allocator/reservations.ts'
import { WaitingList } from './allocator/waiting.ts'
import { adopt, decide, isServed, served, type Decision, type NotOurs, type Scope } from './decide.ts'

/**
 * The state of allocation while this replica leads: made anew from what Services have when it begins to lead, and
 * dropped when it ends. Synchronous and without I/O.
 */
export class Session<R extends Reservation = Reservation> {
  readonly #allocator = new Allocator()
  /** of Services that have all that they want only the assignment that was decided on */
  readonly #outcomes = new Map<string, Decision | Assignment>()
  /** which object of a name was adopted or decided on */
  readonly #uids = new Map<string, string>()
  /** Services of ours that lack an address, longest waiting first */
  readonly #pending = new Set<string>()
  readonly #waiting = new WaitingList(this.#allocator.register)
  readonly #reservations = new Map<string, R>()
  #scope: Scope

  constructor(
    loadBalancerClass: string,
    config: Config,
    problems: readonly Problem[],
    namespaces: Iterable<Namespace>,
    services: readonly Service[],
    reservations: readonly R[] = [],
  ) {
    this.#scope = scopeOf(this.#allocator, loadBalancerClass, config, problems)
    for (const { name, labels } of namespaces) this.#allocator.setNamespace(name, labels)
    this.#allocator.setPools(config.pools)
    for (const reservation of reservations) this.setReservation(keyOf(reservation), reservation)
    for (const service of [...services].sort(byAge)) {
      const key = keyOf(service)
      adopt(service, this.#scope, key)
      if (this.has(key)) this.#uids.set(key, service.uid)
    }
    // Nobody waits yet.
    this.#allocator.register.changes.takeOpenings()
  }

  /** @param key of the Service: the one text that is kept everywhere */
  decide(service: Service, key = keyOf(service)): Decision | NotOurs {
    const decision = decide(service, this.#scope, key)
    if ('notOurs' in decision) {
      this.#drop(key)
      return decision
    }
    const assignment = this.#allocator.assignment(key)
    if (assignment !== undefined && isServed(decision, assignment)) this.#outcomes.set(key, assignment)
    // Its events are told once.
    else this.#outcomes.set(key, decision.events.length === 0 ? decision : { ...decision, events: NO_EVENTS })
    this.#uids.set(key, service.uid)
    if (decision.wantsMore) this.#pending.add(key)
    else this.#pending.delete(key)
    if (decision.wish === undefined) this.#waiting.delete(key)
    else this.#waiting.set(key, decision.wish, `${service.creationTimestamp} ${key}`)
    return decision
  }

  /**
   * Is this another object than what is known under its name? Then that one is gone, whether anybody saw it go or
   * not, and has to be forgotten before: its address was never this one's.
   */
  replaces(service: Service, key = keyOf(service)): boolean {
    const uid = this.#uids.get(key)
    return uid !== undefined && uid !== service.uid
  }

  /** The Service is gone. */
  forget(key: string): void {
    this.#allocator.release(key)
    this.#drop(key)
  }

  #drop(key: string): void {
    this.#outcomes.delete(key)
    this.#uids.delete(key)
    this.#pending.delete(key)
    this.#waiting.delete(key)
  }

  /** @returns the Services that the new configuration could affect */
  setConfig(config: Config, problems: readonly Problem[]): string[] {
    this.#scope = scopeOf(this.#allocator, this.#scope.loadBalancerClass, config, problems)
    const affected = this.#allocator.setPools(config.pools)
    // Whoever waits is told of each pool why it will not do.
    return [...new Set([...affected, ...this.#pending])]
  }

  /** @returns true when this makes a difference to the Services of the namespace */
  setNamespace(name: string, labels: Namespace['labels'] | undefined): boolean {
    return this.#allocator.setNamespace(name, labels)
  }

  /**
   * @param reservation undefined when there is no such object any more
   * @returns the Services that it could affect at once
   */
  setReservation(key: string, reservation: R | undefined): string[] {
    if (reservation === undefined) this.#reservations.delete(key)
    else this.#reservations.set(key, reservation)
    return this.#allocator.setReservation(key, reservation && reservedAddresses(key, reservation))
  }

  /** What is known of an AddressReservation. */
  reservation(key: string): R | undefined {
    return this.#reservations.get(key)
  }

  /** What should be true of an AddressReservation. */
  reservationState(key: string): ReservationState {
    const { register } = this.#allocator
    const holder = this.#allocator.holder(key) ?? ''
    const { addresses = [], invalid = '' } = this.#reservations.get(key) ?? {}
    const assignment = this.#allocator.assignment(holder)
    const problems = addresses.flatMap((address) => register.whyNotKept(key, holder, address) ?? [])
    return {
      holder,
      addresses: assignment?.addresses ?? [],
      pools: [...new Set(assignment?.pools)].filter((pool) => pool !== ''),
      problem: invalid === '' ? problems[0] : { reason: 'Invalid', message: invalid },
    }
  }

  /**
   * Services that may get, of what has become available, what they were refused before. After each of them was
   * decided, ask again.
   */
  takeHopeful(): string[] {
    for (const opening of this.#allocator.register.changes.takeOpenings()) this.#waiting.offer(opening)
    return this.#waiting.take()
  }

  /** Pools whose counts may have changed since the last call. */
  takeTouched(): string[] {
    return this.#allocator.register.changes.takePools()
  }

  /** AddressReservations of which the state may have changed since the last call. */
  takeTouchedReservations(): string[] {
    return this.#allocator.register.changes.takeReservations()
  }

  outcome(key: string): Decision | undefined {
    const known = this.#outcomes.get(key)
    return known !== undefined && 'claim' in known ? served(known) : known
  }

  /** What a Service has, decided or adopted. */
  addresses(key: string): readonly Address[] {
    return this.#allocator.assignment(key)?.addresses ?? []
  }

  has(key: string): boolean {
    return this.#outcomes.has(key) || this.#allocator.assignment(key) !== undefined
  }

  /** The free addresses of a pool, in order: for small pools. */
  free(pool: string, family: Family): Iterable<Address> {
    return this.#allocator.register.pools.get(pool)?.free(family) ?? []
  }

  counts(pool: string): ReturnType<Allocator['counts']> {
    return this.#allocator.counts(pool)
  }
}

const NO_EVENTS: readonly never[] = Object.freeze([])

/** What an AddressReservation should say. */
export interface ReservationState {
  /** key of the Service that holds it, '' for none */
  readonly holder: string
  /** of the holder, IPv4 first */
  readonly addresses: readonly Address[]
  /** their pools */
  readonly pools: readonly string[]
  /** why its addresses are not kept for it, undefined when they are */
  readonly problem: { readonly reason: NotKept['reason'] | 'Invalid'; readonly message: string } | undefined
}

function reservedAddresses(
  key: string,
  { namespace, created, addresses, invalid, recordedService }: Reservation,
): ReservedAddresses {
  const recordedHolder = recordedService === '' ? '' : `${namespace}/${recordedService}`
  return { key, namespace, created, addresses, invalid, recordedHolder }
}

/** Those with an address first, then the older ones, then by name. */
export function byAge(a: Service, b: Service): number {
  return (
    waits(a) - waits(b) || compare(a.creationTimestamp, b.creationTimestamp) || compare(keyOf(a), keyOf(b))
  )
}

const waits = ({ ingress }: Service): number => Number(ingress.length === 0)

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

function scopeOf(
  allocator: Allocator,
  loadBalancerClass: string,
  config: Config,
  problems: readonly Problem[],
): Scope {
  const inForce = new Set(config.pools.map(({ name }) => name))
  const brokenPools = new Map<string, string>()
  for (const { kind, name, severity, field, message } of problems) {
    if (kind === 'IPAddressPool' && severity === 'error' && !inForce.has(name) && !brokenPools.has(name))
      brokenPools.set(name, `${field}: ${message}`)
  }
  return { allocator, loadBalancerClass, brokenPools, noPools: config.pools.length === 0 }
}
